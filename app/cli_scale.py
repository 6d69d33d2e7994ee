"""Commands for books that outgrow a table or a machine (扩展): the plan of a distributed database."""

from enum import Enum
from typing import Annotated

import typer

from app import distribution
from app.entrance import opened
from app.screen import out
from ledger.db import unit_of_work

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
