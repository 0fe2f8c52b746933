"""Pseudonyms for a customer's texts and IDs, consistent within one file.

A pseudonym has the form of what it replaces (letters for letters, digits for digits), so that an
adapter reads it the same. It is random, and which one replaced what is kept nowhere.
"""

from __future__ import annotations

import html
import json
import random
import re
import string
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from .captures import REDACTED
from .vocabulary import normal

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
#: What is replaced as a whole: a run of letters and digits. Characters beyond ASCII are letters.
_TOKEN = re.compile(rf"(?P<kept>{REDACTED}\d+)|{_UUID}|(?:[A-Za-z0-9]|[^\x00-\x7f])+")
#: Hexadecimal, rather than a word of the letters up to "f".
_HEXADECIMAL = re.compile(rf"{_UUID}|(?=.*\d)[0-9a-f]{{8,}}")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^\s/?#\"'<>]*)(?P<path>[^\s?#\"'<>]*)"
    r"(?:\?(?P<query>[^\s#\"'<>]*))?(?P<rest>[^\s\"'<>]*)"
)
_PORT = re.compile(r":\d+\Z")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}\Z")
_PARAMETER = re.compile(r"(?P<name>[^&=]+)=(?P<value>[^&]*)")
#: The start or the end of an element of XML, something else in angle brackets, or a text.
_XML = re.compile(
    r"<(?P<end>/?)(?P<name>[^\s<>/?!]+)(?P<more>[^<>]*)>|(?P<declaration><\?xml[^<>]*>)"
    r"|(?P<text>[^<]+)|(?P<other><[^<]*)"
)
#: A name in JSON, rather than an ID or a text that serves as one.
_NAME = re.compile(r"\d{0,4}[A-Za-z_$@-]+\d{0,2}[A-Za-z_-]*")
_MAX_NAME = 40
_NAME_OF_ID = re.compile(r"(?:.*[_-])?(?:[ug]u)?id|.*[a-z](?:Id|ID)", re.IGNORECASE)
#: An IP address, which is private even if it looks like a quantity or is an adapter's example.
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|::|(?:[0-9A-Fa-f]*:){4}")
#: The letters of times.
_OF_TIMES = frozenset("apmtz") | {"am", "pm"}
_DRAWS = 100
#: The headers whose words are a protocol's. Only the URLs in them are the vendor's.
_LINKS = ("link", "location")


