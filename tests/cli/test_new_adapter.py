"""`livestream new-adapter`: its prompts, its options, its refusals, and its output folder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import Result

from command_line import livestream, run
from livestream_core import Feature, Support
from livestream_core.cli.adapters import new_adapter, scaffold
from terminal import needs_a_terminal, terminal

ROOT = Path(__file__).parents[2]
SCAFFOLD = Path(scaffold.__file__).parent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(*arguments: str) -> Result:
    result = run("new-adapter", *arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: str) -> str:
    result = run("new-adapter", *arguments)
    assert result.exit_code == 2, result.output
    return result.stderr


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# -- output files -------------------------------------------------------------------------------


def test_a_name_is_enough_for_a_whole_package(here: Path) -> None:
    begun("river")
    assert written(here / "livestream-river") == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/livestream_river/__init__.py",
        "src/livestream_river/adapter.py",
        "src/livestream_river/emulator.py",
        "src/livestream_river/py.typed",
        "tests/test_river.py",
        "tests/test_river_conformance.py",
    }


def test_no_template_is_hidden_for_a_wheel_would_lack_it() -> None:
    templates = [path.relative_to(SCAFFOLD) for path in SCAFFOLD.rglob("*-tpl")]
    assert len(templates) > 11
    assert [path for path in templates if any(part[0] == "." for part in path.parts)] == []


def test_every_file_that_was_written_is_named(here: Path) -> None:
    lines = begun("river").stdout.splitlines()
    assert written(here / "livestream-river") <= {line.strip() for line in lines}


def test_the_next_steps_lead_into_the_folder(here: Path) -> None:
    assert "  cd 'a folder'\n" in begun("river", "--output", "a folder").stdout


def test_json_names_what_was_written(here: Path) -> None:
    result = json.loads(begun("two_rivers", "--json").stdout)
    assert result["distribution"] == "livestream-two-rivers"
    assert set(result["files"]) == written(here / result["folder"])


def test_no_placeholder_is_left(here: Path) -> None:
    begun(
        "two_rivers",
        *("--title", "Two Rivers", "--auth", "jwt"),
        *("--paging", "link", "--webhook", "hmac"),
    )
    text = "\n".join(
        f"{path}\n{path.read_text()}"
        for path in (here / "livestream-two-rivers").rglob("*")
        if path.is_file()
    )
    assert [word for word in ("acme", "# <<", "# ==", "-tpl") if word in text.lower()] == []


def test_a_title_may_hold_the_words_of_the_templates(here: Path) -> None:
    begun("river", "--title", "Acme Live by Acme")
    text = (here / "livestream-river/src/livestream_river/__init__.py").read_text()
    assert 'title="Acme Live by Acme"' in text


def test_the_entry_point_has_the_name_of_the_provider(here: Path) -> None:
    begun("two_rivers")
    text = (here / "livestream-two-rivers/pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert project["name"] == "livestream-two-rivers"
    assert project["entry-points"] == {"livestream_core": {"two_rivers": "livestream_two_rivers"}}


def test_the_package_asks_for_this_core_or_a_compatible_one(here: Path) -> None:
    begun("river")
    text = (here / "livestream-river/pyproject.toml").read_text()
    assert "livestream-core>=0.1,<1" in tomllib.loads(text)["project"]["dependencies"]


def test_only_an_adapter_that_signs_tokens_needs_a_library_for_them(here: Path) -> None:
    begun("signing", "--auth", "jwt")
    begun("asking", "--auth", "login")
    assert "PyJWT" in (here / "livestream-signing/pyproject.toml").read_text()
    assert "PyJWT" not in (here / "livestream-asking/pyproject.toml").read_text()


def test_every_feature_is_decided_upon_with_a_reason_for_what_is_missing(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun("decided")
    monkeypatch.syspath_prepend(here / "livestream-decided/src")
    from livestream_decided.adapter import DecidedAdapter

    text = (here / "livestream-decided/src/livestream_decided/adapter.py").read_text()
    missing = [f for f in Feature if DecidedAdapter.capabilities[f].support is Support.NONE]
    assert [feature for feature in Feature if f"Feature.{feature.name}:" not in text] == []
    assert [DecidedAdapter.capabilities[f].reason for f in missing].count("") == 0


def test_the_licence_is_that_of_the_core(here: Path) -> None:
    begun("river")
    ours = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (here / "livestream-river/LICENSE").read_text(encoding="utf-8") == ours


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["River", "two-rivers", "two rivers", "2rivers", "_river", "a__b", "../up", "x" * 21]
)
def test_an_invalid_package_name_is_refused(here: Path, name: str) -> None:
    assert "lowercase" in refused(name)
    assert written(here) == set()


@pytest.mark.parametrize(
    ("name", "what"),
    [("memory", "a provider named memory"), ("core", "a module named livestream_core")],
)
def test_a_name_that_is_installed_is_refused(name: str, what: str) -> None:
    assert f"{what} is installed" in refused(name)


@pytest.mark.parametrize("title", ["", "  ", 'River "Live"', "back\\slash", "two\nlines", "x" * 41])
def test_a_title_that_would_break_the_code_is_refused(title: str) -> None:
    assert "--title" in refused("river", "--title", title)


@pytest.mark.parametrize(
    "url", ["river.example", "http://river.example", "https://river.example/v1"]
)
def test_an_unsafe_origin_for_credentials_is_refused(url: str) -> None:
    assert "--base-url" in refused("river", "--base-url", url)


def test_a_file_that_is_there_is_not_written_over_and_no_other_is_written(here: Path) -> None:
    folder = here / "livestream-river"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    assert "already has README.md; nothing was written" in refused("river")
    assert written(folder) == {"README.md"}
    assert (folder / "README.md").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_not_written_through(here: Path) -> None:
    folder = here / "livestream-river"
    folder.mkdir()
    (folder / "LICENSE").symlink_to(here / "elsewhere")
    assert "already has LICENSE" in refused("river")
    assert not (here / "elsewhere").exists()


def test_a_folder_that_has_other_files_is_filled(here: Path) -> None:
    (here / "notes").mkdir()
    (here / "notes/api.txt").write_text("mine")
    begun("river", "--output", "notes")
    assert (here / "notes/pyproject.toml").is_file()


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(here: Path) -> None:
    (here / "file").write_text("")
    assert refused("river", "--output", "file/folder").startswith("Error: cannot write into file")


# -- prompts ------------------------------------------------------------------------------------


def test_without_a_terminal_nothing_is_asked(here: Path) -> None:
    done = livestream("new-adapter", "river", "--output", str(here / "river"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def _somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_adapter, "is_interactive", lambda: True)


def answered(*arguments: str, answers: str) -> Result:
    result = run("new-adapter", *arguments, input=answers)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.usefixtures("_somebody")
def test_what_is_answered_is_written(here: Path) -> None:
    answered("river", answers="River Live\nhttps://live.river.example\nheader\nlink\nhmac\n")
    adapter = (here / "livestream-river/src/livestream_river/adapter.py").read_text()
    assert '"""The adapter for River Live.' in adapter
    assert 'default="https://live.river.example"' in adapter
    assert '"X-Api-Key"' in adapter
    assert "self.follow(" in adapter
    assert "live.webhooks.verify_hmac(" in adapter


