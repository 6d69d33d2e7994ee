"""A cluster (数据库目录): a server's data, which belong to one major version of PostgreSQL and are replaced as a whole.

While it is replaced there is a moment at which it lies beside its place, under its name and its version. Nobody begins a new
one in its place then: who finds it so is told to finish the upgrade.
"""

from pathlib import Path

from ledger.errors import DataOfAnotherMajor, UpgradeUnfinished
from ledger.programs import major_of as major_of_program


def major_of(data: Path) -> int | None:
    """Return the major version that made a cluster, None if there is none."""
    try:
        return int((data / "PG_VERSION").read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def require_fitting(data: Path, binaries: Path) -> None:
    """Refuse to start a server on data of another major version.

    Raises:
        DataOfAnotherMajor: another one made them; it names who can help.
    """
    made_by, brought = major_of(data), major_of_program(binaries / "postgres")
    if made_by is not None and brought is not None and made_by != brought:
        raise DataOfAnotherMajor(str(data), made_by, brought)


def require_none_aside(data: Path) -> None:
    """Refuse to begin a cluster in the place of one that was set aside.

    Raises:
        UpgradeUnfinished: there is one.
    """
    for aside in _aside(data):
        raise UpgradeUnfinished(str(aside))


def swap(data: Path, new: Path) -> Path:
    """Put a new cluster in the place of an old one; return where the old one is kept."""
    kept = data.with_name(f"{data.name}-{major_of(data)}")
    data.rename(kept)
    new.rename(data)
    return kept


def take_back(data: Path) -> None:
    """Undo half a swap: put what was set aside back into its place if that is empty."""
    if not data.exists():
        for aside in _aside(data):
            aside.rename(data)
            return


def _aside(data: Path) -> list[Path]:
    """Return what was set aside of a cluster, the newest version first."""
    versions = {path: path.name.removeprefix(f"{data.name}-") for path in data.parent.glob(f"{data.name}-*")}
    return sorted((path for path, version in versions.items() if version.isdecimal()), key=lambda path: -int(versions[path]))
