"""One field more in a copy of the model, as somebody would write it who adds one."""

from __future__ import annotations

from package_copy import PackageCopy

MODEL, TYPED = "_model.py", "_spec_fields.py"
_FEATURE = '    RESTREAMS = "restreams"\n'
_SPEC = "    options: MaskedMapping = attrs.field(\n"
_STREAM = "    latency: Latency | None = attrs.field(default=None, converter=_latency)\n"
_TYPED = (
    "    restreams: Sequence[RestreamTarget]\n",
    "    restreams: Sequence[RestreamTarget] | None\n",
)


def add_feature(copy: PackageCopy, name: str) -> None:
    """Declare that a provider may have a field."""
    copy.replace(MODEL, _FEATURE, f'    {name.upper()} = "{name}"\n    """New."""\n{_FEATURE}')


def add_to_spec(copy: PackageCopy, name: str, default: object, convert: str, facts: str) -> None:
    """Declare a field of what can be asked for."""
    metadata = f", metadata=about({facts})" if facts else ""
    field = f"    {name}: Any = attrs.field(default={default!r}, converter={convert}{metadata})\n"
    copy.replace(MODEL, _SPEC, field + _SPEC)


def add_to_stream(copy: PackageCopy, name: str, convert: str, facts: str = "") -> None:
    """Declare a field of what vendors show."""
    metadata = f", metadata=about({facts})" if facts else ""
    default = "()" if convert == "c.texts" else "None"
    field = f"    {name}: Any = attrs.field(default={default}, converter={convert}{metadata})\n"
    copy.replace(MODEL, _STREAM, field + _STREAM)


def add_to_typed_dicts(copy: PackageCopy, name: str, annotation: str) -> None:
    """Tell type checkers of it."""
    for line in _TYPED:
        copy.replace(TYPED, line, f"    {name}: {annotation}\n{line}")
