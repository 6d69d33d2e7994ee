"""Past journals as files: hledger, ledger and beancount by their endings, tables as XLSX or CSV; maps of accounts as TOML."""

import csv
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.bookfiles.tables import CHART_HEADINGS, read_journal
from app.imports.sheet import SheetRefused, read_content
from ledger.initialisation.journals import Target, proposed
from ledger.interchange import beancount_reading, hledger_reading
from ledger.interchange.foreign import YUAN, ForeignJournal
from ledger.journal import NONE
from ledger.queries import DIMENSIONS

HLEDGER = (".hledger", ".journal", ".j", ".ledger", ".dat")
BEANCOUNT = (".beancount", ".bean")
_SIDES = {"D": "借", "C": "贷", "B": "借贷"}


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A file's journal, and what its bytes hash to."""

    journal: ForeignJournal
    sha256: str


def read(path: Path, commodity: str | None = None) -> JournalFile:
    """Return the journal of a file, by its ending; `commodity` is what the file calls the yuan, besides the usual.

    Raises:
        SheetRefused: it can't be read at all.
    """
    ending = path.suffix.lower()
    if ending in (".csv", ".xlsx"):
        content, journal = read_journal(path)
    elif ending in (*HLEDGER, *BEANCOUNT):
        content = read_content(path)
        reader = beancount_reading if ending in BEANCOUNT else hledger_reading
        try:
            text = content.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise SheetRefused("文件编码不是 UTF-8") from None
        journal = reader.read(text, YUAN | ({commodity} if commodity else frozenset()))
    else:
        raise SheetRefused(f"只支持 {'、'.join((*HLEDGER, *BEANCOUNT, '.csv', '.xlsx'))} 文件")
    return JournalFile(journal, hashed(content))


def hashed(content: bytes) -> str:
    """Return what bytes hash to."""
    return hashlib.sha256(content).hexdigest()


def read_targets(path: Path) -> dict[str, Target]:
    """Return the map of foreign accounts that a TOML file holds: a code, or a table with `account` and dimensions.

    Raises:
        SheetRefused: it is no such file.
    """
    try:
        given = tomllib.loads(read_content(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SheetRefused(f"科目对照表 {path.name} 不是有效的 TOML 文件：{error}") from None
    named = given.get("accounts")
    if given.keys() != {"accounts"} or not isinstance(named, dict):
        raise SheetRefused(f"科目对照表 {path.name} 应只有 [accounts] 一节")
    return {str(name): _target(str(name), value) for name, value in named.items()}


def _target(name: str, value: object) -> Target:
    if isinstance(value, str):
        return Target(value)
    if not isinstance(value, Mapping) or not {"account"} <= value.keys() <= {"account", *DIMENSIONS} - {"loan_id"}:
        raise SheetRefused(f"科目对照表中 {name} 应为科目编码，或含 account 与辅助核算的表")
    if not all(isinstance(part, str) for part in value.values()):
        raise SheetRefused(f"科目对照表中 {name} 的值应为文字")
    dimensions = {key: part for key, part in value.items() if key != "account"}
    return Target(value["account"], replace(NONE, **dimensions))


def write_proposal(journal: ForeignJournal, chart: Path, targets: Path) -> int:
    """Write a chart made of a journal's accounts, and the map to it, for people to look over; return how many accounts."""
    found = proposed(journal)
    with chart.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CHART_HEADINGS.values())
        writer.writerows(
            ["ARC", code, name, {"D": "借", "C": "贷", "B": "借贷"}[side], "", "", "是", ""] for name, code, side in found
        )
    lines = [f'{_toml(name)} = "{code}"\n' for name, code, _ in found]
    targets.write_text("".join(("[accounts]\n", *lines)), encoding="utf-8")
    return len(found)


def _toml(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