class Pseudonyms:
    """The pseudonyms of one file.

    Args:
        words: The words of the adapter, normalized; they are public.
        kept: The vendor's words that a stream's status consists of.
        ids: The IDs that are replaced wherever they are, and even if they are numbers.
        texts: The customer's texts, which are replaced even if they look like a time or a number.
        origins: What replaces origins, such as that of a proxy in place of the vendor.
    """

    def __init__(
        self,
        words: Collection[str],
        *,
        kept: Iterable[str] = (),
        ids: Iterable[str] = (),
        texts: Iterable[str] = (),
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self._words = words
        self._kept = frozenset(kept)
        self._ids = frozenset(ids)
        self._private = self._ids | frozenset(texts)
        self._origins = origins or {}
        self._tokens: dict[str, str] = {}
        self._taken: set[str] = set()
        self._random = random.SystemRandom()

    def data(self, data: Any, name: str = "", *, is_known: bool = True) -> Any:
        """Return JSON data of a response with pseudonyms.

        Args:
            data: The data.
            name: The name of the field that contains it.
            is_known: Whether the adapter knows that field. Otherwise, the names in it may be the
                customer's.
        """
        if isinstance(data, dict):
            return {
                self._name(key) if is_known else self.text(key): self.data(
                    value, key, is_known=is_known and normal(key) in self._words
                )
                for key, value in data.items()
            }
        if isinstance(data, list):
            return [self.data(each, name, is_known=is_known) for each in data]
        if isinstance(data, str):
            return self.text(data, name)
        if data is None or isinstance(data, bool):
            return data
        return self._number(data, name)

    def xml(self, document: str) -> str:
        """Return an XML document of a response with pseudonyms; see :meth:`data`."""
        parents: list[tuple[str, bool]] = []

        def part(found: re.Match[str]) -> str:
            if found["text"] or found["declaration"]:
                name = parents[-1][0] if parents and parents[-1][1] else ""
                text = html.unescape(found["text"] or "")
                return found["declaration"] or escape(self.text(text, name))
            if found["other"]:
                return self._replaced(found["other"])
            name, more = found["name"], found["more"]
            if found["end"] and parents:
                parents.pop()
            is_known = parents[-1][1] if parents else True
            shown = self._name(name) if is_known else self.text(name)
            if not found["end"] and not more.endswith("/"):
                parents.append((name, is_known and normal(name) in self._words))
            return f"<{found['end']}{shown}{self._replaced(more)}>"

        return _XML.sub(part, document)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a response with pseudonyms in their URLs."""
        return {
            name: _URL.sub(self._url, value) if name.lower() in _LINKS else value
            for name, value in headers.items()
        }

    def text(self, text: str, name: str = "") -> str:
        """Return a text with pseudonyms, or unchanged if it is a word of the vendor.

        Args:
            text: The text.
            name: The name of the field that contains it.
        """
        if text in self._kept:
            return text
        if normal(text) in self._words and not _ADDRESS.search(text):
            return text
        if text not in self._private and self._is_read(name) and self._is_quantity(text):
            return text
        parts: list[str] = []
        end = 0
        for url in _URL.finditer(text):
            parts += self._replaced(text[end : url.start()]), self._url(url)
            end = url.end()
        return "".join([*parts, self._replaced(text[end:])])

    def _is_read(self, name: str) -> bool:
        return normal(name) in self._words and _NAME_OF_ID.fullmatch(name) is None

    def _is_quantity(self, text: str) -> bool:
        """Return whether a text is a time, a number, or several."""
        letters = re.findall(r"[^\W\d_]+", text)
        if _ADDRESS.search(text):
            return False
        return any(map(str.isdigit, text)) and all(
            each.lower() in _OF_TIMES or normal(each) in self._words for each in letters
        )

    def _name(self, name: str) -> str:
        if normal(name) in self._words:
            return name
        is_name = len(name) <= _MAX_NAME and _NAME.fullmatch(name) and name not in self._private
        return name if is_name else self._replaced(name)

    def _number(self, number: float, name: str) -> float:
        shown = json.dumps(number)
        if self._is_read(name) and shown not in self._ids:
            return number
        try:
            read: float = json.loads(self._replaced(shown))
        except ValueError:
            read = 0  # it has an exponent
        return type(number)(read)

    def _url(self, url: re.Match[str]) -> str:
        path, suffix = url["path"], ""
        if found := _SUFFIX.search(path):
            path, suffix = path[: found.start()], found[0]
        query = "" if url["query"] is None else f"?{_PARAMETER.sub(self._parameter, url['query'])}"
        segments = "/".join(map(self._segment, path.split("/")))
        return f"{self._origin(url)}{segments}{suffix}{query}{self._replaced(url['rest'])}"

    def _origin(self, url: re.Match[str]) -> str:
        host = url["host"]
        origin = f"{url['scheme']}://{host}"
        if origin in self._origins:
            return self._origins[origin]
        if normal(origin) in self._words:
            return origin
        port = _PORT.search(host)
        if port is None:
            return f"{url['scheme']}://{self._replaced(host)}"
        return f"{url['scheme']}://{self._replaced(host[: port.start()])}{port[0]}"

    def _segment(self, segment: str) -> str:
        return segment if normal(segment) in self._words else self._replaced(segment)

    def _parameter(self, parameter: re.Match[str]) -> str:
        name, value = parameter["name"], parameter["value"]
        return f"{self._name(name)}={self.text(value, name)}"

    def _replaced(self, text: str) -> str:
        return _TOKEN.sub(self._token, text)

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        if found["kept"] or len(token) == 1:
            return token
        # The same in every spelling, because some vendors vary the case of an ID.
        key = token.lower() if token.isascii() else token
        if key not in self._tokens:
            self._tokens[key] = self._new(key)
        pseudonym = self._tokens[key]
        if not token.isascii():
            return pseudonym
        return (
            "".join(p.upper() if t.isupper() else p for t, p in zip(token, pseudonym, strict=False))
            + pseudonym[len(token) :]
        )

    def _new(self, token: str) -> str:
        longer = token
        while True:
            for _ in range(_DRAWS):
                drawn = self._drawn(longer)
                if drawn != token and drawn not in self._taken:
                    self._taken.add(drawn)
                    return drawn
            longer += longer[-1]  # every text of this form is taken

    def _drawn(self, token: str) -> str:
        return like(token, self._random)


def like(token: str, source: random.Random) -> str:
    """Return random letters and digits in the form of others."""
    letters = "abcdef" if _HEXADECIMAL.fullmatch(token.lower()) else string.ascii_lowercase
    drawn = []
    for at, character in enumerate(token):
        if character in string.digits:
            may_be_zero = at > 0 or character == "0"
            drawn.append(source.choice(string.digits if may_be_zero else string.digits[1:]))
        elif character in string.ascii_uppercase:
            drawn.append(source.choice(letters).upper())
        else:
            drawn.append(character if character == "-" else source.choice(letters))
    return "".join(drawn)


def unknown_id(known: str) -> str:
    """Return an ID of the same form as one of the vendor, which the vendor does not know."""
    source = random.SystemRandom()
    if known.isdecimal():
        # The vendor may count. No account has this many streams, and 32 bits can hold the number.
        return str(source.randrange(2_000_000_000, 2**31))
    return _TOKEN.sub(lambda token: like(token[0], source), known)
