"""The allowed imports between modules, and the cost of importing the library."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections import namedtuple
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import livestream_core as live
from layers import CORE, MODULES, ORDER, ROOT, is_upward, nodes_of, own_imports, place_in
from livestream_core import emulator

ADAPTERS = sorted(path.parent for path in ROOT.glob("adapters/*/pyproject.toml"))

# -- imports --------------------------------------------------------------------------------

#: Packages that only some users need. They are loaded on first use.
HEAVY = {
    "aiohttp",
    "asyncio",
    "click",
    "dask",
    "dateutil",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "jinja2",
    "json",
    "logging",
    "opentelemetry",
    "pluggy",
    "requests",
    "rich",
    "sqlalchemy",
    "tenacity",
    "urllib3",
    "werkzeug",
}


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages that some code loads in a new interpreter.

    What the interpreter has loaded before does not count, such as coverage's modules.
    """
    before = "import sys; before = {*sys.modules}"
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{code}\nprint(*{{*sys.modules}} - before)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_core_loads_no_http_library_no_command_line_and_no_adapter() -> None:
    loaded = loaded_by("import livestream_core")
    adapters = {name for name in loaded if name.startswith("livestream_")} - {"livestream_core"}
    assert loaded & HEAVY == set()
    assert adapters == set()


def test_asking_which_providers_there_are_imports_none_of_them() -> None:
    loaded = loaded_by("import livestream_core as live; live.providers()")
    assert {name for name in loaded if name.startswith("livestream_")} == {"livestream_core"}


# -- layers of the core ---------------------------------------------------------------------


def module_files() -> list[Path]:
    return sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


@pytest.mark.parametrize("package", ORDER)
def test_every_module_and_folder_has_a_place_in_the_order(package: str) -> None:
    inside = {place_in(package, each) for each in MODULES if each.startswith(f"{package}.")}
    assert inside == set(ORDER[package])


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_of_the_core_imports_nothing_above_it(module: str) -> None:
    assert [each for each in own_imports(module) if is_upward(module, each)] == []


@pytest.mark.slow
def test_the_modules_of_the_core_import_each_other_in_no_circle() -> None:
    arrows = {module: own_imports(module, later_too=False) for module in MODULES}
    while leaves := {name for name, targets in arrows.items() if not targets & set(arrows)}:
        arrows = {name: targets for name, targets in arrows.items() if name not in leaves}
    assert arrows == {}


# -- private names --------------------------------------------------------------------------

#: Documented names, although they start like private ones.
OF_NAMED_TUPLES = set(dir(namedtuple("Any", "")))


def own_names(tree: ast.AST) -> set[str]:
    """Return the names that are a module's own.

    Those are what it defines, what its methods give to their own objects, and what it says it uses
    of another library.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Assign) and ast.unparse(node).startswith("PRIVATES_OF_"):
            # A name of another library, which the module declares and whose version it requires.
            names |= set(ast.literal_eval(node.value))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if ast.unparse(node.value) in ("self", "cls") else set()
    return names


def reached_into(source: str) -> list[str]:
    """Return the private names of other modules that a module's source uses."""
    tree = ast.parse(source)
    own = own_names(tree)
    modules = {alias.name for each in ast.walk(tree) if isinstance(each, ast.Import)
               for alias in each.names}  # fmt: skip
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and re.match(r"_(?!_)", node.attr)
        and ast.unparse(node.value) not in ("self", "cls", "super()")
        and node.attr not in own | OF_NAMED_TUPLES
        and not (
            (module := ast.unparse(node.value)) in modules
            and node.attr in getattr(importlib.import_module(module), "__all__", ())
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", module_files(), ids=lambda path: path.relative_to(CORE).as_posix())
def test_a_module_of_the_core_reaches_into_the_privates_of_no_other(path: Path) -> None:
    assert reached_into(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("client._engine.session", ["client._engine"]),
        ("def look(self):\n    return self.client._adapter", ["self.client._adapter"]),
        ("class A:\n    def _own(self): ...\nA()._own()", []),
        ("class A:\n    def __init__(self):\n        self._a = 1\ndef f(a: A): return a._a", []),
        ("other._a = 1", ["other._a"]),
        ("import os\nos._exit(1)", []),
        ("import os\nos._wrap_close", ["os._wrap_close"]),
        ("row._replace(a=1)", []),
    ],
)
def test_private_names_that_a_module_uses_are_found(source: str, names: list[str]) -> None:
    assert [each.partition(": ")[2] for each in reached_into(source)] == names


# -- vendors stay in their adapters ---------------------------------------------------------

VENDORS = re.compile(r"tpstreams|testpress|video\W?sdk|zujonow|tkt\W?church|\btkt\b", re.IGNORECASE)


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.name)
def test_no_vendor_is_named_in_the_core(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if VENDORS.search(line)] == []


def test_the_core_has_no_adapter_among_its_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    named = [*project["dependencies"], *(each for extra in extras for each in extra)]
    assert [each for each in named if VENDORS.search(each)] == []


# -- adapters use only public names ---------------------------------------------------------

PUBLIC = {
    "livestream_core": set(live.__all__),
    "livestream_core.emulator": set(emulator.__all__),
    "livestream_core.webhooks": set(live.webhooks.__all__),
}
#: An adapter yields requests; the core sends them.
NETWORK = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "http",
    "httplib2",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "urllib3",
}


def adapter_files() -> list[Path]:
    return sorted(path for each in ADAPTERS for path in (each / "src").rglob("*.py"))


def each_adapter_file() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "path", adapter_files(), ids=lambda path: f"{path.parent.name}/{path.name}"
    )


def modules_imported(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports from, except its own package."""
    for node in nodes_of(path, later_too=True):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize(
    "path",
    [*adapter_files(), *sorted((CORE / "memory").glob("*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_an_adapter_imports_public_names_of_the_core_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases: dict[str, str] = {}
    private: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "livestream_core":
                    target = alias.name if alias.asname else "livestream_core"
                    aliases[alias.asname or "livestream_core"] = target
                    private += [alias.name] if alias.name not in PUBLIC else []
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            if module.partition(".")[0] == "livestream_core":
                for alias in node.names:
                    full = f"{module}.{alias.name}"
                    if full in PUBLIC:
                        aliases[alias.asname or alias.name] = full
                    elif alias.name not in PUBLIC.get(module, ()):
                        private.append(full)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = aliases.get(node.value.id, "")
            full = f"{module}.{node.attr}"
            if module and full not in PUBLIC and node.attr not in PUBLIC[module]:
                private.append(full)
    assert private == []


@each_adapter_file()
def test_an_adapter_imports_no_http_library_and_nothing_else_that_sends(path: Path) -> None:
    senders = [
        name
        for name in modules_imported(path)
        if name.partition(".")[0] in NETWORK or name == "urllib.request"
    ]
    assert senders == []


@pytest.mark.slow
@each_adapter_file()
def test_an_adapter_imports_only_what_its_package_declares(path: Path) -> None:
    root = next(each for each in ADAPTERS if path.is_relative_to(each))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {normal(re.split(r"[^\w.-]", each)[0]) for each in project["dependencies"]}
    for extra in project.get("optional-dependencies", {}).values():
        declared |= {normal(re.split(r"[^\w.-]", each)[0]) for each in extra}
    ours = {each.name for each in (root / "src").iterdir()}
    installed = packages_distributions()
    strangers = [
        name
        for name in modules_imported(path)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names
        and top not in ours
        and not declared & {normal(each) for each in installed.get(top, ())}
    ]
    assert strangers == []


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
