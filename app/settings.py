"""Settings (设置) from the environment: the only module that reads it."""

import os
from collections.abc import Mapping
from datetime import timedelta, timezone
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Chinese time, the only one in which business days begin and end; it has no summer time."""


class BadAddress(Exception):
    """A DATABASE_URL that names no PostgreSQL."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL is not the address of a PostgreSQL (数据库地址有误), such as postgresql://user@host/database"
        )


class Settings(BaseSettings):
    """Where data and keys lie. With no DATABASE_URL the program brings its own PostgreSQL."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    data: Path = Field(default=Path(".fupin"), alias="FUPIN_DATA")
    database_url: str | None = Field(default=None, alias="DATABASE_URL")
    key_file: Path | None = Field(default=None, alias="FUPIN_KEY_FILE")
    font: Path | None = Field(default=None, alias="FUPIN_FONT")
    actor: str = Field(default="operator", alias="FUPIN_ACTOR")
    closing_hour: int = Field(default=24, ge=12, le=36, alias="FUPIN_CLOSING_HOUR")
    outbox: Path | None = Field(default=None, alias="FUPIN_OUTBOX")
    backups: Path | None = Field(default=None, alias="FUPIN_BACKUPS")
    partition_above: int | None = Field(default=None, ge=0, alias="FUPIN_PARTITION_ABOVE")

    @property
    def key_path(self) -> Path:
        """The file of the key to identity numbers: beside the data folder, never in it."""
        return self.key_file or self.data.with_name(self.data.name + ".key")

    @property
    def outbox_path(self) -> Path:
        """The folder of papers to be handed over (待发文件夹)."""
        return self.outbox or self.data / "outbox"

    @property
    def backups_path(self) -> Path:
        """The folder of backups: beside the data folder, never in it."""
        return self.backups or self.data.with_name(self.data.name + ".backups")

    @property
    def sqlalchemy_url(self) -> str | None:
        """The configured database as SQLAlchemy with psycopg names it.

        Raises:
            BadAddress: it is no PostgreSQL's.
        """
        return None if self.database_url is None else address(self.database_url)


def address(given: str) -> str:
    """Return the address of a PostgreSQL as SQLAlchemy with psycopg names it.

    Raises:
        BadAddress: it is no PostgreSQL's.
    """
    for prefix in ("postgresql://", "postgres://"):
        if given.startswith(prefix):
            return "postgresql+psycopg://" + given.removeprefix(prefix)
    if not given.startswith("postgresql+psycopg://"):
        raise BadAddress
    return given


def program_folders() -> list[Path]:
    """Return the folders in which the operator's programs lie (PATH)."""
    return [Path(folder) for folder in os.get_exec_path()]


def environment(secret: Mapping[str, str]) -> dict[str, str]:
    """Return what a program of PostgreSQL finds around it: all that we do, such as PGSSLMODE, and a secret that no list shows."""
    return {**os.environ, **secret}
