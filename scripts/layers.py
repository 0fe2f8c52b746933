"""The layers of `livestream_core`, and which module imports which, read from the code.

The tests hold the code to this table; `scripts/architecture_picture.py` draws it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ROOT / "livestream_core"

#: The modules and folders of each package, from the bottom up. Each imports only from those before
#: it, so that to understand a folder, you need only the folders before it.
LAYERS = {
    "livestream_core": """_version _public _formerly _secrets _model webhooks _contract _plugins
        _engine _probe _http _runners _client __init__ emulator memory durable sharing events
        contrib telemetry migrate testing cli""",
    "livestream_core._probe": "verdict addresses location playlist fetching probing __init__",
    "livestream_core.durable": """values flows matching lookup listing settling database leases
        store creating creates __init__""",
    "livestream_core.events": """stores sql redis effects stored accounts tracking
        tracker __init__""",
    "livestream_core.migrate": """kept values ledger patience pace planning running finishing pages
        __init__""",
    "livestream_core.contrib": """receiving receivers bodies wsgi asgi django flask fastapi
        __init__""",
    "livestream_core.sharing": """rates pauses limiter cipher token_store sql redis redis_limiter
        __init__""",
    "livestream_core.testing": """transports field_values shapes vocabulary captures pseudonyms
        rehearsal tour blocking fixture sandbox real_server conformance report plugin strategies
        registration __init__""",
    "livestream_core.cli": """console connections streams webhooks media installation adapters
        migrate app __init__ __main__""",
    "livestream_core.cli.media": "nginx recordings server __init__",
}
ORDER = {package: names.split() for package, names in LAYERS.items()}


def module_of(path: Path) -> str:
    """Return the name of a module; that of a package ends with ``__init__``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


MODULES = {module_of(path): path for path in sorted(CORE.rglob("*.py"))}


def place_in(package: str, module: str) -> str:
    """Return the name under which `ORDER` has a module of a package."""
    return module.removeprefix(f"{package}.").partition(".")[0]


def own_imports(module: str, *, later_too: bool = True) -> set[str]:
    """Return the modules of the core that a module imports.

    Args:
        module: The name of the module.
        later_too: Whether imports for types and in functions count, and not only those that run
            when the module itself is imported.
    """
    found = set()
    package = module.rpartition(".")[0].split(".")
    for node in nodes_of(MODULES[module], later_too=later_too):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return {_named(each) for each in found if each.partition(".")[0] == CORE.name} - {module}


def _named(dotted: str) -> str:
    """Return the module that a dotted name is, or is in."""
    while dotted not in MODULES and f"{dotted}.__init__" not in MODULES:
        dotted = dotted.rpartition(".")[0]
    return dotted if dotted in MODULES else f"{dotted}.__init__"


def nodes_of(path: Path, *, later_too: bool) -> Iterator[ast.AST]:
    """Yield the parts of a file: all, or only those that run when it is imported."""
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        yield node
        if later_too:
            todo += ast.iter_child_nodes(node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def is_upward(importer: str, imported: str) -> bool:
    """Return whether a module stands above another that imports it, in any package with both."""
    for package, order in ORDER.items():
        if importer.startswith(f"{package}.") and imported.startswith(f"{package}."):
            place, other = (place_in(package, each) for each in (importer, imported))
            if order.index(other) > order.index(place):
                return True
    return False
