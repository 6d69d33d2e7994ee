"""A browser for tests of pages: somebody of given roles, signed in without the cost of a password."""

import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime

from app.access import sessions, staff
from app.access.roles import Role
from app.access.sessions import Stage, form_token
from app.web.gate import COOKIE, TOKEN
from app.web.pages import make_app
from app.wiring import System
from ledger.db import unit_of_work

with warnings.catch_warnings():
    # Newer Starlette would rather have another client than httpx; both do what these tests need.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient

HOST = "http://127.0.0.1"


def now() -> datetime:
    return datetime.now(UTC)


def hire(system: System, name: str, *roles: Role, bank: str | None = None) -> str:
    """Add somebody with roles, unless he is there."""
    with unit_of_work(system.engine) as session:
        if staff.find_member(session, name) is None:
            staff.add(session, name, "test", now())
            for role in roles:
                staff.grant(session, name, role, "test", now(), bank)
    return name


def browser(
    system: System, *roles: Role, name: str = "", bank: str | None = None, clock: Callable[[], datetime] = now,
    raising: bool = True,
) -> TestClient:  # fmt: skip
    """Return a client that is signed in as somebody of these roles; with none, one that is not."""
    client = TestClient(make_app(system, clock), base_url=HOST, raise_server_exceptions=raising, follow_redirects=False)
    if roles:
        who = hire(system, name or "-".join(sorted(roles)) + (f"-{bank}" if bank else ""), *roles, bank=bank)
        with unit_of_work(system.engine) as session:
            client.cookies.set(COOKIE, sessions.begin(session, who, Stage.FULL, "testclient", clock()))
    return client


def send(client: TestClient, path: str, **fields: str) -> "TestClient.response":
    """Send a form that came from one of our pages."""
    return client.post(path, data={TOKEN: form_token(client.cookies[COOKIE]), **fields})


def token_of(page: str) -> str:
    """Return what the form of a page carries."""
    found = re.search(rf'name="{TOKEN}" value="([0-9a-f]{{64}})"', page)
    assert found is not None
    return found[1]
