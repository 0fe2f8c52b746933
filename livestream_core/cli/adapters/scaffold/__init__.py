"""The files of a new adapter's package, from the templates in this folder.

``package`` holds the package as it is written, for a vendor called Acme Live. A line
``# <<auth.options>>`` stands for a part that depends on how the vendor signs in or pages: the
part ``options`` of the style's file in ``auth``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

from ...._version import __version__

_TEMPLATES = Path(__file__).parent
_ENDING = "-tpl"  # nothing takes the templates for Python

#: Ways to sign in.
AUTH: Mapping[str, str] = {
    "header": "an API key in a header of its own",
    "bearer": "an API token as Authorization: Bearer",
    "jwt": "a short-lived JWT that is signed here with a secret",
    "login": "user and password for a token that ends",
}
#: Ways to ask for the next page of a list.
PAGING: Mapping[str, str] = {
    "page": "by its number",
    "cursor": "by a cursor that the page before gave",
    "link": "by a link that the page before gave",
}

_MARKER = re.compile(r"^ *# <<(?P<kind>auth|paging)\.(?P<part>\w+)>>\n", re.MULTILINE)
_HEADING = re.compile(r"^# == (\w+) ==\n", re.MULTILINE)


@attrs.frozen(slots=True, kw_only=True)
class Choices:
    """What a new adapter is made of.

    Attributes:
        name: The provider's name: lower-case letters, digits and single underscores.
        title: The vendor's name as people write it.
        base_url: The vendor's origin.
        auth: One of :data:`AUTH`.
        paging: One of :data:`PAGING`.
    """

    name: str
    title: str
    base_url: str
    auth: str
    paging: str

    @property
    def module(self) -> str:
        """The package's name for ``import``."""
        return f"livestream_{self.name}"

    @property
    def distribution(self) -> str:
        """The package's name for pip."""
        return distribution_of(self.name)


def distribution_of(name: str) -> str:
    """The distribution of a provider's adapter."""
    return f"livestream-{name.replace('_', '-')}"


def package(choices: Choices) -> dict[PurePosixPath, str]:
    """All files of the package: path and text."""
    parts = {"auth": _parts("auth", choices.auth), "paging": _parts("paging", choices.paging)}
    words = {
        "Acme Live": choices.title,
        "https://api.acme.example": choices.base_url,
        "livestream-core>=0.1,<1": _requirement(),
        "livestream-acme": choices.distribution,
        "ACME": choices.name.upper(),
        "Acme": "".join(word.capitalize() for word in choices.name.split("_")),
        "acme": choices.name,
    }
    # In one pass: a title may have one of these words in it.
    placeholder = re.compile("|".join(map(re.escape, words)))

    def written(text: str) -> str:
        return placeholder.sub(lambda match: words[match[0]], text)

    def assembled(template: str) -> str:
        return _MARKER.sub(lambda match: parts[match["kind"]].get(match["part"], ""), template)

    root = _TEMPLATES / "package"
    return {
        PurePosixPath(written(_target(path.relative_to(root)))): written(
            assembled(path.read_text(encoding="utf-8"))
        )
        for path in sorted(root.rglob(f"*{_ENDING}"))
    }


def _target(template: Path) -> str:
    """Where a template is written to. Hidden files would be left out of a wheel, so that a dot in
    front is spelt out here.
    """
    parts = template.as_posix().removesuffix(_ENDING).split("/")
    return "/".join(re.sub("^dot_", ".", part) for part in parts)


def _parts(kind: str, style: str) -> dict[str, str]:
    text = (_TEMPLATES / kind / f"{style}.py{_ENDING}").read_text(encoding="utf-8")
    _, *found = _HEADING.split(text)
    return dict(zip(found[::2], found[1::2], strict=True))


def _requirement() -> str:
    """This core and those that are compatible with it."""
    major, minor, *_ = __version__.split(".")
    return f"livestream-core>={major}.{minor},<{int(major) + 1}"
