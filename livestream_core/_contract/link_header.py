"""The ``Link`` header of RFC 8288, in which some vendors return the next page."""

from __future__ import annotations

from .._secrets.spellings import compiled

# Possessive quantifiers: hostile input is read in linear time.
_TARGET = r"[\s,]*+<([^<>]*+)>"
_PARAMETER = r'\s*+;\s*+([^\s=;,<>"]*+)\s*+(?:=\s*+("(?:[^"\\]|\\.)*+"|[^\s;,"]*+))?'
_END = r"\s*+(?:,|\Z)"


def links_in(value: str) -> dict[str, str]:
    """Return the targets in a ``Link`` header by relation. The first link of a relation counts.

    Links about something other than the response, which have an ``anchor``, are skipped. Reading
    stops at a syntax error.
    """
    found: dict[str, str] = {}
    position = 0
    while link := compiled(_TARGET).match(value, position):
        position = link.end()
        parameters: dict[str, str] = {}
        while parameter := compiled(_PARAMETER).match(value, position):
            position = parameter.end()
            # A repeated parameter does not count (section 3.4.1).
            parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2] or ""))
        end = compiled(_END).match(value, position)
        if end is None:
            break
        position = end.end()
        if "anchor" not in parameters:
            for relation in parameters.get("rel", "").lower().split():
                found.setdefault(relation, link[1].strip())
    return found


def _unquoted(text: str) -> str:
    return compiled(r"(?s)\\(.)").sub(r"\1", text[1:-1]) if text.startswith('"') else text
