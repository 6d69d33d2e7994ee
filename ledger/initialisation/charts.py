"""Charts that are loaded (科目表导入): another county's, or another year's, beside those that come with the program.

A loaded chart has a name of its own and never changes; a new state of it is another chart. Accounts may be added to an open
book; none is ever taken out of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, BookKind, add_accounts
from ledger.chart import CHARTS, Account, accounts_of, chart
from ledger.errors import BadChart
from ledger.initialisation.tables import loaded_chart
from ledger.interchange.foreign import Fault
from ledger.tables import account

_CODE = re.compile(r"[0-9A-Za-z]+(\.[0-9A-Za-z]+)*")
_NEEDS = ("", "bank", "project")
FUND_CHART, LOAN_CHART = "fund-2016", "loan-2016"
OURS = {
    BookKind.COMPENSATION: FUND_CHART, BookKind.SUBSIDY: FUND_CHART, BookKind.SOLAR: FUND_CHART, BookKind.LOANS: LOAN_CHART,
}  # fmt: skip
"""The charts that come with the program, by the kind of book; accounts of theirs that people can't write on are the modules'."""
Row = Mapping[str, str]


def faults_of(rows: Sequence[tuple[int, Row]]) -> Iterator[Fault]:
    """Yield what is wrong with the numbered rows of a chart."""
    held: dict[str, set[str]] = {}
    for line, row in rows:
        yield from (Fault(line, reason) for reason in _against(row))
        for kind in row["books"].split():
            if row["code"] in held.setdefault(kind, set()):
                yield Fault(line, f"科目 {row['code']} 在 {kind} 账套中重复")
            held[kind].add(row["code"])
    for line, row in rows:
        for other in (row["pair"], row["closes_to"]):
            if other and any(other not in held[kind] for kind in row["books"].split()):
                yield Fault(line, f"科目 {row['code']} 所指的 {other} 不在科目表中")


def _against(row: Row) -> Iterator[str]:
    kinds = [kind.value for kind in BookKind]
    if not row["books"].split() or not set(kinds).issuperset(row["books"].split()):
        yield f"适用账套应为 {'、'.join(kinds)} 中的一个或几个，以空格分隔"
    if not _CODE.fullmatch(row["code"]):
        yield f"科目编码 {row['code']} 应为字母、数字，下级以 . 分隔，如 1303.01"
    if not row["title"]:
        yield "没有科目名称"
    if row["side"] not in ("D", "C", "B"):
        yield "余额方向应为 借、贷 或 借贷"
    if {row["manual"], row["limited"]} - {"", "yes"} or row["needs"] not in _NEEDS:
        yield "手工制单、不得透支应为 是 或空，辅助核算应为 银行、项目 或空"


def load_chart(session: Session, name: str, rows: Sequence[Row], actor: str) -> bool:
    """Keep a chart under a name; tell whether it is new.

    Raises:
        BadChart: the name is that of another chart, or something is wrong with a row.
    """
    if faults := list(faults_of(list(enumerate(rows, start=2)))):
        raise BadChart(name, f"第 {faults[0].line} 行：{faults[0].reason}")
    kept = [dict(row) for row in rows]
    before = session.scalar(select(loaded_chart.c.rows).where(loaded_chart.c.name == name))
    if before == kept:
        return False
    if before is not None or (CHARTS / f"{name}.csv").exists():
        raise BadChart(name, "名称已用于另一科目表，科目表不能修改，请另取名称")
    session.execute(insert(loaded_chart).values(name=name, rows=kept, actor=actor))
    audit.record(session, actor, "chart loaded", name, {"accounts": len(kept)})
    return True


def accounts_named(session: Session, name: str, kind: BookKind) -> tuple[Account, ...]:
    """Return the accounts that a kind of book has in a chart, loaded or of the program.

    Raises:
        BadChart: there is no such chart, or it lacks an account that the program's modules post on in such a book.
    """
    rows = session.scalar(select(loaded_chart.c.rows).where(loaded_chart.c.name == name))
    if rows is None:
        return chart(name, kind)
    accounts = accounts_of(name, rows, kind)
    ours = chart(OURS[kind], kind) if kind in OURS else ()
    needed, limited = {one.code for one in ours if not one.manual}, {one.code for one in ours if one.limited}
    if missing := sorted(needed - {one.code for one in accounts}):
        raise BadChart(name, f"缺少系统业务所用的科目：{'、'.join(missing)}")
    return tuple(replace(one, limited=one.limited or one.code in limited) for one in accounts)


def extend(session: Session, book: Book, accounts: Sequence[Account], actor: str) -> list[str]:
    """Add accounts to an open book that it has not yet, and return their codes; the others must be as the book has them.

    Raises:
        BadChart: an account of the book is another one here.
    """
    columns = [account.c[name] for name in ("code", "title", "side", "pair", "closes_to", "manual", "needs", "limited")]
    mine = {row.code: tuple(row) for row in session.execute(select(*columns).where(account.c.book_id == book.id))}
    for one in accounts:
        limited = one.limited and book.kind is not BookKind.ARCHIVE
        given = (one.code, one.title, one.side, one.pair, one.closes_to, one.manual, one.needs, limited)
        if one.code in mine and mine[one.code] != given:
            raise BadChart(book.code, f"科目 {one.code} 在账套中已有，内容不同，不能修改")
    fresh = [one for one in accounts if one.code not in mine]
    if fresh:
        add_accounts(session, book.id, book.kind, fresh)
        audit.record(session, actor, "accounts added", book.code, {"codes": [one.code for one in fresh]})
    return [one.code for one in fresh]
