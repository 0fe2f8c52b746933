"""A probe connects only to public addresses, and to the very one that was checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core._http import aiohttp_exchange
from livestream_core._probe.addresses import AllowedAddresses, is_public
from playlists import (
    Connections,
    Page,
    Resolver,
    advancing,
    media,
    multivariant,
    playlist_server,
    redirect,
    response,
    stream_at,
)
from runners import connect
from servers import RawServer

pytestmark = pytest.mark.usefixtures("runner")

#: What a name resolves to in these tests if it is allowed, and if it is not.
ALLOWED, INTERNAL = "127.0.0.2", "127.0.0.1"
PUBLIC = "93.184.215.14"


@pytest.fixture
def client(runner: None) -> Iterator[live.Client]:
    with connect("memory", deadline=20) as client:
        yield client


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    return Connections(monkeypatch)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0.0.0.0", "0"),
        *("10.0.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1", "192.0.0.192"),
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fec0::1]", "[fd12::1]", "[ff0e::1]", "[100::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a00:1]", "[::127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::5db8:d70e]"),
        *("[2002:7f00:1::]", "[2002:5db8:d70e::1]", "[2001::1]", "[2001:db8::1]", "[3fff::1]"),
    ],
)
def test_an_address_that_is_not_public_is_refused_in_any_spelling_before_a_connection(
    client: live.Client, connections: Connections, host: str
) -> None:
    with pytest.raises(live.InvalidInput) as refused:
        client.probe(stream_at(f"http://{host}/live.m3u8"))
    assert refused.value.field == "allow_addresses"
    assert refused.value.applied is False
    assert "allow_addresses=['" in str(refused.value)
    assert connections.tried == []


@given(st.ip_addresses())
def test_what_counts_as_public_is_global_and_not_multicast_for_python_too(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global or str(inner).startswith("64:ff9b::")
        assert not inner.is_multicast


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_ipv4_address_makes_an_ipv6_address_public_only_if_it_is(number: int) -> None:
    embedding = [IPv6Address((prefix << 32) | number) for prefix in (0xFFFF, 0x64FF9B << 64)]
    assert {is_public(each) for each in embedding} == {is_public(IPv4Address(number))}
    for network in (0x2002 << 112 | number << 80, 0x20010000 << 96 | number ^ 0xFFFFFFFF):
        assert not is_public(IPv6Address(network))


def test_public_addresses_are_public() -> None:
    for text in (PUBLIC, "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert is_public(ip_address(text)), text


def test_only_addresses_and_networks_can_be_allowed(client: live.Client) -> None:
    for wrong in (["localhost"], ["10.0.0.0/99"], "10.0.0.1", [7]):
        with pytest.raises(live.InvalidInput) as refused:
            client.probe(stream_at("http://h/a.m3u8"), allow_addresses=wrong)  # type: ignore[arg-type]
        assert refused.value.field == "allow_addresses"
    allowed = AllowedAddresses(["10.0.0.7/8", "::1"])
    assert [each in allowed for each in ("10.9.9.9", "::ffff:10.1.1.1", "::1", "172.16.0.1")] == [
        *(True, True, True, False)
    ]


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    client: live.Client, resolver: Resolver, connections: Connections
) -> None:
    """The first lookup returns a public address, each later one this machine."""
    resolver.answers["rebinding.example"] = [[PUBLIC], [INTERNAL]]
    with playlist_server({}) as internal:
        url = f"http://rebinding.example:{internal.port}/live.m3u8"
        found = client.probe(stream_at(url))
        assert found.state is live.PlaybackState.UNREACHABLE
        assert connections.tried == [PUBLIC]
        assert resolver.asked == ["rebinding.example"]
        with pytest.raises(
            live.InvalidInput, match=r"127\.0\.0\.1, the address of .*, is not a public address"
        ):
            client.probe(stream_at(url))
        assert internal.connections == 0


@pytest.mark.parametrize("step", ["redirect", "rendition", "segment", "next read"])
def test_the_address_is_checked_again_at_every_step(
    client: live.Client, resolver: Resolver, step: str
) -> None:
    resolver.answers["cdn.example"] = (
        [[ALLOWED]] if step != "next read" else [*([ALLOWED], [ALLOWED], [INTERNAL])]
    )
    resolver.answers["inside.example"] = [[INTERNAL]]
    pages: dict[str, Page] = {}
    with on_one_port(pages) as (internal, server):
        inside = f"http://inside.example:{internal.port}/v.m3u8"
        steps: dict[str, Page] = {
            "redirect": redirect(inside),
            "rendition": response(multivariant(inside)),
            "segment": response(media(segments=1).replace("s0.ts", inside)),
            "next read": advancing(),
        }
        pages["/live.m3u8"] = steps[step]
        stream = stream_at(f"http://cdn.example:{server.port}/live.m3u8")
        with pytest.raises(
            live.InvalidInput, match=r"127\.0\.0\.1, the address of .*, is not a public address"
        ):
            client.probe(stream, allow_addresses=[ALLOWED])
        assert server.connections > 0
        assert internal.connections == 0


@contextmanager
def on_one_port(pages: Mapping[str, Page]) -> Iterator[tuple[RawServer, RawServer]]:
    """Serve nothing at the internal address, and pages at the allowed one, on the same port."""
    with ExitStack() as opened:
        for _ in range(20):
            internal = opened.enter_context(playlist_server({}))
            with suppress(OSError):  # another program has this port at the other address
                address = (ALLOWED, internal.port)
                server = opened.enter_context(playlist_server(pages, address=address))
                break
        else:
            pytest.fail(f"no port is free at both {INTERNAL} and {ALLOWED}")
        yield internal, server


def test_of_several_addresses_only_the_allowed_are_tried_one_after_the_other(
    client: live.Client, resolver: Resolver, connections: Connections
) -> None:
    resolver.answers["cdn.example"] = [[INTERNAL, "127.0.0.3", ALLOWED]]
    with playlist_server({"/live.m3u8": advancing()}, address=(ALLOWED, 0)) as server:
        stream = stream_at(f"http://cdn.example:{server.port}/live.m3u8")
        found = client.probe(stream, allow_addresses=[ALLOWED, "127.0.0.3"])
    assert found.state is live.PlaybackState.LIVE
    assert set(connections.tried) == {"127.0.0.3", ALLOWED}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    # A proxy would look up the host again, so none is used.
    monkeypatch.setenv("https_proxy", "http://user:pr0xy-passw0rd@127.0.0.1:9")
    monkeypatch.setattr(aiohttp_exchange, "_shared", None)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("name", ["cdn.example", "other.example", "127.0.0.2"])
def test_the_certificate_must_be_for_the_name_and_not_for_the_address(
    client: live.Client, resolver: Resolver, authority: trustme.CA, name: str
) -> None:
    asked: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.sni_callback = lambda _socket, host, _context: asked.append(host)
    authority.issue_cert(name).configure_cert(tls)
    resolver.answers["cdn.example"] = [[ALLOWED]]
    with playlist_server({"/live.m3u8": advancing()}, tls, (ALLOWED, 0)) as server:
        stream = stream_at(f"https://cdn.example:{server.port}/live.m3u8")
        found = client.probe(stream, allow_addresses=[ALLOWED])
    assert set(asked) == {"cdn.example"}
    if name == "cdn.example":
        assert found.state is live.PlaybackState.LIVE
    else:
        assert found.state is live.PlaybackState.UNREACHABLE
        assert "certificate" in found.reason


@pytest.mark.usefixtures("trusted")
def test_a_redirect_to_plain_http_is_not_followed(
    client: live.Client, resolver: Resolver, authority: trustme.CA
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("cdn.example").configure_cert(tls)
    resolver.answers["cdn.example"] = [[ALLOWED]]
    with playlist_server({"/live.m3u8": advancing()}, address=(ALLOWED, 0)) as plain:
        pages = {"/live.m3u8": redirect(f"http://cdn.example:{plain.port}/live.m3u8")}
        with playlist_server(pages, tls, (ALLOWED, 0)) as server:
            stream = stream_at(f"https://cdn.example:{server.port}/live.m3u8")
            found = client.probe(stream, allow_addresses=[ALLOWED])
        assert found.state is live.PlaybackState.INVALID
        assert found.reason == "it leads from https to plain http, at cdn.example"
        assert plain.connections == 0
