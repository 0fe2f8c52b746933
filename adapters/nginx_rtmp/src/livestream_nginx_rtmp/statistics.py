"""Statistics of the server: XML, read as plain data."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

import livestream_core as live

#: The statistics nest seven levels deep.
_MAX_DEPTH = 20
#: What a stream has several of.
_REPEATED = ("client",)


def streams_in(response: live.Response, server: int, application: str) -> list[dict[str, Any]]:
    """Return the streams of an application, with the time at which the server showed them.

    Args:
        response: The response to a request for the statistics.
        server: The number of the ``server`` block in ``rtmp``, from 0.
        application: The application's name.

    Raises:
        UnexpectedResponse: If the response does not contain statistics.
        ConfigurationError: If the server does not have the application.
    """
    servers = _root(response).findall("server")
    found = [
        each
        for block in servers[server : server + 1]
        for each in block.findall("application")
        if each.findtext("name") == application
    ]
    if not found:
        raise live.ConfigurationError(
            f"nginx has no application {application!r} in the RTMP server block {server}",
            hint="set the options application and server as in nginx.conf",
        )
    about = {"application": application, "date": response.headers.get("date")}
    return [{**_content(each), **about} for part in found for each in part.iterfind("live/stream")]


def _root(response: live.Response) -> Element:
    problem = response.problem
    if problem is None:
        try:
            # An element is false if it is empty.
            root: Element = fromstring(response.body, forbid_dtd=True)
        except DefusedXmlException:
            problem = "the response has a document type, which nginx never sends"
        except (ParseError, ValueError, LookupError):
            problem = "the response is not XML"
        else:
            if root.tag == "rtmp":
                return root
            problem = "the response does not contain the statistics of nginx-rtmp"
    raise response.unexpected(problem)


def _content(element: Element, depth: int = 0) -> dict[str, Any]:
    """Return the children of an element by their names: objects, or texts."""
    found: dict[str, Any] = {}
    for child in element:
        is_leaf = not len(child) or depth == _MAX_DEPTH
        value = (child.text or "") if is_leaf else _content(child, depth + 1)
        if child.tag in _REPEATED:
            found.setdefault(child.tag, []).append(value)
        else:
            found.setdefault(child.tag, value)
    return found
