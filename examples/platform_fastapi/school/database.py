"""The tables of the platform. ``python -m school.database`` creates them."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Such as ``postgresql+psycopg://localhost/school``.
DATABASE_URL = os.environ["DATABASE_URL"]

engine = create_async_engine(DATABASE_URL, pool_pre_ping=True)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The base class of the tables."""

    type_annotation_map: ClassVar = {datetime: sa.DateTime(timezone=True), dict[str, Any]: sa.JSON}


class Account(Base):
    """A school's account at a vendor.

    Attributes:
        name: The name of the school, which is in the URLs.
        provider: The provider, such as ``tpstreams``.
        options: The credentials that the school has entered. Encrypt them as your other secrets.
        base_url: The vendor's origin, if it is not the provider's own. Only your staff sets it.
    """

    __tablename__ = "accounts"
    name: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    options: Mapped[dict[str, Any]]
    base_url: Mapped[str | None]


class Lesson(Base):
    """A lesson, whose stream is created in the background.

    Attributes:
        stream_id: The ID of its stream, once it is created.
        problem: Why its stream cannot be created.
    """

    __tablename__ = "lessons"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(sa.ForeignKey("accounts.name"))
    title: Mapped[str]
    starts_at: Mapped[datetime | None]
    stream_id: Mapped[str | None]
    problem: Mapped[str | None]


class Change(Base):
    """A change of a stream that the platform has handled.

    Attributes:
        key: The key of the change, by which a second copy is recognized.
        status: The status of the stream since then. ``None`` if it was deleted.
    """

    __tablename__ = "changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    account: Mapped[str] = mapped_column(sa.ForeignKey("accounts.name"))
    stream_id: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str | None]


async def create_tables() -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


if __name__ == "__main__":
    asyncio.run(create_tables())
