"""Extension (展期) of a draw: at most four times, each by at most its term, five years in all (domain.md 2)."""

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.business_day import business_date, business_date_from
from ledger.calendar import add_months
from loans.errors import RelendingRefused
from loans.relending.draw import Draw
from loans.relending.events import in_effect, record, record_undone
from loans.relending.pledging import require_covered
from loans.relending.queries import held, latest_step, pledges

MOST_EXTENSIONS = 4
MOST_YEARS = 5


def extend(session: Session, one: Draw, agreed_on: date, due_on: date, actor: str) -> Draw:
    """Extend a draw; return it with the extension; one that is agreed already stays as it is.

    Raises:
        RelendingRefused: it is repaid or past due, the new due date is outside these bounds, or what is pledged ends before.
        FutureDate: it is agreed after the business date.
    """
    business_date_from(session, [agreed_on])
    one = held(session, one)
    if due_on in one.extensions:
        return one
    if one.repaid_on is not None or agreed_on > one.ends_on:
        raise RelendingRefused(one.number, "已还清或已逾期，不能展期")
    if agreed_on < one.drawn_on:
        raise RelendingRefused(one.number, f"展期不能早于借款日 {one.drawn_on}")
    if len(one.extensions) >= MOST_EXTENSIONS:
        raise RelendingRefused(one.number, f"展期不得超过 {MOST_EXTENSIONS} 次")
    longest = add_months(one.ends_on, _months(one.drawn_on, one.due_on))
    if not one.ends_on < due_on <= min(longest, add_months(one.drawn_on, 12 * MOST_YEARS)):
        raise RelendingRefused(one.number, "每次展期不得超过原期限，累计不得超过五年")
    extended = replace(one, extensions=(*one.extensions, due_on))
    require_covered(extended, pledges(session, [one.book.id]))
    record(session, one.book, one.number, f"extended/{due_on}", agreed_on, {"due_on": due_on.isoformat(), "actor": actor})
    return extended


def undo_extension(session: Session, one: Draw, due_on: date, actor: str) -> Draw:
    """Take the last extension of a draw back; return the draw without it.

    Raises:
        RelendingRefused: another step came later, or the draw would have been due already.
    """
    today = business_date(session)
    one = held(session, one)
    without = replace(one, extensions=one.extensions[:-1])
    if latest_step(session, one) != in_effect(session, one.book, one.number, f"extended/{due_on}"):
        raise RelendingRefused(one.number, f"至 {due_on} 的展期之后已有业务，不能撤销")
    if without.ends_on < today:
        raise RelendingRefused(one.number, f"原到期日 {without.ends_on} 已过，展期不能撤销")
    record_undone(session, one.book, one.number, f"extended/{due_on}", today, actor)
    return without


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month
