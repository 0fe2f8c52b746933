"""The types of the errors, as type checkers see them: attributes and constructors.

mypy and pyright read this file, and it is never run.
"""

from __future__ import annotations

from typing import assert_type

import livestream_core as live


def every_error_says(error: live.LiveStreamError) -> None:
    assert_type(error.message, str)
    assert_type(error.provider, str | None)
    assert_type(error.account, str | None)
    assert_type(error.operation, str | None)
    assert_type(error.stream_id, str | None)
    assert_type(error.applied, bool | None)
    assert_type(error.retryable, bool)
    assert_type(error.http_status, int | None)
    assert_type(error.request_id, str | None)
    assert_type(error.body, str | None)
    assert_type(error.hint, str | None)
    str(error.status)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


def some_say_more(client: live.Client) -> None:
    try:
        client.create(title="News")
    except live.InvalidInput as error:
        assert_type(error.field, str | None)
    except live.Unsupported as error:
        assert_type(error.features, tuple[str, ...])
    except live.Conflict as error:
        assert_type(error.status, live.Status | None)
    except live.Rejected as error:
        assert_type(error.fields, dict[str, tuple[str, ...]])
    except (live.RateLimited, live.ProviderUnavailable) as error:
        assert_type(error.retry_after, float | None)


def waiting_says_what_was_seen_last(client: live.Client) -> None:
    try:
        client.wait("s1", until=live.Status.LIVE, timeout=60)
    except live.StreamFailed as error:
        assert_type(error.stream, live.LiveStream | None)
    except (live.WaitFailed, live.WaitTimeout) as error:
        assert_type(error.stream, live.LiveStream | None)


def an_adapter_builds_them(stream: live.LiveStream) -> None:
    live.NotFound("no such stream", stream_id="s1", http_status=404)
    live.Conflict("it is over", status=live.Status.ENDED, hint="create another")
    live.Rejected("refused", fields={"title": ("too long",)}, applied=None)
    live.RateLimited("too many", retry_after=2.5)
    live.WaitTimeout("over", stream=stream)
    live.NotFound("no such stream", id="s1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.Rejected("refused", http_status="422")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.Conflict("it is over", status="ended")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
