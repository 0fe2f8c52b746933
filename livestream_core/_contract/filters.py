"""The filters of a list, as callers pass them."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from .._model import converters as c
from .._model.converters import with_field_name
from .._model.status import Status
from .pagination import Query


def query_of(
    status: Status | str | None,
    starts_after: datetime | str | None,
    starts_before: datetime | str | None,
    tag: str | None,
    reference: str | None = None,
) -> Query:
    """Read the filters of a list.

    Raises:
        InvalidInput: If a filter is not valid.
    """
    return Query(
        status=None
        if status is None
        else with_field_name("status", partial(c.enum_of, Status))(status),
        starts_after=with_field_name("starts_after", c.optional_instant)(starts_after),
        starts_before=with_field_name("starts_before", c.optional_instant)(starts_before),
        tag=with_field_name("tag", c.optional_text)(tag),
        reference=with_field_name("reference", c.optional_identifier)(reference),
    )
