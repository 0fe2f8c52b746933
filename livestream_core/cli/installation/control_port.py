"""The control port of a sandbox: faults, outside events, and time, for tests in other processes."""

from __future__ import annotations

import hmac
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from ..._contract.clock import ManualClock
from ..._contract.redaction import BODY_SHOWN, Redactor
from ..._model.times import format_instant
from ..._secrets.recognition import suggests_secret
from ..._secrets.secret import MASK
from ...emulator import Emulator, Fault, LoggedRequest, json_response

if TYPE_CHECKING:
    from .sandbox import Account, Sandbox

_MAX_BODY = 64 * 1024
_MAX_REQUESTS = 1000
#: Ten years: more than any test needs, and the vendor's times can still be written.
_MAX_NUMBER = 10 * 365 * 24 * 3600

_ROUTES = Map(
    [
        Rule("/", methods=["GET"], endpoint="describe"),
        Rule("/accounts/<account>/faults", methods=["POST"], endpoint="inject"),
        Rule("/accounts/<account>/faults", methods=["DELETE"], endpoint="clear_faults"),
        Rule("/accounts/<account>/events", methods=["POST"], endpoint="cause_event"),
        Rule("/accounts/<account>/requests", methods=["GET"], endpoint="list_requests"),
        Rule("/clock", methods=["POST"], endpoint="advance_clock"),
        Rule("/webhooks", methods=["PATCH"], endpoint="change_webhooks"),
    ]
)


class _Refusal(Exception):
    """A response other than 200: its status, its message, and what is known instead."""

    def __init__(self, status: int, message: str, **known: Any) -> None:
        super().__init__(message)
        self.status, self.known = status, known


class _Request(Request):
    max_content_length = _MAX_BODY


class ControlPort:
    """A WSGI app that controls the emulators of a sandbox.

    Args:
        sandbox: The sandbox, with all of its accounts.
        token: The token that every request must carry.
    """

    def __init__(self, sandbox: Sandbox, token: str) -> None:
        self._sandbox, self._token = sandbox, token
        self._accounts = {each.name: each for each in sandbox.accounts}
        patterns = [
            pattern for each in sandbox.accounts for pattern in each.adapter.secret_patterns
        ]
        self._redactor = Redactor([token, *sandbox.secrets()], patterns)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to a request."""
        try:
            response = json_response(self._answer(_Request(environ)))
        except _Refusal as refusal:
            message = self._redactor.mask(str(refusal))
            response = json_response({"error": message, **refusal.known}, refusal.status)
        except RequestEntityTooLarge:
            message = f"the body must not be longer than {_MAX_BODY} bytes"
            response = json_response({"error": message}, 413)
        if response.status_code >= 400:
            response.headers["Connection"] = "close"  # the body may be unread
        return response(environ, start_response)

    def _answer(self, request: Request) -> Any:
        self._check_token(request)
        try:
            endpoint, matched = _ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as error:  # or a redirect to a path with fewer slashes
            message = f"there is no {request.method} {request.path}"
            status = 405 if error.code == 405 else 404
            raise _Refusal(status, message, paths=_paths()) from None
        values: dict[str, Any] = {**matched}
        if (name := values.get("account")) is not None:
            if name not in self._accounts:
                message = f"there is no account {name!r}"
                raise _Refusal(404, message, accounts=list(self._accounts))
            values["account"] = self._accounts[name]
        return getattr(self, f"_{endpoint}")(request, **values)

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not is_right:
            message = "the Authorization header must be 'Bearer', and the token that was printed"
            raise _Refusal(401, message)

    # -- the endpoints ----------------------------------------------------------------------

    def _describe(self, request: Request) -> Any:
        return {
            "accounts": {
                name: {"provider": each.provider, "url": each.url}
                for name, each in self._accounts.items()
            },
            "events": list(Emulator.outside_events),
            "faults": {name: _shown(parameters) for name, parameters in _FAULTS.items()},
            "paths": _paths(),
            "clock": self._clock(),
            "webhooks": self._webhooks(),
        }

    def _inject(self, request: Request, account: Account) -> Any:
        body = _body(request)
        name = _choice(body, "fault", list(_FAULTS))
        arguments = _arguments(body, {**_FAULTS[name], **_INJECT})
        settings = {each: arguments.pop(each) for each in _INJECT if each in arguments}
        try:
            account.emulator.inject(getattr(Fault, name)(**arguments), **settings)
        except ValueError as error:
            raise _Refusal(400, str(error)) from None
        return {"fault": name}

    def _clear_faults(self, request: Request, account: Account) -> Any:
        account.emulator.clear_faults()
        return {}

    def _cause_event(self, request: Request, account: Account) -> Any:
        body = _body(request)
        name = _choice(body, "event", list(Emulator.outside_events))
        cause = getattr(account.emulator, name)
        arguments = _arguments(body, _parameters(cause))
        try:
            made = cause(**arguments)
        except ValueError as error:
            raise _Refusal(409, str(error)) from None
        except NotImplementedError:
            raise _Refusal(501, f"the emulator of {account.provider} has no {name}") from None
        return {"id": arguments.get("id", made)}

    def _list_requests(self, request: Request, account: Account) -> Any:
        since = request.args.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) < 10):
            raise _Refusal(400, "since: must be a number of requests")
        first = int(since)
        shown = account.emulator.requests[first : first + _MAX_REQUESTS]
        return {"requests": [self._masked(each) for each in shown], "next": first + len(shown)}

    def _advance_clock(self, request: Request) -> Any:
        self._sandbox.advance(**_arguments(_body(request), _parameters(self._sandbox.advance)))
        return self._clock()

    def _change_webhooks(self, request: Request) -> Any:
        webhooks = self._sandbox.webhooks
        if webhooks is None:
            raise _Refusal(409, "the sandbox sends no webhooks; start it with --webhooks URL")
        webhooks.change(**_arguments(_body(request), _parameters(webhooks.change)))
        return self._webhooks()

    # -- what the answers show --------------------------------------------------------------

    def _clock(self) -> Any:
        clock = self._sandbox.clock
        kind = "manual" if isinstance(clock, ManualClock) else "machine"
        return {"now": format_instant(self._sandbox.now()), "kind": kind}

    def _webhooks(self) -> Any:
        found = self._sandbox.webhooks
        return found and {"delay": found.delay, "duplicates": found.duplicates}

    def _masked(self, logged: LoggedRequest) -> Any:
        mask = self._redactor.mask
        return {
            "method": logged.method,
            "path": mask(logged.path),
            "query": mask(f"?{logged.query}")[1:],
            "headers": {
                name: MASK if suggests_secret(name) else mask(value)
                for name, value in logged.headers.items()
            },
            "body": mask(logged.body.decode("utf-8", "replace"), BODY_SHOWN),
            "status": logged.status,
        }


# -- arguments in JSON: those of the functions that are called ----------------------------------


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function by name, with their types."""
    return dict(inspect.signature(function, eval_str=True).parameters)


