"""The workflows of `.github` run commands that exist, with no more permissions than they need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import release_files

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
#: Our own commands in a script: a path, or a program with one of our paths as its argument.
PATHS = re.compile(r"(?<![\w./$\"-])((?:\.ci|scripts)/[\w.-]+)")
MAKE = re.compile(r"(?<![\w./-])make ([a-z-]+)")


def loaded(path: Path) -> dict[str, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    return {"on" if key is True else key: value for key, value in found.items()}


def workflow(name: str) -> dict[str, Any]:
    return loaded(ROOT / ".github/workflows" / name)


def events_of(path: Path) -> set[str]:
    events = loaded(path)["on"]
    return {events} if isinstance(events, str) else set(events)


def steps_of(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in content["jobs"].values():
        yield from job.get("steps", ())


def scripts_of(content: dict[str, Any]) -> list[str]:
    return [step["run"] for step in steps_of(content) if "run" in step]


def permissions_of(content: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each granted permission, with its job, or `*` for the whole workflow."""
    granted = {"*": content.get("permissions", {})} | {
        name: job.get("permissions", {}) for name, job in content["jobs"].items()
    }
    for where, permissions in granted.items():
        assert isinstance(permissions, dict), f"{where}: name each permission"
        for what, access in permissions.items():
            yield where, what, access


