"""Directives that show parts of the code, and the resolution of names."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, get_origin

import attrs
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import judge_tables
import kit_tables
import livestream_core as live
import status_diagram
from line_counts import line_table
from livestream_core import durable, emulator, memory, migrate, sharing, testing
from livestream_core._public import homes
from livestream_core.cli.console.exit_codes import MEANINGS
from livestream_core.testing import conformance, strategies
from provider_tables import feature_list, feature_matrix, option_table

ROOT = Path(__file__).parents[2]

#: The public modules, the most specific first.
MODULES = (strategies, conformance, testing, migrate, sharing, durable, memory, emulator, live)

# Sphinx reads attribute descriptions in the module that `__module__` names, so name the right one.
for _value, _home in homes.items():
    _value.__module__ = _home

#: The name that users import, by the name in the module that defines it.
PUBLIC = {
    f"{getattr(module, name).__module__}.{name}": f"{module.__name__}.{name}"
    for module in MODULES
    for name in module.__all__
    if hasattr(getattr(module, name), "__module__")
}


class StatusDiagram(SphinxDirective):
    """The diagram of the statuses and what each can become; an option selects reusable streams."""

    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {"reusable": directives.flag}

    def run(self) -> list[nodes.Node]:
        drawn = status_diagram.drawn(reusable="reusable" in self.options)
        return [nodes.raw("", drawn, format="html")]


class _Markdown(SphinxDirective):
    """A directive whose text is generated and parsed as part of the page."""

    def text(self) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        container = nodes.Element()
        self.state.nested_parse(
            StringList(self.text().splitlines(), source=self.name), self.content_offset, container
        )
        return container.children


class StatusTable(_Markdown):
    """The sentence that completes the status diagram, and all transitions as a table."""

    def text(self) -> str:
        return f"{status_diagram.sentence()}\n\n{status_diagram.table()}"


class FeatureMatrix(_Markdown):
    """The features of every provider."""

    def text(self) -> str:
        return feature_matrix()


class ProviderFeatures(_Markdown):
    """The features of one provider, with reasons."""

    required_arguments = 1

    def text(self) -> str:
        return feature_list(self.arguments[0])


class ProviderOptions(_Markdown):
    """The options of one provider."""

    required_arguments = 1

    def text(self) -> str:
        return option_table(self.arguments[0])


class ExitCodes(_Markdown):
    """The meanings of the command line's exit codes."""

    def text(self) -> str:
        return "\n".join(f"`{code}`\n: {meaning}\n" for code, meaning in MEANINGS.items())


class KitAreas(_Markdown):
    """The areas of the conformance kit."""

    def text(self) -> str:
        return kit_tables.area_table()


class KitTests(_Markdown):
    """Every test of the conformance kit."""

    def text(self) -> str:
        return kit_tables.test_list()


class WrongAdapters(_Markdown):
    """The adapters that are wrong on purpose, and the test that catches each."""

    def text(self) -> str:
        return kit_tables.wrong_table()


class PlantedFaults(_Markdown):
    """How many planted faults the kit finds, and which ones it cannot know."""

    def text(self) -> str:
        return f"{kit_tables.rate_table()}\n\n{kit_tables.uncaught_table()}"


class MuxJudges(_Markdown):
    """The operations that Mux's official SDKs judge."""

    def text(self) -> str:
        return judge_tables.mux_table()


class RoomsJudges(_Markdown):
    """The operations that VideoSDK's official SDK judges."""

    def text(self) -> str:
        return judge_tables.rooms_table()


class PeerTubeJudges(_Markdown):
    """The operations that PeerTube's SDK judges."""

    def text(self) -> str:
        return judge_tables.peertube_table()


class LineCounts(_Markdown):
    """The lengths of the modules in a folder of the repository."""

    required_arguments = 1

    def text(self) -> str:
        return line_table(ROOT / self.arguments[0])