def _takes_function(function: Callable[..., Any]) -> bool:
    """Return whether a parameter is a function, which JSON does not have."""
    parameters = inspect.signature(function).parameters.values()
    return any("Callable" in str(each.annotation) for each in parameters)


def _kinds(parameter: inspect.Parameter) -> list[tuple[str, Callable[[Any], bool]]]:
    """Return the types of a parameter that JSON has."""
    hint = parameter.annotation
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    origins = [typing.get_origin(kind) or kind for kind in kinds]
    return [_KINDS[each] for each in origins if each in _KINDS]


def _word(parameter: inspect.Parameter) -> str:
    return " or ".join(word for word, _ in _kinds(parameter))


#: Types of parameters, with the words for them, and what checks a value.
_KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    Any: ("any value", lambda value: True),
    str: ("text", lambda value: isinstance(value, str)),
    int: (
        f"a whole number from 0 to {_MAX_NUMBER}",
        lambda value: type(value) is int and 0 <= value <= _MAX_NUMBER,
    ),
    float: (
        f"a number from 0 to {_MAX_NUMBER}",
        lambda value: type(value) in (int, float) and 0 <= value <= _MAX_NUMBER,
    ),
    Mapping: (
        "an object of texts",
        lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
    ),
}


def _shown(parameters: Mapping[str, inspect.Parameter]) -> dict[str, str]:
    return {
        name: _word(each) + (" (required)" if _is_required(each) else "")
        for name, each in parameters.items()
    }


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty


def _arguments(body: dict[str, Any], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Return a body as the arguments of a function.

    Raises:
        _Refusal: If an argument is unknown, missing, or of another type.
    """
    unknown = [f"{name!r} is not known" for name in body if name not in parameters]
    missing = [
        f"{name!r} is missing"
        for name, each in parameters.items()
        if name not in body and _is_required(each)
    ]
    wrong = [
        f"{name!r} must be {_word(each)}"
        for name, each in parameters.items()
        if name in body and not any(check(body[name]) for _, check in _kinds(each))
    ]
    if problems := [*unknown, *missing, *wrong]:
        raise _Refusal(400, "; ".join(problems), parameters=_shown(parameters))
    return body


def _choice(body: dict[str, Any], name: str, choices: list[str]) -> str:
    """Remove a name from a body, and return it."""
    value = body.pop(name, None)
    if value not in choices:
        problem = f"{name!r} is missing" if value is None else f"{value!r} is not a known {name}"
        raise _Refusal(400, problem, **{f"{name}s": choices})
    return str(value)


def _body(request: Request) -> dict[str, Any]:
    data = None
    try:
        data = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    if not isinstance(data, dict):
        raise _Refusal(400, "the body must be a JSON object")
    return data


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _paths() -> list[str]:
    return [
        f"{method} {rule.rule}"
        for rule in _ROUTES.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD"})
    ]


#: The faults that JSON can describe, with their parameters.
_FAULTS = {
    name: _parameters(getattr(Fault, name))
    for name, value in vars(Fault).items()
    if isinstance(value, classmethod) and not _takes_function(getattr(Fault, name))
}
#: How a fault is injected: everything but the emulator and the fault itself.
_INJECT = dict(list(_parameters(Emulator.inject).items())[2:])
