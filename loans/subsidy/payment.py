"""Payment (拨付): a batch is paid, payments come back and are repeated, reclaimed money comes in, and some goes in advance."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date_from
from ledger.journal import Dimensions, Posting
from ledger.limits import available
from ledger.limits import held as held_there
from ledger.money import yuan
from loans.errors import SubsidyBatchRefused
from loans.subsidy import entries
from loans.subsidy.batch import Batch, Line, Stage, by_product
from loans.subsidy.queries import prepaid, schemes, steps
from loans.subsidy.schemes import Mode
from loans.subsidy.stepping import borne, fund_of, held, post, post_both, record, require_person


def pay(session: Session, one: Batch, day: date, actor: str) -> None:
    """Pay an approved batch (拨付), by another person than approved it; a bank receives it the same day.

    Raises:
        SubsidyBatchRefused: it is not approved, who approved it pays it, or the fund has not got the money.
    """
    one = held(session, one, day, actor)
    if one.stage is not Stage.APPROVED:
        raise SubsidyBatchRefused(one.number, f"状态为{one.stage}，不能拨付")
    if actor == one.approved_by:
        raise SubsidyBatchRefused(one.number, "批准人不能办理拨付")
    _require_cash(session, one.book, one.loan_book, one.number, day, one.cash_fen)
    reference = record(session, one.book, one.number, "paid", day, {}, actor)
    fund = [posting for fen, whose in borne(one, one.cash) for posting in entries.paid(fen, whose)]
    post(session, one, reference, day, "拨付贴息", actor, fund, _received(one, one.cash))


def take_return(session: Session, one: Batch, loans: Collection[int], serial: str, day: date, reason: str, actor: str) -> None:
    """Book that payments of lines came back (退票): they wait to be repeated. One booked already under its serial stays.

    Raises:
        SubsidyBatchRefused: a line was not paid, came back already, or the serial number names another return.
    """
    _pass(session, one, ("returned", "退回贴息"), loans, serial, day, reason, actor)


def pay_again(session: Session, one: Batch, loans: Collection[int], serial: str, day: date, actor: str) -> None:
    """Repeat payments that came back (重付).

    Raises:
        SubsidyBatchRefused: a line's payment did not come back, or the serial number names another one.
    """
    _pass(session, one, ("repaid", "重付贴息"), loans, serial, day, "", actor)


def take_refund(session: Session, one: Batch, serial: str, day: date, fen: int, actor: str) -> None:
    """Book money that comes back of what a batch reclaims (收回). One booked already under its serial stays.

    Raises:
        SubsidyBatchRefused: no serial number, one used for another amount, or more than is still to come.
    """
    one = held(session, one, day, actor)
    body = {"fen": fen}
    if _known(session, one.book, one.number, f"refunded/{serial}", serial, day, body):
        return
    left = one.reclaimed_fen - one.refunded_fen if one.stage in (Stage.APPROVED, Stage.PAID) else 0
    if not 0 < fen <= left:
        raise SubsidyBatchRefused(one.number, f"应收回 {yuan(left)} 元，申报 {yuan(fen)} 元")
    reference = record(session, one.book, one.number, f"refunded/{serial}", day, body, actor)
    bank = entries.given_back(fen, Dimensions(county=one.loan_book.county)) if one.to_bank else ()
    post(session, one, reference, day, "收回贴息", actor, entries.refunded(fen, fund_of(one)), bank)


def pay_ahead(session: Session, book: Book, loan_book: Book, serial: str, day: date, fen: int, actor: str) -> str | None:
    """Pay a bank in advance (预拨), or take the excess back (fen below zero); return its reference, None if it is not new.

    Raises:
        SubsidyBatchRefused: the county has no scheme of that kind, the fund has not got the money, more than is left comes back,
            or the serial number names another payment.
        FutureDate: the day has not come.
    """
    bank = loan_book.bank or ""
    business_date_from(session, [day])
    require_person(bank, actor)
    hold_books(session, [book.id, loan_book.id])
    body = {"fen": fen}
    if _known(session, book, bank, f"ahead/{serial}", serial, day, body):
        return None
    ways = {one.mode for one in schemes(session) if one.county in (None, book.county) and one.valid_from <= day}
    if Mode.PREPAID not in ways:
        raise SubsidyBatchRefused(bank, "本县没有预拨清算的贴息办法")
    require_left(session, book, loan_book, fen)
    if fen > max(0, left := available(session, book.id, bank)):
        raise SubsidyBatchRefused(bank, f"贴息资金在该行可用余额（已扣除已批未付）{yuan(left)} 元，不足支付 {yuan(fen)} 元")
    reference = record(session, book, bank, f"ahead/{serial}", day, body, actor)
    fund, got = Dimensions(county=book.county, bank=bank), Dimensions(county=loan_book.county)
    lines = entries.paid_ahead(fen, fund), entries.received_ahead(fen, got)
    post_both(session, (book, loan_book), reference, day, f"{'预拨贴息' if fen > 0 else '收回预拨'} {bank}", actor, *lines)
    return reference


def require_left(session: Session, book: Book, loan_book: Book, fen: int) -> None:
    """Refuse a change of what was paid in advance that is none, or leaves less than nothing.

    Raises:
        SubsidyBatchRefused: it is.
    """
    bank = loan_book.bank or ""
    left = prepaid(session, book.id, bank)
    if not fen or left + fen < 0:
        raise SubsidyBatchRefused(bank, f"预拨余额 {yuan(left)} 元，申报 {yuan(fen)} 元")


def _pass(
    session: Session,
    one: Batch,
    what: tuple[str, str],
    loans: Collection[int],
    serial: str,
    day: date,
    reason: str,
    actor: str,
) -> None:
    """Move payments of lines back to the fund, or out of it again."""
    kind, narration = what
    one = held(session, one, day, actor)
    body = {"loans": sorted(loans), "reason": reason}
    if _known(session, one.book, one.number, f"{kind}/{serial}", serial, day, body):
        return
    mine = [(line, fen) for line, fen in one.cash if line.loan[1] in set(loans)]
    back = kind == "returned"
    if one.stage is not Stage.PAID or len(mine) != len(set(loans)) or any((k in one.returned) is back for k in loans):
        raise SubsidyBatchRefused(one.number, "只能退回已拨付的明细" if back else "只能重付已退回的明细")
    fen = sum(fen for _, fen in mine)
    if not back:
        _require_cash(session, one.book, one.loan_book, one.number, day, fen)
    reference = record(session, one.book, one.number, f"{kind}/{serial}", day, body, actor)
    fund = entries.returned(fen, fund_of(one)) if back else entries.paid_again(fen, fund_of(one))
    post(
        session,
        one,
        reference,
        day,
        narration,
        actor,
        fund,
        _received(one, [(line, -fen if back else fen) for line, fen in mine]),
    )


def _received(one: Batch, lines: Sequence[tuple[Line, int]]) -> list[Posting]:
    """Return what the bank books of money that it gets, in red if it goes back."""
    if not one.to_bank:
        return []
    found: list[Posting] = []
    for product, fen in by_product(lines).items():
        found += entries.received(fen, Dimensions(county=one.loan_book.county, product=product))
    return found


def _known(session: Session, book: Book, number: str, name: str, serial: str, day: date, body: Mapping[str, object]) -> bool:
    """Tell whether a step under a serial number is booked already.

    Raises:
        SubsidyBatchRefused: there is no serial number, or it names a step with other facts.
    """
    if not serial:
        raise SubsidyBatchRefused(number, "须有流水号")
    for taken in steps(session, [book.id]).get((book.id, number), ()):
        if taken.reference.partition("~")[0] == f"{number}/{name}":
            if (taken.value_date, dict(taken.body)) != (day, dict(body)):
                raise SubsidyBatchRefused(number, f"流水号 {serial} 已用于另一笔业务")
            return True
    return False


def _require_cash(session: Session, book: Book, loan_book: Book, number: str, day: date, fen: int) -> None:
    """Refuse what the fund's account at the bank can't pay, on the day or on any day since.

    Raises:
        SubsidyBatchRefused: it can't.
    """
    for until in (day, None):
        cash = held_there(session, book.id, entries.CASH, loan_book.bank, until)
        if fen > cash:
            raise SubsidyBatchRefused(number, f"贴息资金在该行余额 {yuan(cash)} 元，不足支付 {yuan(fen)} 元")
