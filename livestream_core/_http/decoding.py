"""Undoing the coding of a body in bounded memory, however much it says in a few bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

#: The most that comes out of a decoder at once.
_PIECE = 64 * 1024


#: A body is not what its header says.
DecodeError = zlib.error


class CutOffError(Exception):
    """A coded body ends before its end."""


def decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces of a body, decoded.

    Args:
        pieces: The body as it was sent.
        encoding: The answer's ``Content-Encoding``.

    Raises:
        zlib.error: It is not what the header says, or the coding is unknown.
        CutOffError: It ends in the middle.
    """
    for coding in reversed(encoding.lower().split(",")):
        match coding.strip():
            case "gzip" | "x-gzip":
                pieces = _inflated(pieces, is_gzip=True)
            case "deflate":
                pieces = _inflated(pieces, is_gzip=False)
            case "" | "identity":
                pass
            case _:
                pieces = _refused(pieces)
    return pieces


def _refused(pieces: Iterator[bytes]) -> Iterator[bytes]:
    if any(pieces):
        raise zlib.error("unknown coding")
    yield from ()


def _inflated(pieces: Iterator[bytes], *, is_gzip: bool) -> Iterator[bytes]:
    decoder = None
    for piece in pieces:
        while piece:
            if decoder is not None and decoder.eof:
                # gzip may go on with another member; what else follows is ignored, as elsewhere.
                piece = piece.lstrip(b"\0")
                if not (is_gzip and piece.startswith(b"\x1f")):
                    break
                decoder = None
            if decoder is None:
                # "deflate" is sent with a header of zlib's, which begins so, and without.
                header = 31 if is_gzip else 15 if piece[0] & 15 == 8 else -15
                decoder = zlib.decompressobj(header)
            while True:
                part = decoder.decompress(piece, _PIECE)
                if part:
                    yield part
                piece = decoder.unconsumed_tail
                if decoder.eof or not (piece or len(part) == _PIECE):
                    break
            piece = decoder.unused_data
    if decoder is not None and not decoder.eof:
        raise CutOffError
