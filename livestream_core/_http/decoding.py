"""Decoding compressed bodies in bounded memory, however much they expand."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

#: The largest piece that a decoder returns at once.
_PIECE = 64 * 1024

#: The error for a body that is not encoded as its header says.
DecodeError = zlib.error


class CutOffError(Exception):
    """An encoded body was cut off."""


def decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Return the decoded pieces of a body.

    Args:
        pieces: The body as it was received.
        encoding: The response's ``Content-Encoding``.

    Raises:
        zlib.error: If the body is not encoded as the header says, or the coding is unknown.
        CutOffError: If the body was cut off.
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
                # gzip may continue with another member; other trailing data is ignored, as usual.
                piece = piece.lstrip(b"\0")
                if not (is_gzip and piece.startswith(b"\x1f")):
                    break
                decoder = None
            if decoder is None:
                # "deflate" is sent both with a zlib header, which begins like this, and without.
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
