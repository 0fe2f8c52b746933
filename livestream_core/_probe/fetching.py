"""Fetching what a URL leads to: the address check, redirects, and the limits on everything."""

from __future__ import annotations

from .._contract.clock import Clock
from .._contract.response import Response
from .._contract.transport import CUT, Timeout
from .._engine.effects import Fetch, Flow, LookUp
from .._model.errors import ConnectionFailed, InvalidInput, RequestTimeout
from .._model.playability import PlaybackState
from .addresses import AllowedAddresses
from .location import Location
from .verdict import NotPlayable, invalid

_MIB = 1024 * 1024
#: The largest playlist: several hours of segments with long URLs.
MOST_OF_PLAYLIST = 4 * _MIB
#: What is read of a segment, to see that it exists.
MOST_OF_SEGMENT = 64 * 1024
#: What is read in total.
_MOST_IN_TOTAL = 32 * _MIB
_MOST_REDIRECTS = 5
#: The number of a host's addresses that are tried.
_MOST_ADDRESSES = 4
#: The time limit of one response, in seconds.
_SECONDS = 15.0

_REDIRECTS = (301, 302, 303, 307, 308)
_STATES = {
    401: PlaybackState.FORBIDDEN,
    403: PlaybackState.FORBIDDEN,
    404: PlaybackState.ABSENT,
    410: PlaybackState.ABSENT,
    451: PlaybackState.FORBIDDEN,
}


class Fetcher:
    """Fetches documents, within the limits of one probe.

    Args:
        allowed: The addresses that may be connected to.
        timeout: The connect and the read timeout, in seconds.
        clock: The clock.
        until: The end of the probe, by the clock.
    """

    def __init__(
        self, allowed: AllowedAddresses, timeout: tuple[float, float], clock: Clock, until: float
    ) -> None:
        self._allowed, self._timeout = allowed, timeout
        self._clock, self._until = clock, until
        self._received = 0

    @property
    def seconds_left(self) -> float:
        """The seconds until the end of the probe."""
        return self._until - self._clock.monotonic()

    def fetch(self, location: Location, most: int) -> Flow[tuple[Location, Response]]:
        """Fetch a document, and follow redirects.

        Args:
            location: The location.
            most: The maximum size, in bytes.

        Returns:
            Where the document is, and a complete or too large response with a status of success.

        Raises:
            NotPlayable: If there is no document.
            InvalidInput: If a host has no address that may be connected to.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            response = yield from self._respond(location, most)
            target = response.headers.get("location")
            if response.status not in _REDIRECTS or target is None:
                return location, _checked(response, location.host)
            location = location.join(target)
        raise invalid(f"there are more than {_MOST_REDIRECTS} redirects")

    def _respond(self, location: Location, most: int) -> Flow[Response]:
        try:
            addresses = yield LookUp(location.host, location.port, self._limit())
            allowed = [each for each in addresses if each in self._allowed][:_MOST_ADDRESSES]
            if not allowed:
                raise _refused(location.host, addresses)
            response = yield from self._from_any(location, allowed, most)
        except (ConnectionFailed, RequestTimeout) as error:
            raise NotPlayable(
                PlaybackState.UNREACHABLE, f"{location.host}: {error.message}"
            ) from None
        self._received += len(response.body)
        if self._received > _MOST_IN_TOTAL:
            raise invalid(f"the playlists are larger than {_MOST_IN_TOTAL // _MIB} MiB in total")
        return response

    def _from_any(self, location: Location, addresses: list[str], most: int) -> Flow[Response]:
        """Fetch from the first address that can be connected to."""
        connect, read = self._timeout
        *others, last = addresses
        for address in others:
            total = self._limit()
            timeout = Timeout(min(connect, total / len(addresses)), min(read, total), total)
            try:
                response: Response = yield Fetch(location, address, timeout, most)
                return response
            except ConnectionFailed as error:
                if error.applied is not False:
                    raise
        total = self._limit()
        response = yield Fetch(location, last, Timeout(connect, read, total), most)
        return response

    def _limit(self) -> float:
        left = min(self.seconds_left, _SECONDS)
        if left <= 0:
            raise RequestTimeout("there was no time left")
        return left


def _checked(response: Response, host: str) -> Response:
    status = response.status
    if not 200 <= status < 300:
        state = _STATES.get(status, PlaybackState.UNREACHABLE)
        raise NotPlayable(state, f"{host} returned HTTP {status}")
    if response.problem == CUT:
        raise NotPlayable(PlaybackState.UNREACHABLE, f"{host}: {CUT}")
    return response


def _refused(host: str, addresses: list[str]) -> InvalidInput:
    shown = addresses[0]
    where = shown if host == shown else f"{shown}, the address of {host},"
    return InvalidInput(
        f"{where} is not a public address; nothing was sent to it",
        field="allow_addresses",
        hint=f"if you trust it, pass allow_addresses=['{shown}']",
    )