def distributions() -> list[str]:
    projects = [ROOT / "pyproject.toml", *ROOT.glob("adapters/*/pyproject.toml")]
    return [tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"] for path in projects]


def each_workflow() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


# -- every workflow -----------------------------------------------------------------------------


def test_there_are_the_workflows_that_the_project_promises() -> None:
    names = {path.name for path in WORKFLOWS}
    assert names >= {"ci.yml", "nightly.yml", "release.yml", "adapter-kit.yml"}


@each_workflow()
def test_every_command_of_a_workflow_that_is_ours_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for script in scripts_of(loaded(path)):
        assert set(MAKE.findall(script)) <= targets
        for each in PATHS.findall(script):
            assert (ROOT / each).is_file()
            # A script that is run without an interpreter must be executable.
            if re.search(rf"(?:^|sudo ){re.escape(each)}", script, re.MULTILINE):
                assert (ROOT / each).stat().st_mode & 0o111


@each_workflow()
def test_a_workflow_starts_with_the_permission_to_read_and_no_other(path: Path) -> None:
    assert loaded(path)["permissions"] == {"contents": "read"}


@each_workflow()
def test_a_job_may_write_nothing_except_the_token_that_publishes(path: Path) -> None:
    writing = [granted for granted in permissions_of(loaded(path)) if granted[2] != "read"]
    expected = [("publish", "id-token", "write")] if path.name == "release.yml" else []
    assert writing == expected


@each_workflow()
def test_no_workflow_reads_a_secret(path: Path) -> None:
    # Trusted publishing needs no secret, and a job that runs a contributor's code must have none.
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bsecrets\b", text)
    assert "github.token" not in text


@each_workflow()
def test_no_workflow_runs_a_contributors_code_with_the_rights_of_the_repository(path: Path) -> None:
    assert not events_of(path) & {"pull_request_target", "workflow_run", "issue_comment"}


@each_workflow()
def test_no_script_contains_text_that_others_wrote(path: Path) -> None:
    # An expression becomes part of the script before the shell reads it; a variable does not.
    for script in scripts_of(loaded(path)):
        assert "${{" not in script


@each_workflow()
def test_every_action_is_pinned_to_a_commit_and_says_which_version_it_is(path: Path) -> None:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    used = [line for line in lines if re.match(r"(- )?uses:", line)]
    assert used
    for line in used:
        assert re.fullmatch(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_an_action_has_the_same_version_in_every_workflow() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(
            r"uses: ([\w./-]+)@(\S+ # \S+)", path.read_text(encoding="utf-8")
        ):
            pins.setdefault(name, set()).add(pin)
    assert [name for name, found in pins.items() if len(found) > 1] == []


@each_workflow()
def test_a_checkout_leaves_no_credentials_behind(path: Path) -> None:
    for step in steps_of(loaded(path)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@each_workflow()
def test_every_job_has_a_time_limit(path: Path) -> None:
    for job in loaded(path)["jobs"].values():
        assert 0 < job["timeout-minutes"] < 360


@each_workflow()
def test_an_automatic_workflow_does_not_run_twice_for_the_same_commit(path: Path) -> None:
    content = loaded(path)
    # The caller of a reusable workflow decides that.
    assert ("concurrency" in content) is (events_of(path) != {"workflow_call"})


# -- continuous integration ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "event", "command"),
    [("ci.yml", "pull_request", ".ci/run"), ("nightly.yml", "schedule", ".ci/nightly")],
)
def test_what_runs_there_is_what_runs_here(name: str, event: str, command: str) -> None:
    assert event in events_of(ROOT / ".github/workflows" / name)
    assert scripts_of(workflow(name))[-1] == command


def test_the_pythons_that_ci_tests_are_installed_first() -> None:
    wanted = set(re.findall(r'VERSIONS="([\d. ]+)"', (ROOT / ".ci/run").read_text())[0].split())
    installed = [
        step["with"]["python-version"].split()
        for step in steps_of(workflow("ci.yml"))
        if "python-version" in step.get("with", {})
    ]
    assert wanted | {"3.11"} == set(*installed)


# -- releases -----------------------------------------------------------------------------------


def publishing_options() -> dict[str, Any]:
    (step,) = [
        step
        for step in workflow("release.yml")["jobs"]["publish"]["steps"]
        if step["uses"].startswith("pypa/gh-action-pypi-publish@")
    ]
    return dict(step["with"])


def test_only_a_tag_of_a_distribution_makes_a_release() -> None:
    assert workflow("release.yml")["on"] == {"push": {"tags": ["livestream-*-v*"]}}


def test_a_release_is_published_with_attestations_and_without_a_password() -> None:
    options = publishing_options()
    assert options["attestations"] is True
    assert not options.keys() & {"password", "user", "skip-existing", "repository-url"}


def test_the_job_that_may_publish_runs_no_code_of_the_repository() -> None:
    publish = workflow("release.yml")["jobs"]["publish"]
    assert publish["environment"]["name"].startswith("pypi-")
    assert [step for step in publish["steps"] if "run" in step or "checkout" in step["uses"]] == []
    assert publish["needs"] == "build"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a checkout with two built distributions of version 1.2.0."""
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.0] - 2030-01-01\n")
    (tmp_path / "dist").mkdir()
    for name in ("livestream_core", "livestream_acme"):
        for ending in ("-py3-none-any.whl", ".tar.gz"):
            (tmp_path / "dist" / f"{name}-1.2.0{ending}").write_text(name)
    (tmp_path / "dist" / "livestream-core.cdx.json").write_text("{}")
    return tmp_path


def test_a_tag_publishes_the_two_files_of_its_own_distribution(built: Path) -> None:
    folder = built / "build" / "release"
    assert release_files.main("livestream-acme-v1.2.0", folder, root=built) == "livestream-acme"
    assert sorted(path.name for path in folder.iterdir()) == [
        "livestream_acme-1.2.0-py3-none-any.whl",
        "livestream_acme-1.2.0.tar.gz",
    ]


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("v1.2.0", "is not a release tag"),
        ("livestream-core-1.2.0", "is not a release tag"),
        ("livestream-core-v1.2.0/../x", "is not a release tag"),
        ("livestream-core-v1.3.0", "no heading for 1.3.0"),
        ("livestream-core-v1", "no heading for 1$"),
        ("livestream-other-v1.2.0", "files of livestream-other there: none"),
    ],
)
def test_a_tag_that_does_not_fit_what_was_built_publishes_nothing(
    built: Path, tag: str, reason: str
) -> None:
    with pytest.raises(SystemExit, match=reason):
        release_files.main(tag, built / "release", root=built)
    assert not (built / "release").exists()


def test_a_release_without_its_source_distribution_is_refused(built: Path) -> None:
    (built / "dist" / "livestream_core-1.2.0.tar.gz").unlink()
    with pytest.raises(SystemExit, match=r"needs .*\.whl and .*\.tar\.gz in dist"):
        release_files.main("livestream-core-v1.2.0", built / "release", root=built)


def test_every_distribution_of_this_repository_has_a_name_that_a_tag_can_carry() -> None:
    for name in distributions():
        assert re.fullmatch(r"livestream-[a-z0-9-]+", name)


# -- the workflow that authors of adapters call -------------------------------------------------


def kit() -> dict[str, Any]:
    return workflow("adapter-kit.yml")


def test_authors_can_call_the_kit_without_any_input() -> None:
    inputs = kit()["on"]["workflow_call"]["inputs"]
    assert set(inputs) == {"package", "python-versions", "client", "pytest-args", "find-links"}
    assert [name for name, each in inputs.items() if "default" not in each] == []
    assert all(each["description"] and each["type"] == "string" for each in inputs.values())


def test_the_kit_runs_with_the_lowest_core_and_with_the_newest() -> None:
    assert kit()["jobs"]["kit"]["strategy"]["matrix"]["core"] == ["lowest", "newest"]


def test_the_kit_uses_no_file_that_its_callers_lack() -> None:
    for script in scripts_of(kit()):
        assert not PATHS.findall(script)
        assert not MAKE.findall(script)


def test_the_kit_uses_options_and_extras_that_exist() -> None:
    scripts = "\n".join(scripts_of(kit()))
    plugin = (ROOT / "livestream_core_pytest.py").read_text(encoding="utf-8")
    options = set(re.findall(r"--livestream-[a-z]+", scripts))
    assert options >= {"--livestream-adapter", "--livestream-client", "--livestream-report"}
    assert [option for option in options if f'"{option}"' not in plugin] == []
    extras = re.findall(r"livestream-core\[([a-z,]+)\]", scripts)[0].split(",")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [extra for extra in extras if f"\n{extra} = [" not in project] == []


def test_a_page_that_shows_how_to_call_the_kit_names_every_input_and_no_other() -> None:
    inputs = kit()["on"]["workflow_call"]["inputs"]
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        if "/adapter-kit.yml@" not in text:
            continue
        table = re.findall(r"^\| Input \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
        assert [row.split("`")[1] for row in "".join(table).splitlines()] == list(inputs)
        for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for job in yaml.safe_load(block)["jobs"].values():
                assert set(job.get("with", ())) <= set(inputs)


# -- documentation for maintainers ---------------------------------------------------------------


def test_the_guide_to_releases_names_every_distribution_and_its_tag() -> None:
    guide = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    for name in distributions():
        assert f"| `{name}` |" in guide
        assert f"`{name}-v0.2.0` |" in guide


def test_every_file_and_job_that_the_guide_to_releases_names_exists() -> None:
    guide = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    for path in set(re.findall(r"`((?:scripts|adapters|\.ci)/[\w./-]+)`", guide)):
        assert (ROOT / path).exists()
    assert set(re.findall(r"`([a-z]+)` job", guide)) <= workflow("release.yml")["jobs"].keys()
    prefix = workflow("release.yml")["jobs"]["publish"]["environment"]["name"].split("$")[0]
    assert f"environment `{prefix}`" in guide
