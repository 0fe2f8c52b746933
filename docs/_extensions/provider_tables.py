"""Markdown tables of the features and options that providers declare."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable

import attrs

import livestream_core as live
from capability_table import PROVIDERS, row, sentence
from livestream_core._contract.options import environment_name
from livestream_core._plugins.registry import registry


def title_of(provider: str) -> str:
    """Return the vendor's name as it is usually written."""
    return registry.info(provider).title or provider


def word_of(capability: live.Capability) -> str:
    """Return the support level as the tables show it."""
    return "no" if capability.support is live.Support.NONE else capability.support.value


def feature_matrix() -> str:
    """Return the table of every feature of every provider; their own pages have the reasons."""
    columns = {name: registry.adapter(name).capabilities for name in PROVIDERS}
    lines = [
        row(["feature", *(f"[{title_of(name)}](/providers/{name}.md)" for name in columns)]),
        row(["---"] * (len(columns) + 1)),
    ]
    for feature in live.Feature:
        words = [word_of(can[feature]) for can in columns.values()]
        lines.append(row([f"`{feature.value}`", *words]))
    return "\n".join(lines)


def feature_list(provider: str) -> str:
    """Return the features of one provider, with reasons, and everything else that it declares."""
    can = registry.adapter(provider).capabilities
    lines = [row(["feature", "support", "details"]), row(["---"] * 3)]
    for feature in live.Feature:
        capability = can[feature]
        only = ""
        if capability.values is not None:
            only = f"Only {', '.join(sorted(f'`{value}`' for value in capability.values))}. "
        why = sentence(capability.reason) if capability.reason else ""
        lines.append(row([f"`{feature.value}`", word_of(capability), only + why]))
    lines += ["", *(f"{name}\n: {text}\n" for name, text in _other_declarations(can))]
    return "\n".join(lines)


def _other_declarations(can: live.Capabilities) -> list[tuple[str, str]]:
    def names(values: Iterable[str]) -> str:
        return ", ".join(f"`{value}`" for value in values) or "none"

    in_order = [status for status in live.Status if status in can.statuses]
    size = "set by the vendor" if can.max_page_size is None else str(can.max_page_size)
    return [
        ("Statuses that the provider reports", names(in_order)),
        ("Fields that `update` can change", names(sorted(can.updatable))),
        ("Fields that `update` can clear", names(sorted(can.clearable))),
        ("Filters of `list`", names(sorted(can.filters))),
        ("Maximum page size", size),
        (
            "Reports a total, which proves that a list is complete",
            "yes" if can.reports_total else "no",
        ),
        ("`create` without a schedule boots a server", "yes" if can.create_starts else "no"),
        ("`start` needs a connected encoder", "yes" if can.start_needs_encoder else "no"),
    ]


def option_table(provider: str) -> str:
    """Return the options of a provider, with their environment variables."""
    kind = registry.adapter(provider).Options
    hints = typing.get_type_hints(kind)
    lines = []
    for name, field in attrs.fields_dict(kind).items():
        about = field.metadata["livestream_core.help"]
        notes = [about]
        if _is_secret(hints[name]):
            notes.append("Secret.")
        if field.default is attrs.NOTHING:
            notes.append("Required.")
        elif field.default is not None:
            notes.append(f"Defaults to `{field.default}`.")
        lines.append(f"`{name}`, `{environment_name(provider, name)}`\n: {' '.join(notes)}\n")
    ways = ", or ".join(" and ".join(f"`{name}`" for name in group) for group in kind.credentials)
    if ways:
        only_one = ", but not both" if len(kind.credentials) > 1 else ""
        lines.append(f"To sign in, set {ways}{only_one}.")
    return "\n".join(lines)


def _is_secret(hint: object) -> bool:
    if isinstance(hint, types.UnionType):
        return live.Secret in typing.get_args(hint)
    return hint is live.Secret