def find_by_public_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve an annotation, which names a private module, to the public name."""
    target = str(node.get("reftarget", ""))
    home, _, member = target.rpartition(".")
    public = PUBLIC.get(target) or (f"{PUBLIC[home]}.{member}" if home in PUBLIC else None)
    if public is None or node.get("refdomain") != "py":
        return None
    if content.astext() == target:
        content = nodes.inline("", public.removeprefix("livestream_core."))
    domain = env.domains["py"]
    for kind in ("obj", "meth", "attr"):
        found = domain.resolve_xref(env, node["refdoc"], app.builder, kind, public, node, content)
        if found is not None:
            return found
    return None


#: The page that shows each file of the repository's root.
PAGES = {
    "CHANGELOG.md": "project/changelog",
    "CONTRIBUTING.md": "project/contributing",
    "SECURITY.md": "project/security",
}


def link_to_pages(app: Sphinx, doctree: nodes.document) -> None:
    """Make links between files of the repository's root lead to the pages that show these files."""
    for link in doctree.findall(addnodes.pending_xref):
        if link["reftype"] == "myst" and link["reftarget"] in PAGES:
            link["refdomain"], link["reftarget"] = "doc", PAGES[link["reftarget"]]
            link["reftargetid"] = None


def keep_lines(app: Sphinx, context: object, lines: list[str]) -> None:
    """Show the preformatted lines of a help text, such as an example, as a literal block."""
    shown = ""
    for index, line in enumerate(lines):
        if line.startswith("| "):
            beginning = "" if shown else ".. code-block:: text\n\n"
            shown = line
            lines[index] = f"{beginning}   {line[2:]}"
        else:
            shown = ""
    lines[:] = "\n".join(lines).split("\n")


#: Classes that users do not call. Their descriptions say how to get an instance.
WITHOUT_SIGNATURE = {
    f"{module.__name__}.{name}"
    for module, names in (
        (live, ("Client", "StreamList", "Trim")),
        (emulator, ("Fault",)),
        (migrate, ("Ledger",)),
        (testing, ("Livestreams",)),
    )
    for name in names
}


def hide_inner_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str] | None:
    """Hide or replace the signatures that say nothing to users."""
    if name in WITHOUT_SIGNATURE or (isinstance(obj, type) and issubclass(obj, enum.Enum)):
        return "", ""
    if isinstance(obj, type) and attrs.has(obj):
        return signature_of(obj), ""
    if what == "exception" and obj is not live.LiveStreamError:
        # The arguments that all errors accept are documented once, at LiveStreamError.
        if signature is None or "__init__" not in vars(obj):
            return "(message='', **context)", ""
        return re.sub(r"\*\*context: .*\)$", "**context)", signature), ""
    return None


def signature_of(cls: type[attrs.AttrsInstance]) -> str:
    """Return the arguments and defaults of a value class; the attributes show the types."""
    by_name = False
    parts: list[str] = []
    for field in attrs.fields(cls):
        if not field.init:
            continue
        if field.kw_only and not by_name:
            by_name = True
            parts.append("*")
        default = field.default
        if default is attrs.NOTHING:
            parts.append(field.name)
        elif isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            value = "..." if default.takes_self else repr(default.factory())
            parts.append(f"{field.name}={value}")
        else:
            parts.append(f"{field.name}={default!r}")
    return f"({', '.join(parts)})"


def hide_private_bases(
    app: Sphinx, name: str, obj: object, options: object, bases: list[Any]
) -> None:
    """Replace each private base class with its public base classes."""
    bases[:] = [each for base in bases for each in _public(base)]


def _public(base: Any) -> tuple[Any, ...]:
    kind = get_origin(base) or base
    if kind in homes or not kind.__module__.startswith("livestream_core"):
        return (base,)
    return tuple(public for each in base.__bases__ for public in _public(each))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and event handlers. Sphinx calls this."""
    app.add_directive("status-diagram", StatusDiagram)
    app.add_directive("status-table", StatusTable)
    app.add_directive("feature-matrix", FeatureMatrix)
    app.add_directive("provider-features", ProviderFeatures)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("provider-options", ProviderOptions)
    app.add_directive("kit-areas", KitAreas)
    app.add_directive("kit-tests", KitTests)
    app.add_directive("wrong-adapters", WrongAdapters)
    app.add_directive("planted-faults", PlantedFaults)
    app.add_directive("mux-judges", MuxJudges)
    app.add_directive("rooms-judges", RoomsJudges)
    app.add_directive("peertube-judges", PeerTubeJudges)
    app.add_directive("line-counts", LineCounts)
    app.connect("doctree-read", link_to_pages)
    app.connect("autodoc-process-signature", hide_inner_signature)
    app.connect("autodoc-process-bases", hide_private_bases)
    app.connect("sphinx-click-process-description", keep_lines)
    app.connect("sphinx-click-process-epilog", keep_lines)
    app.connect("missing-reference", find_by_public_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
