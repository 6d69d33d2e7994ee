"""Idle money (存量资金): what of a fund's income is not spent yet, by age; the oldest is spent first (先进先出)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.calendar import add_months
from ledger.queries import turnovers
from ledger.reports.form import Form, Layout
from ledger.reports.making import as_cells, report
from ledger.reports.queries import Income, account_titles, incomes
from ledger.reports.question import Question
from ledger.reports.report import Cell, Report, Role, Row

CASH = "1004"
CELLS = frozenset({"book", "date", "source", "narration", "income", "spent", "left", "days", "mark"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Money that came in on a day, in fen, and what is left of it."""

    day: date
    source: str
    narration: str
    fen: int
    left: int

    def days(self, as_of: date) -> int:
        """Return for how many days it has lain."""
        return (as_of - self.day).days

    def is_idle(self, as_of: date, months: int) -> bool:
        """Tell whether it has lain for so many whole months, and is not spent."""
        return self.left > 0 and add_months(self.day, months) <= as_of


def layers(received: Sequence[Income], balance: int) -> tuple[list[Layer], int]:
    """Return what came in with what is left of it, oldest first, and what of the balance no income explains.

    What was taken back in red takes from what it reverses; other negative income takes from the newest before it. The balance
    lies in the newest income: the oldest was spent first.
    """
    kept: list[Layer] = []
    places: dict[tuple[int, str], int] = {}
    for one in received:
        if one.fen >= 0:
            places[one.seq, one.account] = len(kept)
            kept.append(Layer(day=one.day, source=one.account, narration=one.narration, fen=one.fen, left=0))
            continue
        place = places.get((one.reverses, one.account)) if one.reverses is not None else None
        owed = -one.fen
        for index in [*([place] if place is not None else []), *reversed(range(len(kept)))]:
            taken = min(owed, kept[index].fen)
            kept[index], owed = replace(kept[index], fen=kept[index].fen - taken), owed - taken
    left = max(balance, 0)
    for index in reversed(range(len(kept))):
        mine = min(left, kept[index].fen)
        kept[index], left = replace(kept[index], left=mine), left - mine
    return [layer for layer in kept if layer.fen], left + min(balance, 0)


def idle_money(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return what lies unspent in each book, by the day on which it came, and how much of it too long."""
    titles = {code: title.title for code, title in account_titles(session, asked.ids).items()}
    received: dict[int, list[Income]] = {book.id: [] for book in asked.books}
    for one in incomes(session, asked, layout.accounts):
        received[one.book_id].append(one)
    cash = turnovers(session, books=asked.ids, accounts=[CASH], until=asked.last_day, up_to_seq=asked.known_at)
    rows: list[Row] = []
    total = old = 0
    for book in asked.books:
        balance = cash[book.id, CASH].balance_fen if (book.id, CASH) in cash else 0
        mine, other = layers(received[book.id], balance)
        rows += [_row(layout, asked, book.name, titles[layer.source], layer) for layer in mine if layer.left]
        if other:
            rows.append(_other(layout, asked, book.name, other))
        late = sum(layer.left for layer in mine if layer.is_idle(asked.last_day, layout.months))
        if balance:
            rows += _sums(layout, asked, Role.SUBTOTAL, f"{book.name}小计", (balance, late))
        total, old = total + balance, old + late
    if len(asked.books) > 1 or not rows:
        rows += _sums(layout, asked, Role.TOTAL, "合计", (total, old))
    notes = [f"支出先用先到位的资金（先进先出）；到位满{layout.months}个月仍未使用的列为存量资金。"]
    return report(form, layout, asked, rows, notes=notes)


def idle_fen(found: Report) -> tuple[int, int]:
    """Return what of a made report lies unspent, and what of that too long."""
    left, mark = found.column("left"), found.column("mark")
    lines = [row for row in found.rows if row.role is Role.LINE]
    return sum(_fen(row.cells[left]) for row in lines), sum(_fen(row.cells[left]) for row in lines if row.cells[mark])


def _fen(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _row(layout: Layout, asked: Question, book: str, source: str, layer: Layer) -> Row:
    mark = f"存量（满{layout.months}个月）" if layer.is_idle(asked.last_day, layout.months) else None
    cells: dict[str, Cell] = {
        "book": book, "date": layer.day, "source": source, "narration": layer.narration, "income": layer.fen,
        "spent": layer.fen - layer.left, "left": layer.left, "days": layer.days(asked.last_day), "mark": mark,
    }  # fmt: skip
    return Row(Role.LINE, as_cells(layout, asked, cells))


def _other(layout: Layout, asked: Question, book: str, fen: int) -> Row:
    cells: dict[str, Cell] = {"book": book, "source": "其他（非财政拨入和利息）", "left": fen}
    return Row(Role.LINE, as_cells(layout, asked, cells))


def _sums(layout: Layout, asked: Question, role: Role, said: str, sums: tuple[int, int]) -> Iterable[Row]:
    yield Row(role, as_cells(layout, asked, {"book": said, "source": "未使用", "left": sums[0]}))
    yield Row(role, as_cells(layout, asked, {"book": said, "source": f"其中：满{layout.months}个月", "left": sums[1]}))
