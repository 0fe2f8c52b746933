"""Search for known secrets in a text, however they are escaped or encoded.

A text is not searched for each secret. It is decoded once, with the original position of each
character, and its parts are looked up among the secrets, which are decoded as well. So it does not
matter how, and how often, a secret was escaped, and the time depends only on the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache

#: Compile a pattern on its first use, because the import of this library needs no patterns.
compiled = cache(re.compile)

#: Shorter stream keys are found only as whole words, and are never removed from a URL: both an
#: application and a stream may be called "live".
SHORTEST_KEY = 8

#: The number of nested base64 encodings that are decoded.
_DEPTH = 2
#: The number of characters from the middle of a secret by which it is found. The characters next to
#: a secret can change how its first and last characters are read, as "%" does with "41".
_ANCHOR = 4
#: Up to this number of anchors, searching for each is faster than looking at every position.
_FEW_ANCHORS = 32
#: The maximum number of secrets with the same anchor for which partial matches are checked.
_MAX_PARTIAL = 100
#: The number of comparisons after which the whole text is treated as a secret. Only texts that were
#: constructed for this purpose reach it.
_MAX_COMPARISONS = 300_000

_MAY_BE_ESCAPED = r"[%\\]|&#?\w{1,32};"
#: The first character of an escape.
_ESCAPE = r"[%\\&]"
#: What may follow it.
_PERCENT = r"(?P<code>[0-9a-fA-F]{2})|u(?P<script>[0-9a-fA-F]{4})"
_BACKSLASH = r"u(?P<code>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|x(?P<hex>[0-9a-fA-F]{2})"
_ENTITY = r"#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};"
_MAX_ENTITY = 33
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
#: Parts of characters: surrogates of UTF-16, or bytes of UTF-8.
_HALVES = "[\ud800-\udbff][\udc00-\udfff]|[\udc80-\udcff]+"

#: The places where a word may begin and end.
_WORD_BEGINS = r"(?<![\w.-])(?=\S)"
_WORD_ENDS = r"(?![\w-]|\.\w)"
#: Shorter secrets are not searched for in decoded base64: any text contains them by chance.
_SHORTEST_IN_BASE64 = 4
_BASE64 = r"[A-Za-z0-9+/_-]{11}"
#: Characters that are in neither alphabet of base64 are read as "A".
_TO_BASE64 = bytearray(b"A" * 256)
for _letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
    _TO_BASE64[_letter] = _letter
_TO_BASE64[ord("-")], _TO_BASE64[ord("_")] = b"+/"

#: The start position of each character of a decoded text in the original text, and the end
#: position; None if the texts are equal.
Places = Sequence[int] | None


def decoded(text: str) -> tuple[str, Places]:
    """Return a text without escapes, and the original positions of its characters."""
    if compiled(_MAY_BE_ESCAPED).search(text):
        return _joined(*_unescaped(text))
    return text, None


def spelling(text: str) -> str:
    """Return the normal form of a text, equal for all spellings; a space becomes a plus."""
    return decoded(text)[0].replace(" ", "+")


def _unescaped(text: str) -> tuple[str, list[int]]:
    # Read backward, so that the content of an escape is decoded before the escape itself, whatever
    # the order and the number of nested escapes.
    read: list[str] = []
    began = [len(text)]
    #: The lengths of the text after each character that came from a backslash escape.
    from_backslash: list[int] = []
    end = len(text)
    for begin in reversed([found.start() for found in compiled(_ESCAPE).finditer(text)]):
        read.extend(text[begin + 1 : end][::-1])
        began.extend(range(end - 1, begin, -1))
        character, end = text[begin], begin
        is_from_backslash = False
        while True:
            if character == "\\":
                if from_backslash and from_backslash[-1] == len(read) and not is_from_backslash:
                    # One more backslash, before that backslash.
                    length, character = 1, read[-1]
                else:
                    length, character = _after_backslash(read)
                is_from_backslash = True
            elif decoded_escape := _decode_escape(character, read):
                length, character = decoded_escape
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
    """Decode a backslash escape; return its length after the backslash, and the result."""
    if found := compiled(_BACKSLASH).match("".join(after[:-10:-1])):
        return found.end(), chr(min(int(found[found.lastgroup or 0], 16), 0x10FFFF))
    return (1, _LETTERS.get(after[-1], after[-1])) if after else (0, "")


def _decode_escape(character: str, after: list[str]) -> tuple[int, str] | None:
    """Decode an escape that begins with ``%`` or ``&``.

    Returns:
        The number of characters after the first one, and the result. ``None`` if no escape begins.
    """
    if character == "%":
        found = compiled(_PERCENT).match("".join(after[:-6:-1]))
        if found is None:
            return None
        code = int(found[found.lastgroup or 0], 16)
        is_byte = found.lastgroup == "code" and code > 0x7F
        return found.end(), chr(code + 0xDC00 if is_byte else code)
    if character == "&":
        found = compiled(_ENTITY).match("".join(after[: -_MAX_ENTITY - 1 : -1]))
        if found is None:
            return None
        import html

        entity = f"&{found[0]}"
        meaning = html.unescape(entity)
        return (found.end(), meaning) if meaning != entity else None
    return None


def _joined(text: str, began: list[int]) -> tuple[str, list[int]]:
    """Combine the parts of characters in a text."""
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for found in compiled(_HALVES).finditer(text):
        start, stop = found.span()
        parts.append(text[end:start])
        places.extend(began[end:start])
        end = stop
        if found[0][0] < "\udc00":
            combined = found[0].encode("utf-16", "surrogatepass").decode("utf-16")
        else:
            combined = (
                found[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
            )
        for character in combined:
            places.append(began[start])
            start += len(character.encode("utf-8", "surrogateescape"))
        parts.append(combined)
    return "".join([*parts, text[end:]]), [*places, *began[end:]]


class KnownSecrets:
    """The secrets to search for in texts. Threads may search while another one adds secrets."""

    def __init__(self, secrets: Iterable[str] = (), *, shortest: int = SHORTEST_KEY) -> None:
        self._known: set[str] = set()
        #: The secrets by their decoded form: those that are found anywhere, and only as words.
        self._anywhere: dict[str, str] = {}
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
        """Add a secret. One that is shorter than ``shortest`` is found only as a whole word."""
        if not secret or secret in self._known:
            return
        spellings = {spelling(secret)}
        if not secret.isascii():
            # Its form in decoded base64, which is read byte by byte.
            spellings |= {spelling(_bytes(secret))}
        for spelled in spellings:
            if len(secret) < shortest or len(spelled) < _ANCHOR:
                self._words[spelled] = secret
                self._word_lengths = tuple({*self._word_lengths, len(spelled)})
            elif spelled not in self._anywhere:
                self._anywhere[spelled] = secret
                at = _anchor_of(len(spelled))
                self._by_anchor.setdefault(spelled[at : at + _ANCHOR], []).append(spelled)
        self._known.add(secret)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Return the start, the end, and the secret of each occurrence in a text, in no order."""
        if not self._known:
            return []
        return self._find(text, _DEPTH)

    def _find(self, text: str, depth: int) -> list[tuple[int, int, str]]:
        read, places = decoded(text)
        read = read.replace(" ", "+")
        found = [*self._find_anywhere(read, places), *self._find_words(read, depth)]
        if depth and (depth == _DEPTH or compiled(_BASE64).search(read)):
            found += self._find_in_base64(read, depth - 1)
        if places is None:
            return found
        found = [(places[begin], places[end], secret) for begin, end, secret in found]
        if depth == _DEPTH:
            # Characters before a secret may make its beginning part of an escape, such as "\\u".
            found += self._find_anywhere(text.replace(" ", "+"), None)
            found += self._find_in_base64(text, depth - 1)
        return found

    def _find_anywhere(self, read: str, places: Places) -> Iterator[tuple[int, int, str]]:
        anchors = self._by_anchor
        lengths: dict[str, list[int]] = {}
        compared = 0
        for at in _places_of(anchors, read):
            anchor = read[at : at + _ANCHOR]
            sharing = anchors[anchor]
            if anchor not in lengths:
                lengths[anchor] = sorted(set(map(len, sharing)), reverse=True)
            compared += len(lengths[anchor])
            if compared > _MAX_COMPARISONS:
                yield 0, len(read), ""
                return
            for length in lengths[anchor]:
                begin = at - _anchor_of(length)
                end = begin + length
                if 0 <= begin <= len(read) - length and (
                    secret := self._anywhere.get(read[begin:end])
                ):
                    yield begin, end, secret
                    break
            if places is not None:
                for spelled in sharing[:_MAX_PARTIAL]:
                    if span := _span_with_escapes(spelled, read, at, places):
                        yield *span, self._anywhere[spelled]

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
        # Base64 may begin anywhere: one of four offsets is right.
        for skipped in range(4):
            stop = skipped + (len(data) - skipped) // 4 * 4
            text = binascii.a2b_base64(data[skipped:stop]).decode("latin-1")
            for begin, end, secret in self._find(text, depth):
                yield (
                    min(skipped + begin * 4 // 3, len(read)),
                    min(skipped - (-end * 4 // 3), len(read)),
                    secret,
                )


def _places_of(anchors: Collection[str], read: str) -> list[int]:
    """Return the positions of all anchors in a text, in no order."""
    if len(anchors) > _FEW_ANCHORS:
        return [i for i in range(len(read)) if read[i : i + _ANCHOR] in anchors]
    places: list[int] = []
    for anchor in tuple(anchors):  # another thread may add one
        at = read.find(anchor)
        while at >= 0:
            places.append(at)
            at = read.find(anchor, at + 1)
    return places


def _anchor_of(length: int) -> int:
    # An escape may include "u0041" at the beginning, if a backslash precedes it, and "%4" at the
    # end, if a digit follows it.
    return max((length - _ANCHOR) // 2, min(5, length - _ANCHOR - 2))


def _span_with_escapes(
    spelled: str, read: str, at: int, places: Sequence[int]
) -> tuple[int, int] | None:
    """Return the span of a secret whose first or last characters became part of an escape.

    Such an escape is formed together with the characters next to the secret.
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


# -- secrets in the URLs of a stream ----------------------------------------------------------

_PLAIN = r"[A-Za-z0-9_.~-]+"
#: The number of characters of a key that are searched for in base64; a multiple of 3.
_PIECE = 12


def may_show(urls: str, keys: Iterable[str]) -> bool:
    """Return whether URLs, given as one text, may contain one of the keys.

    This check runs for every stream of every page. An actual search takes a hundred times as long.
    """
    if "%" in urls or "\\" in urls or ("&" in urls and ";" in urls):
        urls += decoded(urls)[0]
    for key in keys:
        ways = _ways_to_write(key)
        if not ways or any(map(urls.__contains__, ways)):
            return True
    return False


@lru_cache(maxsize=128)
def _ways_to_write(key: str) -> tuple[str, ...]:
    """Return a key, and a part of its base64 form for each offset at which it may begin.

    Empty if the key contains characters that may be escaped in base64, or is too short.
    """
    if not compiled(_PLAIN).fullmatch(key):
        return ()
    import binascii

    ways = [key]
    for skipped in range(3):
        piece = key[skipped : skipped + _PIECE].encode()
        piece = piece[: len(piece) // 3 * 3]
        if not piece:
            return ()
        text = binascii.b2a_base64(piece, newline=False).decode()
        ways.append(text)
        if "+" in text or "/" in text:
            ways.append(text.replace("+", "-").replace("/", "_"))
    return tuple(ways)