@pytest.mark.usefixtures("_somebody")
def test_an_empty_answer_is_the_default(here: Path) -> None:
    answered("two_rivers", answers="\n\n\n\n\n")
    adapter = (here / "livestream-two-rivers/src/livestream_two_rivers/adapter.py").read_text()
    assert '"""The adapter for Two Rivers.' in adapter
    assert 'default="https://api.two-rivers.example"' in adapter


@pytest.mark.usefixtures("_somebody")
def test_a_wrong_answer_is_explained_and_asked_for_again(here: Path) -> None:
    output = answered("river", answers="\nftp://river.example\n\ndigest\nlogin\n\n\n").stderr
    assert "must be an origin" in output
    assert "'digest' is not one of" in output


@pytest.mark.usefixtures("_somebody")
def test_what_is_given_is_not_asked(here: Path) -> None:
    told = answered("river", "--title", "River", "--auth", "jwt", answers="\n\n\n").stderr
    assert "The origin of its API" in told
    assert "Authentication" not in told


@pytest.mark.usefixtures("_somebody")
@pytest.mark.parametrize("flag", ["--yes", "--json"])
def test_a_program_is_not_asked(here: Path, flag: str) -> None:
    assert answered("river", flag, answers="").stderr == ""


@pytest.mark.slow
@needs_a_terminal
def test_on_a_terminal_it_asks(here: Path) -> None:
    with terminal("new-adapter", "river", "--output", str(here / "r"), environ={}) as shown:
        shown.until("[River]")
        shown.press("River Live", "Enter")
        shown.until("[https://api.river.example]")
        shown.press("Enter")
        assert "jwt     a short-lived JWT" in shown.until("[bearer]")
        shown.press("jwt", "Enter")
        shown.until("[cursor]")
        shown.press("page", "Enter")
        shown.until("[none]")
        shown.press("Enter")
        shown.until("left with 0")
    assert "jwt.encode" in (here / "r/src/livestream_river/adapter.py").read_text()


@pytest.mark.slow
@needs_a_terminal
def test_ctrl_c_at_a_question_writes_nothing(here: Path) -> None:
    with terminal("new-adapter", "river", "--output", str(here / "r"), environ={}) as shown:
        shown.until("[River]")
        shown.press("C-c")
        shown.until("left with 130")
    assert not (here / "r").exists()
