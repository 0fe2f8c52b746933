"""What the site shows of the code: directives, and how names are found."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Any

import attrs
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import kit_tables
import livestream_core as live
import status_diagram
from line_counts import line_table
from livestream_core import emulator, memory, migrate, testing
from livestream_core._public import homes
from livestream_core.cli.console.exit_codes import MEANINGS
from livestream_core.testing import conformance, strategies
from provider_tables import feature_list, feature_matrix, option_table

ROOT = Path(__file__).parents[2]

#: Those whose names are public, the most special first.
MODULES = (strategies, conformance, testing, migrate, memory, emulator, live)

# Descriptions of attributes are read where a class is written, which it does not say itself.
for _value, _home in homes.items():
    _value.__module__ = _home

#: The page is read as the name that users import, not as the module that a name is written in.
PUBLIC = {
    f"{getattr(module, name).__module__}.{name}": f"{module.__name__}.{name}"
    for module in MODULES
    for name in module.__all__
    if hasattr(getattr(module, name), "__module__")
}


class StatusDiagram(SphinxDirective):
    """The statuses and what each can become, as a picture."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", status_diagram.drawn(), format="html")]


class _Markdown(SphinxDirective):
    """Reads generated text as if it stood on the page."""

    def text(self) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        container = nodes.Element()
        self.state.nested_parse(
            StringList(self.text().splitlines(), source=self.name), self.content_offset, container
        )
        return container.children


class StatusTable(_Markdown):
    """What the picture of the statuses leaves to words, and all steps as a table."""

    def text(self) -> str:
        return f"{status_diagram.sentence()}\n\n{status_diagram.table()}"


class FeatureMatrix(_Markdown):
    """What every provider can do."""

    def text(self) -> str:
        return feature_matrix()


class ProviderFeatures(_Markdown):
    """What one provider can do, and why not."""

    required_arguments = 1

    def text(self) -> str:
        return feature_list(self.arguments[0])


class ProviderOptions(_Markdown):
    """The options of one provider."""

    required_arguments = 1

    def text(self) -> str:
        return option_table(self.arguments[0])


class ExitCodes(_Markdown):
    """What each exit code of the command line means."""

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
    """The adapters that are wrong on purpose, and what catches each."""

    def text(self) -> str:
        return kit_tables.wrong_table()


class LineCounts(_Markdown):
    """How long the modules in a folder of the repository are."""

    required_arguments = 1

    def text(self) -> str:
        return line_table(ROOT / self.arguments[0])


def find_by_public_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Annotations name the private module that a class is written in."""
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


#: Where the site shows the files of the repository's root.
PAGES = {
    "CHANGELOG.md": "project/changelog",
    "CONTRIBUTING.md": "project/contributing",
    "SECURITY.md": "project/security",
}


def link_to_pages(app: Sphinx, doctree: nodes.document) -> None:
    """For ``doctree-read``: a link between files of the root, as those who read them there need
    it, leads to the page that shows the file.
    """
    for link in doctree.findall(addnodes.pending_xref):
        if link["reftype"] == "myst" and link["reftarget"] in PAGES:
            link["refdomain"], link["reftarget"] = "doc", PAGES[link["reftarget"]]
            link["reftargetid"] = None


def keep_lines(app: Sphinx, context: object, lines: list[str]) -> None:
    """For sphinx-click: what a help text shows line by line, such as an example, is literal."""
    shown = ""
    for index, line in enumerate(lines):
        if line.startswith("| "):
            beginning = "" if shown else ".. code-block:: text\n\n"
            shown = line
            lines[index] = f"{beginning}   {line[2:]}"
        else:
            shown = ""
    lines[:] = "\n".join(lines).split("\n")


#: Classes that nobody makes by calling them: how they are made is said in words.
MADE_ELSEWHERE = {
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
    """For ``autodoc-process-signature``."""
    if name in MADE_ELSEWHERE or (isinstance(obj, type) and issubclass(obj, enum.Enum)):
        return "", ""
    if isinstance(obj, type) and attrs.has(obj):
        return signature_of(obj), ""
    if what == "exception" and obj is not live.LiveStreamError:
        # What all errors take is said once, at their root.
        if signature is None or "__init__" not in vars(obj):
            return "(message='', **context)", ""
        return re.sub(r"\*\*context: .*\)$", "**context)", signature), ""
    return None


def signature_of(cls: type[attrs.AttrsInstance]) -> str:
    """What a class of values takes, with the defaults; the types are beside the attributes."""
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
            made = "..." if default.takes_self else repr(default.factory())
            parts.append(f"{field.name}={made}")
        else:
            parts.append(f"{field.name}={default!r}")
    return f"({', '.join(parts)})"


def hide_private_bases(
    app: Sphinx, name: str, obj: object, options: object, bases: list[Any]
) -> None:
    """For ``autodoc-process-bases``: what users see of a private base are its public ones."""
    bases[:] = [each for base in bases for each in _public(base)]


def _public(base: Any) -> tuple[Any, ...]:
    if not getattr(base, "__name__", "").startswith("_"):
        return (base,)
    return tuple(public for each in base.__bases__ for public in _public(each))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("status-diagram", StatusDiagram)
    app.add_directive("status-table", StatusTable)
    app.add_directive("feature-matrix", FeatureMatrix)
    app.add_directive("provider-features", ProviderFeatures)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("provider-options", ProviderOptions)
    app.add_directive("kit-areas", KitAreas)
    app.add_directive("kit-tests", KitTests)
    app.add_directive("wrong-adapters", WrongAdapters)
    app.add_directive("line-counts", LineCounts)
    app.connect("doctree-read", link_to_pages)
    app.connect("autodoc-process-signature", hide_inner_signature)
    app.connect("autodoc-process-bases", hide_private_bases)
    app.connect("sphinx-click-process-description", keep_lines)
    app.connect("sphinx-click-process-epilog", keep_lines)
    app.connect("missing-reference", find_by_public_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
