"""The database edge: metadata, the engine, and the only commit in the system."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger.errors import RolesMissing, ServerTooOld

OWNER_ROLE = "fupin_owner"
"""Owns every table; only migrations act as it."""
APP_ROLE = "fupin_app"
"""What the program works as: it may insert into the journal and never change it."""

OLDEST_SERVER = 150_000

NOTICES_A_CUT = {
    "connect_timeout": 5, "keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000,
}  # fmt: skip
"""How a connection over a network learns within five seconds that nobody is there any more."""

Answer = TypeVar("Answer")
_REMEMBERED = "remembered"

SCHEMAS = ("ledger", "registry", "loans", "guarantees", "solar", "scheduling", "statements", "app")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def engine_as(url: str | URL, role: str, name: str | None = None) -> Engine:
    """Return an engine whose every connection works as one role; if it has a name, the server shows it, and it notices a cut."""
    return create_engine(
        url,
        connect_args={
            "options": f"-c role={role} -c timezone=Asia/Shanghai -c datestyle=ISO -c search_path=pg_catalog",
            **({"application_name": name, **NOTICES_A_CUT} if name is not None else {}),
        },
        pool_pre_ping=False,
        pool_size=5,
    )


def ensure_roles(url: str) -> None:
    """Make the owner and application roles known to the server and open to this login.

    Raises:
        RolesMissing: this login may not do it; the message holds the SQL for an administrator.
        ServerTooOld: the server is older than PostgreSQL 15.
    """
    engine = create_engine(url)
    try:
        with Session(engine) as session, session.begin():
            if int(session.scalar(text("SHOW server_version_num")) or 0) < OLDEST_SERVER:
                raise ServerTooOld(str(session.scalar(text("SHOW server_version"))))
            login, database, superuser, creator = session.execute(
                text(
                    "SELECT current_user, current_database(), rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
                )
            ).one()
            present = set(
                session.scalars(
                    text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": [OWNER_ROLE, APP_ROLE]}
                )
            )
            missing = [role for role in (OWNER_ROLE, APP_ROLE) if role not in present]
            statements = [f"CREATE ROLE {role} NOLOGIN;" for role in missing]
            member = {
                role: bool(superuser)
                or (role in present and bool(session.scalar(text("SELECT pg_has_role(:r, 'MEMBER')"), {"r": role})))
                for role in (OWNER_ROLE, APP_ROLE)
            }
            statements += [f'GRANT {role} TO "{login}";' for role, is_member in member.items() if not is_member]
            may_create = bool(
                session.scalar(text("SELECT has_database_privilege(:r, current_database(), 'CREATE')"), {"r": OWNER_ROLE})
                if OWNER_ROLE in present
                else False
            )
            if not may_create:
                statements.append(f'GRANT CREATE ON DATABASE "{database}" TO {OWNER_ROLE};')
            if not statements:
                return
            owns = bool(
                session.scalar(text("SELECT pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()"))
            )
            if not (superuser or (creator and owns)):
                raise RolesMissing("\n".join(statements))
            for statement in statements:
                session.execute(text(statement))
    finally:
        engine.dispose()


@contextmanager
def unit_of_work(engine: Engine | Connection) -> Iterator[Session]:
    """Run one request, job step or command as one transaction: all of it, or none."""
    with Session(engine, autoflush=False) as session, session.begin():
        yield session


@contextmanager
def alone(engine: Engine, lock: int) -> Iterator[Connection | None]:
    """Yield a connection that holds an advisory lock, so that its work can't outlive the lock; None if another holds it.

    Its commits don't wait for the disk unless they say so.
    """
    with engine.connect() as connection:
        held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": lock}))
        if not held:
            connection.commit()
            yield None
            return
        connection.execute(text("SET synchronous_commit = off"))
        connection.commit()
        try:
            yield connection
        finally:
            try:
                connection.rollback()
                connection.execute(
                    text("SELECT pg_advisory_unlock(:lock), set_config('synchronous_commit', 'on', false)"), {"lock": lock}
                )
                connection.commit()
            except DBAPIError:
                connection.invalidate()  # a lost session has let go of its lock


def remembered(session: Session, question: str, ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that has only one within a transaction, asked once; a savepoint is one of its own."""
    here = session.get_nested_transaction() or session.get_transaction()
    if here is None:
        return ask()
    known: tuple[object, dict[str, Any]] = session.info.get(_REMEMBERED, (None, {}))
    if known[0] is not here:
        known = session.info[_REMEMBERED] = (here, {})
    if question not in known[1]:
        known[1][question] = ask()
    answer: Answer = known[1][question]
    return answer


def forget(session: Session, question: str) -> None:
    """Ask a question anew next time, because this transaction has changed the answer."""
    if _REMEMBERED in session.info:
        session.info[_REMEMBERED][1].pop(question, None)
