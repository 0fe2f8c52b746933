"""Finds known secrets in a text, however the text spells them.

A text is not searched for every secret: it is decoded once, with a note of where each character
came from, and its parts are looked up among the secrets, which were decoded as well. So it does
not matter in which way and how often a secret was escaped, and the time depends on the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache

#: Compiles a pattern when it is first used: an import of this library needs none.
compiled = cache(re.compile)

#: Shorter stream keys are found as whole words only, and never cut off a URL: an application may be
#: called "live", and so may a stream.
SHORTEST_KEY = 8

#: How often base64 is decoded in base64.
_DEPTH = 2
#: Secrets are found by so many characters from their middle: what stands next to a secret can
#: change how its first and last characters are read, as "%" does with "41".
_ANCHOR = 4
#: So many secrets with one anchor are compared with what stands there in part.
_COMPARED = 100
#: After so many comparisons all of the text is taken for a secret. Only texts and secrets that were
#: made for it get there.
_MOST_COMPARISONS = 300_000

_MAY_BE_ESCAPED = r"[%\\]|&#?\w{1,32};"
#: What begins an escape.
_BEGINS = r"[%\\&]"
#: What may come after it.
_PERCENT = r"(?P<code>[0-9a-fA-F]{2})|u(?P<script>[0-9a-fA-F]{4})"
_BACKSLASH = r"u(?P<code>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|x(?P<hex>[0-9a-fA-F]{2})"
_ENTITY = r"#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};"
_LONGEST_ENTITY = 33
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
#: Halves of characters: as UTF-16 has them, or the bytes of UTF-8.
_HALVES = "[\ud800-\udbff][\udc00-\udfff]|[\udc80-\udcff]+"

#: Where a word may begin and end.
_WORD_BEGINS = r"(?<![\w.-])(?=\S)"
_WORD_ENDS = r"(?![\w-]|\.\w)"
#: Shorter secrets are not looked for in what base64 says: every text says so much by chance.
_SHORTEST_IN_BASE64 = 4
_BASE64 = r"[A-Za-z0-9+/_-]{11}"
#: What is not in either alphabet of base64 is read as if it were an "A".
_TO_BASE64 = bytearray(b"A" * 256)
for _letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
    _TO_BASE64[_letter] = _letter
_TO_BASE64[ord("-")], _TO_BASE64[ord("_")] = b"+/"

#: Where each character of a decoded text began in the text that it was read from, and the end;
#: None where every one stands where it stood.
Places = Sequence[int] | None


def decoded(text: str) -> tuple[str, Places]:
    """A text without escapes, and where its characters came from."""
    if compiled(_MAY_BE_ESCAPED).search(text):
        return _joined(*_unescaped(text))
    return text, None


def spelling(text: str) -> str:
    """Equal for all ways to write one text; forms write a plus for a blank."""
    return decoded(text)[0].replace(" ", "+")


def _unescaped(text: str) -> tuple[str, list[int]]:
    # From the end: whatever stands in an escape, or comes out of one, is then decoded before what
    # it may be a part of, in whatever order and how often they were put around each other.
    read: list[str] = []
    began = [len(text)]
    #: How long the text was each time after a character was read that came out of a backslash.
    from_backslash: list[int] = []
    end = len(text)
    for begin in reversed([found.start() for found in compiled(_BEGINS).finditer(text)]):
        read.extend(text[begin + 1 : end][::-1])
        began.extend(range(end - 1, begin, -1))
        character, end = text[begin], begin
        is_from_backslash = False
        while True:
            if character == "\\":
                if from_backslash and from_backslash[-1] == len(read) and not is_from_backslash:
                    # It is one more, before that backslash.
                    length, character = 1, read[-1]
                else:
                    length, character = _after_backslash(read)
                is_from_backslash = True
            elif meant := _meant(character, read):
                length, character = meant
                is_from_backslash = False
            else:
                break
            del read[len(read) - length :], began[len(began) - length :]
            while from_backslash and from_backslash[-1] > len(read):
                from_backslash.pop()
        read.extend(reversed(character))  # a few entities are two characters
        began.extend([begin] * len(character))
        if is_from_backslash and character:
            from_backslash.append(len(read))
    read.extend(text[:end][::-1])
    began.extend(range(end - 1, -1, -1))
    return "".join(reversed(read)), began[::-1]


def _after_backslash(after: list[str]) -> tuple[int, str]:
    """What a backslash and what comes after it stand for, and how much of that it takes."""
    if found := compiled(_BACKSLASH).match("".join(after[:-10:-1])):
        return found.end(), chr(min(int(found[found.lastgroup or 0], 16), 0x10FFFF))
    return (1, _LETTERS.get(after[-1], after[-1])) if after else (0, "")


def _meant(character: str, after: list[str]) -> tuple[int, str] | None:
    """What another escape stands for that begins with this character, and how much of what comes
    after it is in it; ``None`` if none begins.
    """
    if character == "%":
        found = compiled(_PERCENT).match("".join(after[:-6:-1]))
        if found is None:
            return None
        code = int(found[found.lastgroup or 0], 16)
        is_byte = found.lastgroup == "code" and code > 0x7F
        return found.end(), chr(code + 0xDC00 if is_byte else code)
    if character == "&":
        found = compiled(_ENTITY).match("".join(after[: -_LONGEST_ENTITY - 1 : -1]))
        if found is None:
            return None
        import html

        entity = f"&{found[0]}"
        meant = html.unescape(entity)
        return (found.end(), meant) if meant != entity else None
    return None


def _joined(text: str, began: list[int]) -> tuple[str, list[int]]:
    """The text with its halves of characters put together."""
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for found in compiled(_HALVES).finditer(text):
        start, stop = found.span()
        parts.append(text[end:start])
        places.extend(began[end:start])
        end = stop
        if found[0][0] < "\udc00":
            whole = found[0].encode("utf-16", "surrogatepass").decode("utf-16")
        else:
            whole = found[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        for character in whole:
            places.append(began[start])
            start += len(character.encode("utf-8", "surrogateescape"))
        parts.append(whole)
    return "".join([*parts, text[end:]]), [*places, *began[end:]]


class KnownSecrets:
    """Secrets that are looked for in texts. Threads may look while one of them adds more."""

    def __init__(self, secrets: Iterable[str] = (), *, shortest: int = SHORTEST_KEY) -> None:
        self._known: set[str] = set()
        #: By what they are decoded.
        self._whole: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._word_lengths: tuple[int, ...] = ()
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
        spellings = {spelling(secret)}
        if not secret.isascii():
            # As base64 has it, which is read byte by byte.
            spellings |= {spelling(_bytes(secret))}
        for spelled in spellings:
            if len(secret) < shortest or len(spelled) < _ANCHOR:
                self._words[spelled] = secret
                self._word_lengths = tuple({*self._word_lengths, len(spelled)})
            elif spelled not in self._whole:
                self._whole[spelled] = secret
                at = _anchor_of(len(spelled))
                self._by_anchor.setdefault(spelled[at : at + _ANCHOR], []).append(spelled)
        self._known.add(secret)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Where in a text which secret stands, in no order."""
        if not self._known:
            return []
        return self._find(text, _DEPTH)

    def _find(self, text: str, depth: int) -> list[tuple[int, int, str]]:
        read, places = decoded(text)
        read = read.replace(" ", "+")
        found = [*self._find_whole(read, places), *self._find_words(read, depth)]
        if depth and (depth == _DEPTH or compiled(_BASE64).search(read)):
            found += self._find_in_base64(read, depth - 1)
        if places is None:
            return found
        found = [(places[begin], places[end], secret) for begin, end, secret in found]
        if depth == _DEPTH:
            # What stands before it may have taken its beginning for an escape: "\\u" four digits.
            found += self._find_whole(text.replace(" ", "+"), None)
            found += self._find_in_base64(text, depth - 1)
        return found

    def _find_whole(self, read: str, places: Places) -> Iterator[tuple[int, int, str]]:
        anchors = self._by_anchor
        lengths: dict[str, list[int]] = {}
        compared = 0
        for at in [i for i in range(len(read)) if read[i : i + _ANCHOR] in anchors]:
            anchor = read[at : at + _ANCHOR]
            sharing = anchors[anchor]
            if anchor not in lengths:
                lengths[anchor] = sorted(set(map(len, sharing)), reverse=True)
            compared += len(lengths[anchor])
            if compared > _MOST_COMPARISONS:
                yield 0, len(read), ""
                return
            for length in lengths[anchor]:
                begin = at - _anchor_of(length)
                end = begin + length
                if 0 <= begin <= len(read) - length and (
                    secret := self._whole.get(read[begin:end])
                ):
                    yield begin, end, secret
                    break
            if places is not None:
                for spelled in sharing[:_COMPARED]:
                    if span := _beside_escapes(spelled, read, at, places):
                        yield *span, self._whole[spelled]

    def _find_words(self, read: str, depth: int) -> Iterator[tuple[int, int, str]]:
        words = self._words
        lengths = self._word_lengths
        if depth < _DEPTH:
            lengths = tuple([each for each in lengths if each >= _SHORTEST_IN_BASE64])
        if not lengths:
            return
        for found in compiled(_WORD_BEGINS).finditer(read):
            begin = found.start()
            for length in lengths:
                end = begin + length
                if (
                    end <= len(read)
                    and read[begin:end] in words
                    and compiled(_WORD_ENDS).match(read, end)
                ):
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
    # An escape may take "u0041" from the beginning, if a backslash stands before it, and "%4" from
    # the end, if a digit comes after it.
    return max((length - _ANCHOR) // 2, min(5, length - _ANCHOR - 2))


def _beside_escapes(
    spelled: str, read: str, at: int, places: Sequence[int]
) -> tuple[int, int] | None:
    """Where a secret stands around its anchor, if its first or last characters became part of an
    escape together with what stands next to it.
    """
    begin = _anchor_of(len(spelled))
    end = begin + _ANCHOR
    left, right = at, at + _ANCHOR
    while begin and left and spelled[begin - 1] == read[left - 1]:
        begin, left = begin - 1, left - 1
    while end < len(spelled) and right < len(read) and spelled[end] == read[right]:
        end, right = end + 1, right + 1
    missing = len(spelled) - end
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

_PLAIN = r"[A-Za-z0-9_.~-]+"
#: So many characters of a key are looked for in base64, a multiple of 3.
_PIECE = 12


def may_show(urls: str, keys: Iterable[str]) -> bool:
    """Whether it is worth looking for these keys in some URLs, given as one text. Every stream of
    every page is asked for, and looking takes a hundred times as long.
    """
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


@lru_cache(maxsize=128)
def _ways_to_write(key: str) -> tuple[str, ...]:
    """A key, and for each place where it may begin in base64 a piece of what that then has. Empty
    if it has characters that may be escaped in base64, or is too short for such pieces.
    """
    if not compiled(_PLAIN).fullmatch(key):
        return ()
    import binascii

    ways = [key]
    for skipped in range(3):
        whole = key[skipped : skipped + _PIECE].encode()
        whole = whole[: len(whole) // 3 * 3]
        if not whole:
            return ()
        text = binascii.b2a_base64(whole, newline=False).decode()
        ways.append(text)
        if "+" in text or "/" in text:
            ways.append(text.replace("+", "-").replace("/", "_"))
    return tuple(ways)
