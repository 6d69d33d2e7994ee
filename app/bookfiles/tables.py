"""Tables with which books begin: charts, opening balances and journals as XLSX or CSV, by Chinese headings or our own names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.imports.cells import CellRefused, date_cell, signed_fen_cell, text_cell
from app.imports.sheet import SheetRefused, SheetRow, normal, read_content, rows_below, table_of
from ledger.chart import COLUMNS as CHART_COLUMNS
from ledger.initialisation.charts import faults_of
from ledger.initialisation.opening import OpeningLine
from ledger.interchange.foreign import Fault, ForeignEntry, ForeignJournal, ForeignPosting
from ledger.interchange.table import COLUMNS as JOURNAL_COLUMNS
from ledger.journal import NONE, Dimensions, Side
from ledger.money import yuan

CHART_HEADINGS = dict(
    zip(
        CHART_COLUMNS,
        ("适用账套", "科目编码", "科目名称", "余额方向", "对应科目", "结转科目", "手工制单", "辅助核算", "不得透支"),
        strict=True,
    )
)
OPENING_HEADINGS = {
    "account": "科目编码", "title": "科目名称", "debit": "借方余额", "credit": "贷方余额", "county": "县区", "bank": "银行",
    "product": "产品", "payer": "承担方", "kind": "利息种类", "loan_id": "贷款序号", "project": "项目",
}  # fmt: skip
_SIDES = {"借": "D", "贷": "C", "借贷": "B", "双向": "B"}
_WORDS = {"是": "yes", "否": "", "银行": "bank", "项目": "project"}
_DIMENSIONS = ("county", "bank", "product", "payer", "kind", "loan_id", "project")
LONGEST = 1_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a file: its content, and every row by the names of its columns."""

    content: bytes
    rows: list[tuple[int, dict[str, Any]]]


def read_chart(path: Path) -> tuple[list[dict[str, str]], list[Fault]]:
    """Return the rows of a chart file as the chart's columns have them, and what is wrong with them.

    Raises:
        SheetRefused: it is no table, or a heading is missing.
    """
    found = _read(path, CHART_HEADINGS, ("books", "code", "title", "side"))
    rows = []
    for number, raw in found.rows:
        row = {name: normal(raw.get(name)) for name in CHART_COLUMNS}
        row["code"] = text_cell(raw.get("code")) if raw.get("code") is not None else ""
        row["title"] = _verbatim(raw, "title").strip()
        row["side"] = _SIDES.get(row["side"], row["side"])
        row |= {name: _WORDS.get(row[name], row[name]) for name in ("manual", "needs", "limited")}
        rows.append((number, row))
    return [row for _, row in rows], list(faults_of(rows))


def read_opening(path: Path) -> tuple[bytes, list[OpeningLine], list[Fault]]:
    """Return a file's bytes, its opening balances and its faults; zero balances are left out.

    Raises:
        SheetRefused: it is no table, or a heading is missing.
    """
    found = _read(path, OPENING_HEADINGS, ("account", "debit", "credit"))
    lines, faults = [], []
    for number, row in found.rows:
        try:
            debit, credit = (signed_fen_cell(row[name]) if normal(row.get(name)) else 0 for name in ("debit", "credit"))
            if debit and credit:
                raise CellRefused("借方余额与贷方余额只能填一个")  # noqa: TRY301 - one way out for every fault of a row
            if debit or credit:
                side, fen = (Side.DEBIT, debit) if debit else (Side.CREDIT, credit)
                lines.append(
                    OpeningLine(line=number, account=text_cell(row["account"]), side=side, fen=fen, dimensions=_dimensions(row))
                )
        except CellRefused as refusal:
            faults.append(Fault(number, str(refusal)))
    residue = sum(one.fen if one.side is Side.DEBIT else -one.fen for one in lines)
    if residue and not faults:
        faults.append(Fault(0, f"期初余额借贷不平，相差 {yuan(abs(residue))} 元（{'借' if residue > 0 else '贷'}方多）"))
    return found.content, lines, faults


