"""The base class of emulators: a WSGI application that behaves like a vendor."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import attrs
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Request, Response

from .._client import Client
from .._client.connect import connect
from .._contract.adapter import in_process_origin
from .._contract.clock import ManualClock
from .._http.wsgi_transport import WSGITransport
from .._plugins.registry import registry
from .clock import EmulatorClock
from .deliveries import WebhookDelivery
from .faults import Fault, FaultKind, InjectedFault, drop
from .media import Media
from .requests import LoggedRequest, Route, compiled, json_response
from .serving import serving
from .world import World


class Emulator(World):
    """The base class for emulated vendors.

    A subclass defines the routes, their handlers, and the effects of outside events, such as an
    encoder that connects.

    Attributes:
        provider: The name of the provider that connects to this vendor.
        routes: The vendor's endpoints.
        changing: A pattern of the requests that change something, as for :meth:`inject`. By
            default, those are all except GET.
        approximate: The names of fields of a stream that differ a little from read to read, such as
            a time that the adapter derives from a duration.
        is_real: Whether it is not an emulator but a relay to a real server, whose time is real.
        status_field: The path of a stream's status in a response, with dots.
        sends_webhooks: Whether it passes what the vendor delivers to :meth:`send_webhook`.
        webhook_accepted: The statuses of a response by which a receiver accepts a delivery.
        webhook_timeout: For how many seconds the vendor waits for the response to a delivery.
        webhook_retry_seconds: For how many seconds the vendor retries a delivery that no receiver
            accepted. 0 if its documents promise no retry.
        clock: The vendor's clock. If you replace it with a :class:`ManualClock`, time passes only
            when tests advance it, and clients in this process use the same clock by default.
        requests: All requests that the emulator has received, in order.
        without_media: Why no real media server can stand behind the emulator, or ``None`` if the
            emulator gives out the addresses of :attr:`media`.
        media: The media server whose addresses the emulator gives out. Set it before the first
            request, and before :meth:`options`. By default, the addresses are invented.
        webhook_receivers: The functions that get each webhook delivery. They must not block.
    """

    provider: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]]
    status_field: ClassVar[str] = "status"
    changing: ClassVar[str] = "[!G]* *"
    approximate: ClassVar[Collection[str]] = ()
    is_real: ClassVar[bool] = False
    without_media: ClassVar[str | None] = "its emulator gives out invented addresses"
    sends_webhooks: ClassVar[bool] = False
    webhook_accepted: ClassVar[Collection[int]] = range(200, 300)
    webhook_timeout: ClassVar[float] = 10.0
    webhook_retry_seconds: ClassVar[float] = 0.0

    def __init__(self, *, boot_seconds: float = 20.0) -> None:
        """Create a vendor.

        Args:
            boot_seconds: The time that a stream's server takes to start, if the vendor has servers.
        """
        self.boot_seconds = boot_seconds
        self.clock: EmulatorClock | ManualClock = EmulatorClock()
        self.requests: list[LoggedRequest] = []
        self.media: Media | None = None
        self.webhook_receivers: list[Callable[[WebhookDelivery], object]] = []
        self.lock: threading.RLock = threading.RLock()
        self._faults: list[InjectedFault] = []
        self._map = compiled(tuple(self.routes))

    # -- for subclasses to override ---------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """Return the options for ``connect`` to reach an account here, without ``base_url``."""
        raise NotImplementedError

    def hidden_state(self) -> Any:
        """Return the state that a client can change and that no read shows, for comparison."""
        return None

    def not_found(self, request: Request) -> Response:
        """Return the response to a request for an unknown path."""
        return json_response({"error": "not found"}, 404)

    def method_not_allowed(self, request: Request) -> Response:
        """Return the response to a request with a method that the path does not support."""
        return json_response({"error": "method not allowed"}, 405)

    def pass_time(self) -> None:
        """Apply what the passage of time has changed, as the next request would.

        By default, nothing changes. It is called with the lock held.
        """

    def running(self) -> AbstractContextManager[None]:
        """Return the context in which the kit uses it: that of a real server starts and ends it."""
        return nullcontext()

    # -- webhooks ---------------------------------------------------------------------------

    def send_webhook(
        self,
        body: Callable[[], bytes],
        headers: Callable[[bytes, datetime], Mapping[str, str]],
        *,
        refused: Callable[[], object] | None = None,
        url: str | None = None,
    ) -> None:
        """Send a webhook delivery to all receivers.

        Args:
            body: A function that returns the body. It is called at once, if there are receivers.
            headers: A function that returns the headers, with the signature, of a body that is sent
                at an instant.
            refused: See :class:`WebhookDelivery`.
            url: See :class:`WebhookDelivery`.
        """
        if not self.webhook_receivers:
            return
        content = body()
        delivery = WebhookDelivery(content, partial(headers, content), refused, url)
        for receive in self.webhook_receivers:
            receive(delivery)

    # -- faults -----------------------------------------------------------------------------

    def inject(self, fault: Fault, *, on: str = "*", times: int = 1, skip: int = 0) -> None:
        """Inject a fault into the responses to some requests.

        Args:
            fault: The fault.
            on: A pattern for the method and the path of the requests, such as ``"POST */stop/"``.
            times: The number of matching requests to affect.
            skip: The number of matching requests to leave unaffected first.

        Raises:
            ValueError: If a number is negative.
        """
        if times < 0 or skip < 0:
            raise ValueError("times and skip must not be negative")
        with self.lock:
            self._faults.append(InjectedFault(fault, on, times, skip))

    def clear_faults(self) -> None:
        """Remove all injected faults."""
        with self.lock:
            self._faults.clear()

    def _fault(self, request: Request) -> Fault | None:
        with self.lock:
            for injected in self._faults:
                if not injected.is_for(request):
                    continue
                if injected.skip:
                    injected.skip -= 1
                    continue
                injected.remaining -= 1
                if injected.remaining <= 0:
                    self._faults.remove(injected)
                return injected.fault
        return None

    # -- serving ----------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            body = request.get_data()  # read now, because a late commit outlives the connection
        except ClientDisconnected:
            drop(environ)  # the client was killed, so nothing is applied
        index = self._log(request, body)
        fault = self._fault(request)
        response = self._respond(request, fault, environ)
        if response.date is None:
            response.date = self.clock.now()
        with self.lock:
            self.requests[index] = attrs.evolve(self.requests[index], status=response.status_code)
        return response(environ, start_response)

    def quietly(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to a request without a fault, and without an entry in :attr:`requests`.

        This is a WSGI application for programs that watch the emulator and are not under test.
        """
        return self._dispatch(Request(environ))(environ, start_response)

    def _log(self, request: Request, body: bytes) -> int:
        raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
        path, _, query = raw.partition("?")
        with self.lock:
            self.requests.append(
                LoggedRequest(request.method, path, query, dict(request.headers), body)
            )
            return len(self.requests) - 1

    def _respond(self, request: Request, fault: Fault | None, environ: dict[str, Any]) -> Response:
        if fault is None:
            return self._dispatch(request)
        if fault.kind is FaultKind.DROP_BEFORE:
            drop(environ)
        if fault.response is not None:
            if fault.kind is FaultKind.LATE_COMMIT:
                self.clock.call_later(fault.seconds, partial(self._dispatch, request))
            return fault.response()
        response = self._dispatch(request)
        if fault.kind is FaultKind.DROP_AFTER:
            drop(environ)
        if fault.kind is FaultKind.DELAY:
            self.clock.sleep(fault.seconds)
        if fault.kind is FaultKind.CUT_BODY:
            body = response.get_data()
            response = Response(body[: len(body) // 2], response.status_code)
            response.headers["Content-Length"] = str(max(len(body), 2))
            response.automatically_set_content_length = False
        if fault.edit is not None and response.is_json:
            data = copy.deepcopy(response.get_json())
            edited = fault.edit(data, self)
            response = json_response(data if edited is None else edited, response.status_code)
        return response

    def _dispatch(self, request: Request) -> Response:
        if request.environ["PATH_INFO"].startswith("//"):
            return self.not_found(request)  # werkzeug would read it as a single slash
        adapter = self._map.bind_to_environ(request.environ)
        try:
            endpoint, values = adapter.match()
        except RequestRedirect:
            return self.not_found(request)
        except HTTPException as error:
            if error.code == 405:
                return self.method_not_allowed(request)
            return self.not_found(request)
        with self.lock:
            response: Response = getattr(self, endpoint)(request, **values)
            return response

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[str]:
        """Serve over HTTP, in threads, and provide the origin for clients on this machine.

        Args:
            host: The address to listen on. Defaults to loopback.
            port: The port. 0 chooses a free one.

        Raises:
            OSError: If the address does not belong to this machine, or the port is in use.
        """
        return serving(self, host, port)

    def transport(self) -> WSGITransport:
        """Return a transport that reaches the emulator in this process, without a port."""
        clock = self.clock if isinstance(self.clock, ManualClock) else None
        return WSGITransport(self, clock=clock)

    def connect(self, **settings: Any) -> Client:
        """Return a client that reaches the emulator in this process.

        Args:
            settings: Arguments of ``connect``.
        """
        origin = in_process_origin(registry.adapter(self.provider))
        options = {**origin, **self.options(), "transport": self.transport(), **settings}
        return connect(self.provider, **options)

    def observe(self, **settings: Any) -> Client:
        """Return a client that leaves no trace: no log of its requests, and no injected fault.

        For programs around an emulator, which watch its streams and must not disturb a test.

        Args:
            settings: Arguments of ``connect``.
        """
        clock = self.clock if isinstance(self.clock, ManualClock) else None
        return self.connect(transport=WSGITransport(self.quietly, clock=clock), **settings)
