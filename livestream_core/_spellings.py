"""Finds known secrets in a text, however the text spells them.

A text is not searched for every secret: it is decoded once, with a note of where each character
came from, and its parts are looked up among the secrets, which were decoded as well. So it does
not matter in which way and how often a secret was escaped, and the time depends on the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

#: Shorter stream keys are found as whole words only, and never cut off a URL: an application may be
#: called "live", and so may a stream.
SHORTEST_KEY = 8

#: How often a text is decoded: escapes of escapes, and such as stand in the secret itself.
_PASSES = 6
#: How often base64 is decoded in base64.
_DEPTH = 2
#: Secrets are found by so many characters from their middle: what stands next to a secret can
#: change how its first and last characters are read, as "%" does with "41".
_ANCHOR = 4
#: So many secrets with one anchor are compared with what stands there in part.
_COMPARED = 100
#: After so many comparisons all of the text is taken for a secret. Only texts and secrets that were
#: made for it get there.
_MOST_COMPARISONS = 2_000_000

_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9a-fA-F]{2})++)"
    r"|%u(?P<script>[0-9a-fA-F]{4})"
    r"|\\++(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\++u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<code>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|x(?P<hex>[0-9a-fA-F]{2})"
    r"|(?P<letter>.?))"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    re.DOTALL,
)
_MAY_BE_ESCAPED = re.compile(r"[%\\]|&#?\w{1,32};")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

#: Where a word may begin and end.
_WORD_BEGINS = re.compile(r"(?<![\w.-])(?=\S)")
_WORD_ENDS = re.compile(r"(?![\w-]|\.\w)")
#: Shorter secrets are not looked for in what base64 says: every text says so much by chance.
_SHORTEST_IN_BASE64 = 4
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11}")
_TO_BASE64 = bytes(
    ord({"-": "+", "_": "/"}.get(chr(c), chr(c) if chr(c).isalnum() or chr(c) in "+/" else "A"))
    if c < 128
    else ord("A")
    for c in range(256)
)

#: Where each character of a decoded text began in the text that it was read from, and the end;
#: None where every one stands where it stood.
Places = Sequence[int] | None


def decoded(text: str) -> tuple[str, Places]:
    """A text without escapes, and where its characters came from. A blank and a plus are one: forms
    write the one for the other."""
    places: Places = None
    if _MAY_BE_ESCAPED.search(text):
        for _ in range(_PASSES):
            read = _decoded_once(text, range(len(text) + 1) if places is None else places)
            if read is None:
                break
            text, places = read
    return text.replace(" ", "+"), places


def _decoded_once(text: str, places: Sequence[int]) -> tuple[str, Sequence[int]] | None:
    parts: list[str] = []
    began: list[int] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        start = found.start()
        parts.append(text[end:start])
        began.extend(places[end:start])
        end = found.end()
        meant = _meant(found)
        parts.append(meant)
        if found["percent"]:
            for character in meant:
                began.append(places[start])
                start += 3 * len(character.encode("utf-8", "surrogateescape"))
        else:
            began.extend([places[start]] * len(meant))
    if not end:
        return None
    parts.append(text[end:])
    began.extend(places[end:])
    return "".join(parts), began


def _meant(found: re.Match[str]) -> str:
    """What an escape stands for."""
    kind = found.lastgroup
    if kind == "percent":
        return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
    if kind == "letter":
        return _LETTERS.get(found[kind], found[kind])
    if kind == "low":
        return chr(
            0x10000 + ((int(found["high"], 16) - 0xD800) << 10) + int(found["low"], 16) - 0xDC00
        )
    if kind is not None:
        code = int(found[kind], 16)
        return chr(code) if code <= 0x10FFFF else found[0]
    import html

    return html.unescape(found[0])


class KnownSecrets:
    """Secrets that are looked for in texts."""

    def __init__(self, secrets: Iterable[str] = (), *, shortest: int = SHORTEST_KEY) -> None:
        self._known: set[str] = set()
        #: By what they are decoded.
        self._whole: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._by_anchor: dict[str, list[str]] = {}
        for secret in secrets:
            self.add(secret, shortest=shortest)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, secret: object) -> bool:
        return secret in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def add(self, secret: str, *, shortest: int = SHORTEST_KEY) -> None:
        """Looks for a secret from now on; as a whole word only if it is shorter than that."""
        if not secret or secret in self._known:
            return
        spellings = {decoded(secret)[0]}
        if not secret.isascii():
            # As base64 has it, which is read byte by byte.
            spellings |= {decoded(_bytes(secret))[0]}
        for spelling in spellings:
            if len(secret) < shortest or len(spelling) < _ANCHOR:
                self._words[spelling] = secret
            elif spelling not in self._whole:
                self._whole[spelling] = secret
                at = _anchor_of(len(spelling))
                self._by_anchor.setdefault(spelling[at : at + _ANCHOR], []).append(spelling)
        self._known.add(secret)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Where in a text which secret stands, in no order."""
        if not self._known:
            return []
        return self._find(text, _DEPTH)

    def _find(self, text: str, depth: int) -> list[tuple[int, int, str]]:
        read, places = decoded(text)
        found = [*self._find_whole(read, places), *self._find_words(read, depth)]
        if depth and (depth == _DEPTH or _BASE64.search(read)):
            found += self._find_in_base64(read, depth - 1)
        if places is None:
            return found
        return [(places[begin], places[end], secret) for begin, end, secret in found]

    def _find_whole(self, read: str, places: Places) -> Iterator[tuple[int, int, str]]:
        anchors = self._by_anchor
        lengths: dict[str, set[int]] = {}
        compared = 0
        for at in [i for i in range(len(read)) if read[i : i + _ANCHOR] in anchors]:
            anchor = read[at : at + _ANCHOR]
            sharing = anchors[anchor]
            if anchor not in lengths:
                lengths[anchor] = set(map(len, sharing))
            compared += len(lengths[anchor])
            if compared > _MOST_COMPARISONS:
                yield 0, len(read), ""
                return
            for length in lengths[anchor]:
                begin = at - _anchor_of(length)
                if begin >= 0 and (secret := self._whole.get(read[begin : begin + length])):
                    yield begin, begin + length, secret
            if places is not None:
                for spelling in sharing[:_COMPARED]:
                    if span := _beside_escapes(spelling, read, at, places):
                        yield *span, self._whole[spelling]

    def _find_words(self, read: str, depth: int) -> Iterator[tuple[int, int, str]]:
        words = self._words
        lengths = {
            len(word) for word in words if depth == _DEPTH or len(word) >= _SHORTEST_IN_BASE64
        }
        if not lengths:
            return
        for found in _WORD_BEGINS.finditer(read):
            begin = found.start()
            for length in lengths:
                end = begin + length
                if read[begin:end] in words and _WORD_ENDS.match(read, end):
                    yield begin, end, words[read[begin:end]]

    def _find_in_base64(self, read: str, depth: int) -> Iterator[tuple[int, int, str]]:
        import binascii

        data = read.encode("ascii", "replace").translate(_TO_BASE64) + b"AAA"
        # Base64 may begin anywhere: of four readings one is right.
        for skipped in range(4):
            whole = skipped + (len(data) - skipped) // 4 * 4
            said = binascii.a2b_base64(data[skipped:whole]).decode("latin-1")
            for begin, end, secret in self._find(said, depth):
                yield (
                    min(skipped + begin * 4 // 3, len(read)),
                    min(skipped - (-end * 4 // 3), len(read)),
                    secret,
                )


def _anchor_of(length: int) -> int:
    return (length - _ANCHOR) // 2


def _beside_escapes(
    spelling: str, read: str, at: int, places: Sequence[int]
) -> tuple[int, int] | None:
    """Where a secret stands around its anchor, if its first or last characters became part of an
    escape together with what stands next to it."""
    begin = _anchor_of(len(spelling))
    end = begin + _ANCHOR
    left, right = at, at + _ANCHOR
    while begin and left and spelling[begin - 1] == read[left - 1]:
        begin, left = begin - 1, left - 1
    while end < len(spelling) and right < len(read) and spelling[end] == read[right]:
        end, right = end + 1, right + 1
    missing = len(spelling) - end
    if begin:
        if not left or begin >= places[left] - places[left - 1]:
            return None
        left -= 1
    if missing:
        if right == len(read) or missing >= places[right + 1] - places[right]:
            return None
        right += 1
    return left, right


def _bytes(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


# -- in the URLs of a stream ------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")


def may_show(urls: str, keys: Iterable[str]) -> bool:
    """Whether it is worth looking for these keys in some URLs, given as one text. Every stream of
    every page is asked for, and looking takes a hundred times as long."""
    if "%" in urls or "\\" in urls or ("&" in urls and ";" in urls):
        urls += decoded(urls)[0]
    for key in keys:
        ways = _ways_to_write(key)
        if not ways:
            return True
        for way in ways:
            if way in urls:
                return True
    return False


@lru_cache(maxsize=4096)
def _ways_to_write(key: str) -> tuple[str, ...]:
    """A key, and what of it is the same in all base64 that contains it, wherever it begins there.
    Empty if it has characters that may be escaped in base64."""
    if not _PLAIN.fullmatch(key):
        return ()
    import binascii

    ways = {key}
    for before in range(3):
        text = binascii.b2a_base64(b"0" * before + key.encode(), newline=False).decode()
        text = text[-(-before * 4 // 3) : (before + len(key)) * 4 // 3]
        ways |= {text, text.replace("+", "-").replace("/", "_")}
    return tuple(ways)
