"""Settings (设置) from the environment: the only module that reads it."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    @property
    def key_path(self) -> Path:
        """The file of the key to identity numbers: beside the data folder, never in it."""
        return self.key_file or self.data.with_name(self.data.name + ".key")

    @property
    def sqlalchemy_url(self) -> str | None:
        """The configured database as SQLAlchemy with psycopg names it.

        Raises:
            BadAddress: it is no PostgreSQL's.
        """
        if self.database_url is None:
            return None
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        if not self.database_url.startswith("postgresql+psycopg://"):
            raise BadAddress
        return self.database_url
