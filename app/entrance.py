"""Entrance (入口): how every command opens the system, and the options that commands share."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from typing import Annotated

import typer

from app import wiring
from app.screen import busy
from app.settings import Settings
from app.wiring import System

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A date such as 2017-10-17.")]
BookOption = Annotated[str | None, typer.Option("--book", help="A book's code; all books if left out.")]


class Stopped(Exception):
    """The operator pressed Ctrl-C, or a service manager ended the program."""


@contextmanager
def opened() -> Iterator[System]:
    """Open the system for a command.

    Raises:
        Stopped: the operator pressed Ctrl-C; everything is closed by then.
    """
    with stoppable(), ExitStack() as stack:
        with busy("opening the books (启动)"):
            system = stack.enter_context(wiring.system(Settings()))
        yield system


@contextmanager
def stoppable() -> Iterator[None]:
    """Do what may be stopped by the operator.

    Raises:
        Stopped: the operator pressed Ctrl-C; everything is closed by then.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped from None


def day_of(given: datetime | None) -> date | None:
    """Return the day of an option, None if it was left out."""
    return given.date() if given is not None else None
