"""Tries the installed wheels the way a stranger would: run it isolated, from an empty folder.

Usage: python -I smoke.py CHECKOUT
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib import import_module
from importlib.metadata import distribution, distributions
from pathlib import Path

COMMANDS = (
    ("--help",),
    ("providers", "--features"),
    ("demo",),
    ("new-adapter", "smoke", "--yes"),
)
#: Uses what the last of them wrote.
BEGUN = """
import sys
sys.path.insert(0, "livestream-smoke/src")
import livestream_core as live
import livestream_smoke
from livestream_smoke.emulator import SmokeEmulator

live.register(livestream_smoke)
with SmokeEmulator().connect() as client:
    print(client.create(title="Data science").title)
"""
#: Moves a stream, and makes a page from a template of the wheel.
MOVED = """
from datetime import UTC, datetime, timedelta

import livestream_core as live
from livestream_core import migrate

start = datetime.now(UTC) + timedelta(days=1)
with live.connect("memory", account="old") as old, live.connect("memory", account="new") as new:
    old.create(title="Data science", scheduled_start=start)
    result = migrate.run(migrate.plan(old, new), ledger="smoke.db")
    assert result.exit_code == 0, result
    assert migrate.check("smoke.db", old, new).all_equal
    page = migrate.report_html(result.report)
    assert "Data science" in page
    print(result.report.counts)
"""


def main(checkout: Path) -> None:
    """Checks everything; the first thing that is wrong ends it."""
    site = Path(sysconfig.get_path("purelib")).resolve()
    wheels = sorted((checkout / "dist").glob("*.whl"))
    names = [wheel.name.partition("-")[0] for wheel in wheels]
    projects = 1 + len(list((checkout / "adapters").glob("*/pyproject.toml")))
    check(len(wheels) == projects, f"there are {len(wheels)} wheels of {projects} projects")
    for wheel, name in zip(wheels, names, strict=True):
        inside = zipfile.ZipFile(wheel).namelist()
        check(f"{name}/py.typed" in inside, f"{wheel.name} has no py.typed")
        check(
            any(re.search(r"\.dist-info/(licenses/)?LICENSE$", path) for path in inside),
            f"{wheel.name} has no LICENSE",
        )
        ours = (f"{name}/", f"{name}-", f"{name}_pytest.py")
        strays = [path for path in inside if not path.startswith(ours)]
        check(not strays, f"{wheel.name} has files outside of its package: {strays}")
        module = import_module(name)
        origin = Path(module.__file__ or "").resolve()
        check(origin.is_relative_to(site), f"{name} was imported from {origin}")
    versions = {
        each.metadata["Name"]: each.version
        for each in distributions()
        if each.metadata["Name"].replace("-", "_") in names
    }
    check(len(versions) == projects, f"installed are only {versions}")
    say("wheels: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())))

    bill_of_materials(checkout / "dist" / "livestream-core.cdx.json", wheels)

    tool = Path(sysconfig.get_path("scripts")) / "livestream"
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LIVESTREAM_"))}
    for command in COMMANDS:
        run([str(tool), *command], environ, shown=f"livestream {' '.join(command)}")
    run([sys.executable, "-I", "-c", BEGUN], environ, shown="the adapter that was begun")
    run([sys.executable, "-I", "-c", MOVED], environ, shown="a migration")
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", readme, re.S | re.M), 1):
        run([sys.executable, "-I", "-c", block], environ, shown=f"example {number} of the README")


def bill_of_materials(path: Path, wheels: list[Path]) -> None:
    """Check that it names all that is installed here, and what each of our wheels needs."""
    told = json.loads(path.read_text(encoding="utf-8"))
    versions = {each["name"]: each["version"] for each in told["components"]}
    for each in distributions():
        name, version = canonical(each.metadata["Name"]), each.version
        if name not in ("pip", "setuptools"):  # they came with the environment
            found = versions.get(name)
            check(found == version, f"{path.name} has {name} {found}, installed is {version}")
    digests = {each["hashes"][0]["content"] for each in told["components"] if each.get("hashes")}
    ours = {hashlib.sha256(each.read_bytes()).hexdigest() for each in wheels}
    check(digests == ours, f"{path.name} has other digests than the wheels")
    needs = {each["ref"]: " ".join(each.get("dependsOn", ())) for each in told["dependencies"]}
    for wheel in wheels:
        name = canonical(wheel.name.partition("-")[0])
        for needed in distribution(name).requires or ():
            if "extra ==" not in needed:
                other = canonical(re.split(r"[^\w.-]", needed)[0])
                found = needs[f"pkg:pypi/{name}@{versions[name]}"]
                check(f"/{other}@" in found, f"{path.name} does not say that {name} needs {other}")
    say(f"{path.name}: {len(versions)} packages")


def canonical(name: str) -> str:
    """Return a distribution's name as all write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run(command: list[str], environ: dict[str, str], *, shown: str) -> None:
    """Runs a command, which must succeed and print something."""
    done = subprocess.run(  # noqa: S603
        command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    printed = done.stdout + done.stderr
    check(done.returncode == 0, f"{shown} ended with {done.returncode}:\n{printed}")
    check(bool(done.stdout.strip()), f"{shown} printed nothing")
    check("Traceback" not in printed, f"{shown} printed a traceback:\n{printed}")
    say(f"{shown}: {len(done.stdout.splitlines())} lines")


def check(holds: bool, problem: str) -> None:
    """Ends the run if something does not hold."""
    if not holds:
        sys.exit(f"smoke test failed: {problem}")


def say(text: str) -> None:
    """Prints a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
