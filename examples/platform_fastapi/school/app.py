"""The endpoints of the platform. Add your authentication: these endpoints let everyone in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import livestream_core as live
from livestream_core.contrib.fastapi import router

from .database import Change, Lesson, Session
from .streaming import UnknownAccount, client_for, creates, receiver

app = FastAPI()
app.include_router(router(receiver), prefix="/webhooks")


class NewLesson(BaseModel):
    """A lesson to create. The time is ISO 8601 with an offset."""

    title: str
    starts_at: str | None = None


@app.post("/{account}/lessons/", status_code=202)
async def create_lesson(account: str, new: NewLesson) -> dict[str, int]:
    """Create a lesson. Its stream is created in the background."""
    client = await client_for(account)
    spec = live.StreamSpec(title=new.title, scheduled_start=new.starts_at)
    async with Session.begin() as session:
        lesson = Lesson(account=account, title=spec.title, starts_at=spec.scheduled_start)
        session.add(lesson)
        await session.flush()
        connection = await session.connection()
        await creates.intend(
            f"lesson-{lesson.id}", spec, connection=connection, account=client.account
        )
    return {"id": lesson.id}


@app.get("/{account}/lessons/{lesson_id}/")
async def show_lesson(account: str, lesson_id: int) -> dict[str, Any]:
    """Show a lesson with the status of its stream, without asking the vendor."""
    async with Session() as session:
        lesson = await session.get(Lesson, lesson_id)
        if lesson is None or lesson.account != account:
            raise HTTPException(404)
        last = await session.scalar(
            sa.select(Change)
            .where(Change.account == account, Change.stream_id == lesson.stream_id)
            .order_by(Change.id.desc())
            .limit(1)
        )
    return {
        "title": lesson.title,
        "stream_id": lesson.stream_id,
        "status": last.status if last else None,
        "problem": lesson.problem,
    }


@app.get("/{account}/health/")
async def health(account: str) -> JSONResponse:
    """Say whether the account can be used, and what is wrong otherwise."""
    try:
        client = await client_for(account)
    except live.ConfigurationError as error:  # such as a missing token
        return JSONResponse({"state": "configuration", "reason": error.message}, 503)
    found = await client.check(deadline=5)
    return JSONResponse(found.to_dict(), 200 if found.is_ok else 503)


@app.exception_handler(UnknownAccount)
async def on_unknown_account(request: Request, error: UnknownAccount) -> JSONResponse:
    """Respond with 404 if there is no such account."""
    return JSONResponse({"error": str(error)}, 404)


@app.exception_handler(live.InvalidInput)
@app.exception_handler(live.ConfigurationError)
async def on_wrong_input(request: Request, error: live.LiveStreamError) -> JSONResponse:
    """Respond with 400 if what was entered for a lesson or an account is wrong."""
    return JSONResponse({"error": error.message}, 400)


@app.exception_handler(RequestValidationError)
async def on_malformed_input(request: Request, error: RequestValidationError) -> JSONResponse:
    """Respond with 400 if a body is not JSON, or lacks a field."""
    found = [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"error": "; ".join(found)}, 400)