def read_journal(path: Path) -> tuple[bytes, ForeignJournal]:
    """Return a file's bytes and its journal, one row per posting; rows of one entry follow each other.

    An entry is known by its sequence (序号), else by its voucher number (凭证号) within a month.

    Raises:
        SheetRefused: it is no table, or a heading is missing.
    """
    found = _read(path, JOURNAL_COLUMNS, ("voucher", "value_date", "narration", "account", "side", "amount"))
    faults: list[Fault] = []
    entries: list[ForeignEntry] = []
    known: set[object] = set()
    last: object = None
    for number, row in found.rows:
        try:
            key, entry, posting = _line(number, row)
        except CellRefused as refusal:
            faults.append(Fault(number, str(refusal)))
            continue
        if key != last:
            if key in known:
                faults.append(Fault(number, "同一凭证的分录应连续排列"))
            known.add(key)
            entries.append(replace(entry, postings=(posting,)))
        else:
            head = entries[-1]
            if (head.day, head.narration, head.reference) != (entry.day, entry.narration, entry.reference):
                faults.append(Fault(number, "同一凭证的日期、摘要或流水号不一致"))
            entries[-1] = replace(head, postings=(*head.postings, posting))
        last = key
    faults += [
        Fault(entry.line, f"借贷不平，相差 {yuan(abs(residue))} 元")
        for entry in entries
        if (residue := sum(posting.fen for posting in entry.postings))
    ]
    return found.content, ForeignJournal(entries=() if faults else tuple(entries), faults=tuple(faults))


def _line(number: int, row: Row) -> tuple[object, ForeignEntry, ForeignPosting]:
    """Return what tells the entry of a row from others, the entry without postings, and the posting.

    Raises:
        CellRefused: a cell is no value of its column.
    """
    day, fen, side = date_cell(row["value_date"]), signed_fen_cell(row["amount"]), normal(row["side"])
    if side not in ("借", "贷"):
        raise CellRefused("方向应为 借 或 贷")
    seq, voucher = _whole(row, "seq"), _verbatim(row, "voucher")
    book, code = _verbatim(row, "book"), text_cell(row["account"])
    entry = ForeignEntry(
        line=number, day=day, narration=_verbatim(row, "narration"), postings=(), word=voucher.rpartition("-")[0] or "记",
        reference=_verbatim(row, "reference") or None, seq=seq, reverses=_whole(row, "reverses"),
    )  # fmt: skip
    posting = ForeignPosting(
        line=number, account=f"{book}:{code}" if book else code, fen=fen if side == "借" else -fen, red=fen < 0,
        dimensions=_dimensions({**row, "kind": row.get("interest")}),
    )  # fmt: skip
    return (seq if seq is not None else (day.replace(day=1), voucher)), entry, posting


def _dimensions(row: Row) -> Dimensions:
    given = {name: _verbatim(row, name) for name in _DIMENSIONS if name != "loan_id" and _verbatim(row, name)}
    return replace(NONE, **given, loan_id=_whole(row, "loan_id"))


def _whole(row: Row, name: str) -> int | None:
    text = text_cell(row.get(name)) if row.get(name) is not None else ""
    if text and not text.isdecimal():
        raise CellRefused(f"{text} 不是整数")
    return int(text) if text else None


def _verbatim(row: Row, name: str) -> str:
    """Return text exactly as it stands, so that what was exported comes back as it was."""
    raw = row.get(name)
    text = "" if raw is None else raw if isinstance(raw, str) else text_cell(raw)
    if len(text) > LONGEST or "\x00" in text:
        raise CellRefused(f"文字超过 {LONGEST} 个字")
    return text


def _read(path: Path, headings: Mapping[str, str], required: Sequence[str]) -> Read:
    """Return a table's rows by the names of its columns, whichever of both it is headed with."""
    content = read_content(path)
    table = table_of(path, content)
    names = {heading: name for name, heading in headings.items()} | {name: name for name in headings}
    first = [normal(heading) for heading in table[0]]
    missing = [headings[name] for name in required if name not in {names.get(heading) for heading in first}]
    if missing:
        raise SheetRefused(f"缺少列：{'、'.join(missing)}。第一行应为列标题，可用：{'、'.join(headings.values())}")
    rows: list[SheetRow] = rows_below(table, first)
    for row in rows:
        if row.extra:
            raise SheetRefused(f"第 {row.number} 行的单元格多于列标题")
    return Read(content, [(row.number, {names.get(h, h): cell for h, cell in row.cells.items()}) for row in rows])
