"""The files of a new adapter's package, from the templates in this folder.

``package`` holds the package for a vendor called Acme Live. A line ``# <<auth.options>>`` is
replaced by a part that depends on how the vendor authenticates, paginates, or signs webhooks: here
the part ``options`` of the style's file in ``auth``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

from ...._version import __version__

_TEMPLATES = Path(__file__).parent
_SUFFIX = "-tpl"  # so that no tool treats the templates as Python

#: How the API authenticates requests.
AUTH: Mapping[str, str] = {
    "header": "an API key in its own header",
    "bearer": "an API token as Authorization: Bearer",
    "basic": "the ID and the secret of an API key as Authorization: Basic",
    "jwt": "a short-lived JWT, signed by the adapter with a secret",
    "login": "user name and password, exchanged for a token that expires",
}
#: How the API paginates lists.
PAGING: Mapping[str, str] = {
    "page": "page numbers",
    "cursor": "a cursor in the previous page",
    "link": "a link in the previous page",
}
#: How the API signs webhook deliveries.
WEBHOOK: Mapping[str, str] = {
    "none": "no webhooks",
    "hmac": "an HMAC of the time and the body",
}

_MARKER = re.compile(r"^ *# <<(?P<kind>auth|paging|webhook)\.(?P<part>\w+)>>\n", re.MULTILINE)
_HEADING = re.compile(r"^# == (\w+) ==\n", re.MULTILINE)


@attrs.frozen(slots=True, kw_only=True)
class Choices:
    """The choices for a new adapter.

    Attributes:
        name: The provider's name: lowercase letters, digits, and single underscores.
        title: The vendor's display name.
        base_url: The origin of the vendor's API.
        auth: One of :data:`AUTH`.
        paging: One of :data:`PAGING`.
        webhook: One of :data:`WEBHOOK`.
    """

    name: str
    title: str
    base_url: str
    auth: str
    paging: str
    webhook: str

    @property
    def module(self) -> str:
        """The name of the package to import."""
        return f"livestream_{self.name}"

    @property
    def distribution(self) -> str:
        """The name of the distribution to install."""
        return distribution_of(self.name)


def distribution_of(name: str) -> str:
    """Return the name of the distribution of a provider's adapter."""
    return f"livestream-{name.replace('_', '-')}"


def package(choices: Choices) -> dict[PurePosixPath, str]:
    """Return all files of the package, as paths and texts."""
    parts = {kind: _parts(kind, getattr(choices, kind)) for kind in ("auth", "paging", "webhook")}
    words = {
        "Acme Live": choices.title,
        "https://api.acme.example": choices.base_url,
        "livestream-core>=0.1,<1": _requirement(),
        "livestream-acme": choices.distribution,
        "ACME": choices.name.upper(),
        "Acme": "".join(word.capitalize() for word in choices.name.split("_")),
        "acme": choices.name,
    }
    # In one pass: a title may contain one of these words.
    placeholder = re.compile("|".join(map(re.escape, words)))

    def filled(text: str) -> str:
        return placeholder.sub(lambda match: words[match[0]], text)

    def assembled(template: str) -> str:
        return _MARKER.sub(lambda match: parts[match["kind"]].get(match["part"], ""), template)

    root = _TEMPLATES / "package"
    return {
        PurePosixPath(filled(_target(path.relative_to(root)))): filled(
            assembled(path.read_text(encoding="utf-8"))
        )
        for path in sorted(root.rglob(f"*{_SUFFIX}"))
    }


def _target(template: Path) -> str:
    """Return the path that a template is written to.

    A wheel would leave out hidden files, so templates spell out a leading dot.
    """
    parts = template.as_posix().removesuffix(_SUFFIX).split("/")
    return "/".join(re.sub("^dot_", ".", part) for part in parts)


def _parts(kind: str, style: str) -> dict[str, str]:
    text = (_TEMPLATES / kind / f"{style}.py{_SUFFIX}").read_text(encoding="utf-8")
    _, *found = _HEADING.split(text)
    return dict(zip(found[::2], found[1::2], strict=True))


def _requirement() -> str:
    """Return a requirement of this version of the core and compatible later ones."""
    major, minor, *_ = __version__.split(".")
    return f"livestream-core>={major}.{minor},<{int(major) + 1}"
