"""Commands about users (用户): added with a one-time link, never with a password that somebody else knows."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.access import staff
from app.access.roles import Role
from app.entrance import opened
from app.screen import out, say
from ledger.db import unit_of_work

app = typer.Typer(help="Add users, give them roles, let them in by a one-time link (用户).", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name that the books will show (用户名).")]
Bank = Annotated[str | None, typer.Option("--bank", help="The bank's code of a bank's clerk (银行).")]
PORT = 8000


@app.command()
def add(
    name: Name,
    role: Annotated[list[Role] | None, typer.Option("--role", help="A role to begin with (角色).")] = None,
    bank: Bank = None,
) -> None:
    """Add a user and print the one-time link with which he sets his password (新增用户)."""
    now = datetime.now(UTC)
    with opened() as system, unit_of_work(system.engine) as session:
        secret = staff.add(session, name, system.settings.actor, now)
        for one in role or ():
            staff.grant(session, name, one, system.settings.actor, now, bank)
    _say_link(name, secret)


@app.command()
def link(name: Name) -> None:
    """Print a new one-time link of a user; an earlier one ends, and so do his sessions (一次性链接)."""
    with opened() as system, unit_of_work(system.engine) as session:
        secret = staff.link(session, name, system.settings.actor, datetime.now(UTC))
    _say_link(name, secret)


@app.command()
def grant(name: Name, role: Annotated[Role, typer.Option("--role", help="The role (角色).")], bank: Bank = None) -> None:
    """Give a user a role from now on (授予角色)."""
    with opened() as system, unit_of_work(system.engine) as session:
        staff.grant(session, name, role, system.settings.actor, datetime.now(UTC), bank)
    say(f"{name}: {role.value} ({role.label})")


@app.command("end")
def end_(name: Name, role: Annotated[Role, typer.Option("--role", help="The role (角色).")]) -> None:
    """Take a role from a user from now on (收回角色)."""
    with opened() as system, unit_of_work(system.engine) as session:
        staff.end_grant(session, name, role, system.settings.actor, datetime.now(UTC))
    say(f"{name}: no longer {role.value} ({role.label})")


@app.command()
def disable(name: Name) -> None:
    """Let a user in no more; what he did stays his (停用)."""
    with opened() as system, unit_of_work(system.engine) as session:
        staff.disable(session, name, system.settings.actor, datetime.now(UTC))
    say(f"{name}: disabled (已停用)")


@app.command("list")
def list_() -> None:
    """List the users and the roles of now (用户清单)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = staff.members(session)
    table = Table(title="users (用户)")
    for heading in ("name (用户名)", "roles (角色)", "bank (银行)", "state (状态)"):
        table.add_column(heading, overflow="fold")
    for one in found:
        roles = "、".join(role.label for role in Role if role in one.roles)
        table.add_row(*map(Text, (one.name, roles, one.bank or "", "disabled (停用)" if one.disabled else "")))
    if found:
        out.print(table)
    say(f"{len(found)} users (用户)")


def _say_link(name: str, secret: str) -> None:
    hours = int(staff.LINK_LASTS.total_seconds()) // 3600
    say(f"{name} sets a password within {hours} hours under (一次性链接): http://127.0.0.1:{PORT}/welcome/{secret}")
