"""A copy of the model with one more field, written as a contributor would add it."""

from __future__ import annotations

import attrs

from package_copy import PackageCopy

MODEL, TYPED = "_model/stream.py", "_model/typed.py"
_FEATURE = '    RESTREAMS = "restreams"\n'
_SPEC = "    options: MaskedMapping = attrs.field(\n"
_STREAM = "    latency: Latency | None = attrs.field(default=None, converter=_latency)\n"
_TYPED = {
    "typed dict": "    restreams: Sequence[RestreamTarget]\n",
    "typed dict of changes": "    restreams: Sequence[RestreamTarget] | None\n",
}


@attrs.frozen
class NewField:
    """A field that a spec and a stream have, under one name.

    Attributes:
        name: Its name.
        convert: Its converter.
        facts: Its other declarations, except the feature.
        default: Its default.
        feature: Its feature. Defaults to a new one.
    """

    name: str
    convert: str
    facts: str
    default: object = attrs.field(
        default=attrs.Factory(lambda self: () if self.convert == "c.texts" else None, True)
    )
    feature: str = ""

    def add(self, copy: PackageCopy, *, but: str = "") -> None:
        """Write it into every place except the stream."""
        if but != "feature" and not self.feature:
            own = f'    {self.name.upper()} = "{self.name}"\n    """New."""\n'
            copy.replace(MODEL, _FEATURE, own + _FEATURE)
        if but != "spec":
            feature = f"feature=Feature.{self.feature or self.name.upper()}"
            self._declare(copy, _SPEC, self.convert, f"{self.facts}, {feature}", self.default)
        if but not in ("spec", "stream"):
            self.add_to_stream(copy)
        for place, line in _TYPED.items():
            if but not in ("spec", place):
                copy.replace(TYPED, line, f"    {self.name}: Any\n{line}")

    def add_to_stream(self, copy: PackageCopy, *, says: str = "") -> None:
        """Write it into the class of streams."""
        read = "c.read_url" if self.convert == "c.url" else self.convert
        default = () if self.convert == "c.texts" else None
        self._declare(copy, _STREAM, read, says, default)

    def _declare(
        self, copy: PackageCopy, before: str, convert: str, facts: str, default: object
    ) -> None:
        metadata = f", metadata=about({facts})" if facts else ""
        field = f"attrs.field(default={default!r}, converter={convert}{metadata})"
        copy.replace(MODEL, before, f"    {self.name}: Any = {field}\n{before}")
