"""Finding adapters: lazily, and each in isolation."""

from __future__ import annotations

import inspect
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

import livestream_core as live
from acme import AcmeEmulator
from livestream_core._contract.adapter import ARGUMENTS_OF_CONNECT
from livestream_core._contract.options import read_options
from livestream_core._plugins.registry import registry

Install = Callable[..., None]

ADAPTER = """
import livestream_core as live

class Adapter(live.Adapter):
    name = "{name}"
    class Options(live.Options):
        pass
    capabilities = live.Capabilities(operations={{}}, statuses=())

    def account_id(self):
        return "x"

@live.hookimpl
def livestream_adapters():
    return [live.AdapterInfo(name="{name}", title="Title", factory="{module}:Adapter"{more})]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install distributions with entry points on the path, as pip does."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("LIVESTREAM_ADAPTERS", raising=False)
    modules: list[str] = []

    def install(
        distribution: str,
        name: str,
        code: str | None = None,
        *,
        group: str = "livestream_core",
        more: str = "",
    ) -> None:
        module = distribution.replace("-", "_")
        modules.append(module)
        code = ADAPTER.format(name=name, module=module, more=more) if code is None else code
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    registry._loaded.clear()


def test_providers_are_listed_without_importing_them(install: Install) -> None:
    install("livestream-alpha", "alpha", "raise RuntimeError('imported')")
    info = live.providers()["alpha"]
    assert (info.distribution, info.version, info.problem) == ("livestream-alpha", "1.0", None)
    assert "livestream_alpha" not in sys.modules
    assert list(live.providers()) == sorted(live.providers())
    assert "acme" in live.providers()


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("METADATA", "Name: livestream-alpha\nVersion: 1.0.1\n", {"alpha": "1.0.1"}),
        ("entry_points.txt", "[livestream_core]\ngamma = livestream_alpha\n", {"gamma": "1.0"}),
        ("entry_points.txt", "[others]\nalpha = livestream_alpha\n", {}),
    ],
)
def test_metadata_that_is_written_again_is_read_again(
    install: Install, tmp_path: Path, file: str, text: str, found: dict[str, str]
) -> None:
    def versions() -> dict[str, str | None]:
        return {
            info.name: info.version
            for info in live.providers().values()
            if info.distribution == "livestream-alpha"
        }

    install("livestream-alpha", "alpha")
    assert versions() == versions() == {"alpha": "1.0"}
    (tmp_path / "livestream_alpha-1.0.dist-info" / file).write_text(text)
    assert versions() == versions() == found
    shutil.rmtree(tmp_path / "livestream_alpha-1.0.dist-info")
    assert versions() == {}


def test_connecting_to_one_provider_imports_only_that_one(install: Install) -> None:
    install("livestream-alpha", "alpha")
    install("livestream-beta", "beta")
    live.connect("alpha", base_url="https://a.example").close()
    assert "livestream_alpha" in sys.modules
    assert "livestream_beta" not in sys.modules


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of"),
        ("1 / 0", "ZeroDivisionError"),
        ("syntax error", "SyntaxError"),
        ("", "implements no hook"),
        ("import livestream_core as live\n@live.hookimpl\ndef livestream_adapterz(): return []", "not registered"),
        ("import livestream_core as live\n@live.hookimpl\ndef livestream_adapters(): return [5]", "returned a int"),
        ("import livestream_core as live\n@live.hookimpl\ndef livestream_adapters(): return 5", "TypeError"),
        ("import livestream_core as live\n@live.hookimpl\ndef livestream_adapters(): return []", "no adapter of that name"),
    ],
)  # fmt: skip
def test_a_broken_adapter_says_why_and_breaks_no_other(
    install: Install, code: str, reason: str
) -> None:
    install("livestream-alpha", "alpha")
    install("livestream-broken", "broken", code)
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect("broken")
    assert reason in str(caught.value)
    live.connect("alpha", base_url="https://a.example").close()


def test_an_installed_adapter_is_not_silently_replaced(install: Install) -> None:
    install("livestream-alpha", "alpha")

    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            return [live.AdapterInfo(name="alpha", factory="x:y")]

    with pytest.raises(live.ConfigurationError, match="already registered or installed"):
        live.register(Plugin())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (", api_version=99", "livestream-odd 1.0 was written for version 99"),
        (", api_version='1'", "written for version 1 of"),
    ],
)
def test_an_adapter_from_the_future_is_refused(install: Install, more: str, reason: str) -> None:
    install("livestream-odd", "odd", more=more)
    with pytest.raises(live.ConfigurationError, match=reason):
        live.connect("odd")


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("'livestream_odd:nothing'", "AttributeError"),
        ("'no_such_module:X'", "ModuleNotFoundError"),
        ("dict", "is not an Adapter class"),
        ("live.Adapter", "its name is None"),
    ],
)
def test_a_factory_must_be_an_adapter_of_that_name(
    install: Install, factory: str, reason: str
) -> None:
    install(
        "livestream-odd",
        "odd",
        f"""
        import livestream_core as live
        @live.hookimpl
        def livestream_adapters():
            return [live.AdapterInfo(name="odd", factory={factory})]
        """,
    )
    with pytest.raises(live.ConfigurationError, match=reason):
        live.connect("odd")


def test_two_packages_that_claim_one_name_are_both_refused_until_one_is_chosen(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("livestream-one", "same")
    install("livestream-two", "same")
    install("livestream-other", "other")
    problem = live.providers()["same"].problem
    assert problem is not None
    assert "livestream-one and livestream-two both claim 'same'" in problem
    with pytest.raises(live.ConfigurationError, match=r"LIVESTREAM_ADAPTERS=same=livestream-one"):
        live.connect("same", base_url="https://a.example")
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "same=livestream_two")
    assert live.providers()["same"].distribution == "livestream-two"
    assert "other" in live.providers(), "a choice for one name restricts no other"
    live.connect("same", base_url="https://a.example").close()
    assert "livestream_one" not in sys.modules


def test_an_allow_list_hides_all_others(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("livestream-alpha", "alpha")
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "beta")
    assert "alpha" not in live.providers()
    with pytest.raises(live.ConfigurationError, match="LIVESTREAM_ADAPTERS does not list it"):
        live.connect("alpha")
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "alpha=livestream-alpha, beta")
    live.connect("alpha", base_url="https://a.example").close()
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "")
    assert "alpha" in live.providers()
    monkeypatch.setenv("LIVESTREAM_ADAPTERS", "alpha=livestream-other")
    with pytest.raises(
        live.ConfigurationError, match="from livestream-other, which is not installed"
    ):
        live.connect("alpha")


def test_an_unknown_provider_is_a_configuration_error_that_lists_the_known() -> None:
    with pytest.raises(
        live.ConfigurationError, match=r"unknown provider 'nosuch'.*installed providers:.*acme"
    ):
        live.connect("nosuch")


def test_an_installed_observer_that_is_broken_is_logged_and_left_out(
    install: Install, caplog: pytest.LogCaptureFixture, emulator: AcmeEmulator
) -> None:
    group = "livestream_core.plugins"
    install("observer-broken", "broken", "1 / 0", group=group)
    install(
        "observer-good",
        "good",
        """
        import livestream_core as live
        seen = []
        @live.hookimpl
        def livestream_exchange(exchange):
            seen.append(exchange)
        """,
        group=group,
    )
    registry._observers_loaded = False
    stream = emulator.add()
    with emulator.connect() as client:
        client.get(stream["id"])
    good = sys.modules["observer_good"]
    assert [each.operation for each in good.seen] == ["sign_in", "get", "close"][:2] + ["sign_out"]
    assert "observer broken of observer-broken could not be loaded" in caplog.text
    live.unregister(good)


# -- declared capabilities and the class ------------------------------------------------------


def declare(**methods: object) -> type:
    body = {
        "name": "x",
        "capabilities": live.Capabilities(
            operations={live.Feature.GET: live.Support.NATIVE}, statuses=[]
        ),
        **methods,
    }
    return type("X", (live.Adapter,), body)


def test_a_declared_operation_must_be_there_and_the_other_way_round() -> None:
    with pytest.raises(TypeError, match=r"declares get but has no method get\(\)"):
        declare()
    with pytest.raises(TypeError, match=r"has stop\(\) but does not declare stop"):
        declare(get=lambda self, id: None, stop=lambda self, id: None)
    with pytest.raises(TypeError, match="must set name"):
        declare(get=lambda self, id: None, name=None)
    with pytest.raises(TypeError, match="declares trim without stop"):
        declare(
            get=lambda self, id: None,
            capabilities=live.Capabilities(
                operations={
                    live.Feature.GET: live.Support.NATIVE,
                    live.Feature.TRIM: live.Support.NATIVE,
                },
                statuses=[],
            ),
        )
    assert declare(get=lambda self, id: None)


def test_an_option_cannot_have_the_name_of_an_argument_of_connect() -> None:
    @attrs.frozen(kw_only=True)
    class Options(live.Options):
        base_url: str = live.option(default="https://x.example", help="The origin.")
        retries: int = live.option(default=1, help="How often.")

    with pytest.raises(TypeError, match="retries cannot be an option"):
        declare(get=lambda self, id: None, Options=Options)
    # Newer arguments do not forbid option names: options with these names go into ``options=``.
    arguments = inspect.signature(live.connect).parameters.values()
    known = {each.name for each in arguments if each.kind is each.KEYWORD_ONLY}
    assert known - ARGUMENTS_OF_CONNECT == {"base_url", "deadline", "limiter", "options"}
    assert known > ARGUMENTS_OF_CONNECT


def test_capabilities_are_checked_when_they_are_written() -> None:
    native = {live.Feature.GET: live.Support.NATIVE}
    with pytest.raises(ValueError, match="needs a reason"):
        live.Capability(live.Support.NONE)
    with pytest.raises(ValueError, match="does not belong"):
        live.Capabilities(operations={live.Feature.TAGS: live.Support.NATIVE}, statuses=[])
    with pytest.raises(ValueError, match="updatable: colour"):
        live.Capabilities(operations=native, statuses=[], updatable={"colour"})
    with pytest.raises(ValueError, match="clearable: title"):
        live.Capabilities(operations=native, statuses=[], clearable={"title"})
    with pytest.raises(ValueError, match="filters: mood"):
        live.Capabilities(operations=native, statuses=[], filters={"mood"})
    with pytest.raises(ValueError, match="mark: mood"):
        live.Capabilities(operations=native, statuses=[], mark="mood")
    assert hash(live.Capabilities(operations=native, statuses=[]))


# -- options ----------------------------------------------------------------------------------

ENVIRON = {
    "LIVESTREAM_ACME_USER": "u",
    "LIVESTREAM_ACME_PASSWORD": "hunter22",
    "LIVESTREAM_ACME_BASE_URL": "https://env.example",
    "LIVESTREAM_ACME_RETRIES_OF_ITS_OWN": "5",
    "LIVESTREAM_ACME_BETA": "yes",
}


def options_of(client: live.Client) -> object:
    client.close()
    return client.options


def test_without_options_all_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    options = options_of(live.connect("acme"))
    assert options.user == "u"
    assert options.password == live.Secret("hunter22")
    assert options.base_url == "https://env.example"
    assert (options.retries_of_its_own, options.beta) == (5, True)
    assert options_of(live.connect("acme", base_url="https://given.example")).user == "u"


def test_given_options_and_the_environment_are_never_mixed() -> None:
    with pytest.raises(
        live.ConfigurationError, match=r"password \(LIVESTREAM_ACME_PASSWORD\) is missing"
    ):
        live.connect("acme", user="tenant", environ=ENVIRON)
    with pytest.raises(live.ConfigurationError, match="missing"):
        live.connect("acme", token=None, environ=ENVIRON)
    with pytest.raises(live.ConfigurationError, match="missing"):
        live.connect("acme", environ={})
    given = options_of(live.connect("acme", token="t0ken-t0ken", environ=ENVIRON))
    assert given.base_url == "https://api.acme.example"


def test_a_secret_that_a_validator_repeats_is_masked() -> None:
    def refuse(_: object, __: object, value: live.Secret) -> None:
        raise ValueError(f"is not good: {value.reveal()}")

    @attrs.frozen(kw_only=True)
    class Options(live.Options):
        base_url: str = live.option(default="https://x.example", help="The origin.")
        token: live.Secret = live.option(help="The token.", validator=refuse)

    with pytest.raises(live.ConfigurationError, match=r"is not good: \*\*\*") as caught:
        read_options(Options, "x", {"token": "s3cret-t0ken"}, {})
    assert "s3cret-t0ken" not in str(caught.value)


def test_all_problems_are_named_at_once_with_their_variables() -> None:
    with pytest.raises(live.ConfigurationError) as caught:
        live.connect(
            "acme", tokn="x", retries_of_its_own="many", beta="perhaps", account_name=5, user="u\n"
        )
    message = str(caught.value)
    for part in (
        "'tokn' is not an option of acme (did you mean token?)",
        "retries_of_its_own (LIVESTREAM_ACME_RETRIES_OF_ITS_OWN) must be a number",
        "beta (LIVESTREAM_ACME_BETA) must be one of",
        "account_name (LIVESTREAM_ACME_ACCOUNT_NAME) must be a string, not int",
        "control character",
        "missing",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"token": "a-token", "user": "u", "password": "p"}, "not both"),
        ({"token": ""}, "is empty"),
        ({"token": " padded "}, "whitespace"),
        ({"token": 5}, "must be a string"),
        ({"token": "a-token", "beta": 1}, "must be bool, not int"),
        ({"token": "a-token", "allow_http_hosts": "api.example"}, "allow_http_hosts"),
        ({"token": "a-token", "retries_of_its_own": True}, "must be int, not bool"),
        ({"zzz": 1, "token": "a-token"}, "its options are base_url, account_name"),
        ({"token": live.Secret("a\nb")}, "control character"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], problem: str) -> None:
    with pytest.raises(live.ConfigurationError, match=problem) as caught:
        live.connect("acme", **options)
    assert "a-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.Example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example:443", "https://api.example"),
        ("https://api.example:8443", "https://api.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://inside.example", "http://inside.example"),
    ],
)
def test_a_base_url_is_an_origin(url: str, origin: str) -> None:
    client = live.connect(
        "acme", base_url=url, token="t0ken-t0ken", allow_http_hosts=["Inside.example"]
    )
    client.close()
    assert client.options.base_url == origin


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "http://127.0.0.1.example", "http://localhost.example", "https://", "api.example",
     "ftp://api.example", "https://api.example/v1", "https://u:p@api.example", "https://api.example?x=1",
     "https://api.example#x", "https://a b", "https://a\\@b.example", "https://api.example:99999", "https://[::1"],
)  # fmt: skip
def test_anything_but_an_origin_or_plain_http_to_strangers_is_refused(url: str) -> None:
    with pytest.raises(live.ConfigurationError, match="base_url"):
        live.connect("acme", base_url=url, token="t0ken-t0ken")


def test_only_a_missing_option_has_the_hint_to_pass_it() -> None:
    with pytest.raises(live.ConfigurationError) as incomplete:
        live.connect("acme", base_url="https://api.example", environ={})
    with pytest.raises(live.ConfigurationError) as insecure:
        live.connect("acme", base_url="http://api.example", token="t0ken-t0ken")
    assert "pass the options to connect()" in str(incomplete.value.hint)
    assert insecure.value.hint is None


@pytest.mark.parametrize(
    "settings",
    [{"timeout": 0}, {"timeout": (5, None)}, {"timeout": None}, {"timeout": (1, 2, 3)}, {"timeout": float("inf")},
     {"retries": -1}, {"retries": 1.5}, {"retries": True}],
)  # fmt: skip
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(live.ConfigurationError, match=next(iter(settings))):
        live.connect("acme", token="t0ken-t0ken", **settings)


def test_required_features_are_checked_at_once() -> None:
    live.connect("acme", token="t0ken-t0ken", require=["create", live.Feature.TRIM]).close()
    with pytest.raises(live.Unsupported, match=r"latency.*Acme is always slow") as caught:
        live.connect("acme", token="t0ken-t0ken", require=[live.Feature.LATENCY, "create"])
    assert caught.value.features == ("latency",)
    with pytest.raises(live.InvalidInput, match="teleport"):
        live.connect("acme", token="t0ken-t0ken", require=["teleport"])


def test_an_adapter_that_cannot_be_made_says_where(install: Install) -> None:
    install(
        "livestream-late",
        "late",
        ADAPTER.format(name="late", module="livestream_late", more="").replace(
            'return "x"', "raise KeyError('s3cret')"
        ),
    )
    with pytest.raises(
        live.ConfigurationError, match=r"KeyError at .*livestream_late\.py:\d+"
    ) as caught:
        live.connect("late", base_url="https://a.example")
    assert "s3cret" not in str(caught.value)
