"""The addresses that a probe may connect to.

A playback URL comes from a vendor, and what it leads to from any server. Neither may make this
machine send requests to its own network.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from .._model import converters as c
from .._model.errors import InvalidInput

Address: TypeAlias = IPv4Address | IPv6Address

# Listed here because `is_global` depends on the version of Python, and includes multicast.
_SPECIAL_IPV4 = [
    IPv4Network(each)
    for each in (
        # The registry of IPv4 special-purpose addresses of IANA.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24"),
        # Multicast, and reserved.
        *("224.0.0.0/4", "240.0.0.0/4"),
        # A cloud's metadata service, which looks like a public address.
        "168.63.129.16/32",
    )
]
#: All public IPv6 addresses are within this network.
_GLOBAL_IPV6 = IPv6Network("2000::/3")
# 6to4 (2002::/16) and Teredo (2001::/32) embed an IPv4 address, and are not in use any more.
_SPECIAL_IPV6 = [
    IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
#: The prefix with which networks without IPv4 address IPv4 servers (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return whether an address is that of a server on the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _SPECIAL_IPV4)
    if (embedded := _embedded(address)) is not None:
        return is_public(embedded)
    return address in _GLOBAL_IPV6 and not any(address in each for each in _SPECIAL_IPV6)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


class AllowedAddresses:
    """All public addresses, and those that the caller allows.

    Args:
        allowed: IP addresses and networks, such as ``"10.0.0.7"`` and ``"10.0.0.0/8"``.

    Raises:
        InvalidInput: If an entry is not an address or a network.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._networks = [_network(each) for each in c.texts(allowed)]

    def __contains__(self, text: str) -> bool:
        """Return whether a probe may connect to an address, as the system's resolver wrote it."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        known = [address]
        if isinstance(address, IPv6Address) and (embedded := _embedded(address)) is not None:
            known.append(embedded)
        return is_public(address) or any(
            each in network for each in known for network in self._networks
        )


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        pass
    raise InvalidInput(
        f"allow_addresses: {text[:50]!r} is not an IP address or a network",
        field="allow_addresses",
        hint="write an address such as 10.0.0.7, or a network such as 10.0.0.0/8",
    )
