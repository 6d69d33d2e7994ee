"""Commands for books that outgrow a table or a machine (扩展): parts of their own, and the plan of a distributed database."""

from enum import Enum
from typing import Annotated

import typer

from app import distribution
from app.entrance import opened
from app.partitioning import large_books, partition, partitioned_books
from app.screen import busy, out, say
from ledger.db import OWNER_ROLE, engine_as, unit_of_work

app = typer.Typer(help="Books that outgrow a table or a machine (扩展).", no_args_is_help=True)


class Engine(Enum):
    """A distributed database that takes the schema."""

    CITUS = "citus"


@app.command()
def plan(
    engine: Annotated[Engine, typer.Option("--engine", help="The distributed database (分布式数据库).")] = Engine.CITUS,  # noqa: ARG001 - there is one
) -> None:
    """Print the statements that spread this database over several machines (分布方案); nothing is changed."""
    with opened() as system, unit_of_work(system.engine) as session:
        statements = list(distribution.plan(distribution.tables(session), distribution.keys(session)))
    for statement in statements:
        out.print(statement, markup=False, highlight=False, soft_wrap=True)


@app.command("partition")
def partition_(
    above: Annotated[
        int | None, typer.Option("--above", min=0, help="Rows in all large tables together; FUPIN_PARTITION_ABOVE if left out.")
    ] = None,
) -> None:
    """Give every book above a size parts of its own in the large tables (分区); they are made anew while nobody works."""
    with opened() as system, busy("partitioning (分区)"):
        limit = above if above is not None else system.settings.partition_above
        if limit is None:
            raise typer.BadParameter("name a size with --above or FUPIN_PARTITION_ABOVE (未设定分区规模)")
        owner = engine_as(system.engine.url.render_as_string(hide_password=False), OWNER_ROLE)
        try:
            with unit_of_work(owner) as session:
                wanted = large_books(session, limit)
                changed = wanted != (partitioned_books(session) or [])
                if changed:
                    partition(session, wanted)
        finally:
            owner.dispose()
    said = f"{len(wanted)} books above {limit} rows have parts of their own (分区)"
    say(said if changed else f"{said}; nothing was changed")
