"""Write the dependencies of the wheels in a folder as CycloneDX JSON.

Usage: python sbom.py FOLDER EXTRAS

The versions are those installed in this interpreter's environment, for this system. EXTRAS is a
comma-separated list of the extras that users install; packages that only they need are optional.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import distribution
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "livestream-core.cdx.json"


def main(folder: Path, users: list[str]) -> None:
    """Check the document against the schema, and write the file."""
    wheels: dict[str, Path] = {
        canonicalize_name(path.name.split("-")[0]): path for path in folder.glob("*.whl")
    }
    needed = needs(sorted(wheels), [])
    components = {
        name: component(name, wheels.get(name), optional=name not in needed)
        for name in needs(sorted(wheels), users)
    }
    bom = Bom(components=components.values())
    for name, others in needs(sorted(wheels), users).items():
        bom.register_dependency(components[name], [components[other] for other in sorted(others)])
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"{NAME}: {problem}")
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def needs(names: list[str], extras: list[str]) -> dict[str, set[str]]:
    """Return the direct dependencies of each distribution, and of each dependency, by name."""
    found: dict[str, set[str]] = {}
    todo = [(name, frozenset(extras)) for name in names]
    done = set()
    while todo:
        name, with_extras = todo.pop()
        if (name, with_extras) in done:
            continue
        done.add((name, with_extras))
        others = found.setdefault(name, set())
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *with_extras)
            ):
                other = canonicalize_name(needed.name)
                others.add(other)
                todo.append((other, frozenset(needed.extras)))
        others.discard(name)  # a distribution may require one of its own extras
    return found


def component(name: str, wheel: Path | None, *, optional: bool) -> Component:
    """Return the entry of one distribution, with the digest of its wheel if there is one."""
    version = distribution(name).version
    url = PackageURL("pypi", name=name, version=version)
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=url,
        bom_ref=url.to_string(),
        scope=ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED,
        hashes=[
            HashType(
                alg=HashAlgorithm.SHA_256, content=hashlib.sha256(each.read_bytes()).hexdigest()
            )
            for each in [wheel]
            if each is not None
        ],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","))
