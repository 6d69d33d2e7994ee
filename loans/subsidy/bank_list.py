"""The bank's own list (银行贴息清单) of a period beside ours: every difference, and what most likely causes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.money import round_half_up, yuan
from loans.contract import Contract
from loans.errors import SubsidyBatchRefused
from loans.events import LoanEvent, Repaid, in_effect
from loans.queries import contracts, contracts_numbered, events_of
from loans.subsidy.batch import Line, Stage
from loans.subsidy.periods import Period
from loans.subsidy.preparation import draft
from loans.subsidy.queries import batches
from loans.subsidy.schemes import Mode
from loans.subsidy.tables import bank_line
from loans.terms import interest_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """What a bank states of one loan for a period: principal at its end, contract interest, subsidy asked (fen), days overdue."""

    contract: str
    principal_fen: int
    interest_fen: int
    subsidy_fen: int
    late_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of one loan that differs, as the bank has it and as we have it, and the likely cause."""

    contract: str
    what: str
    bank: str
    ours: str
    cause: str


def take(session: Session, book: Book, loan_book: Book, label: str, lines: Sequence[BankLine], actor: str) -> list[BankLine]:
    """Take lines of a bank's list of a period and return those that are new; one that is there stays as it is.

    Raises:
        SubsidyBatchRefused: a contract is on the list already with other figures, or a figure is below zero.
    """
    known = {line.contract: line for line in listed(session, loan_book, label)}
    before = set(known)
    for line in lines:
        if min(line.principal_fen, line.interest_fen, line.late_days) < 0:
            raise SubsidyBatchRefused(label, f"借据 {line.contract} 的本金、利息和逾期天数不得为负")
        if known.setdefault(line.contract, line) != line:
            raise SubsidyBatchRefused(label, f"借据 {line.contract} 已列入该行此期清单，数字不同")
    fresh = [line for name, line in known.items() if name not in before]
    if fresh:
        session.execute(
            insert(bank_line).inline(),
            [
                {
                    "book_id": book.id, "loan_book_id": loan_book.id, "label": label, "contract": line.contract,
                    "principal_fen": line.principal_fen, "interest_fen": line.interest_fen, "subsidy_fen": line.subsidy_fen,
                    "late_days": line.late_days, "actor": actor,
                }
                for line in fresh
            ],
        )  # fmt: skip
    return fresh


def forget(session: Session, loan_book: Book, label: str, names: Sequence[str]) -> None:
    """Take lines off a bank's list again."""
    mine = (bank_line.c.loan_book_id == loan_book.id) & (bank_line.c.label == label) & bank_line.c.contract.in_(names)
    session.execute(delete(bank_line).where(mine))


def listed(session: Session, loan_book: Book, label: str) -> list[BankLine]:
    """Return a bank's list of a period, in order of contract numbers."""
    columns = [bank_line.c[name] for name in ("contract", "principal_fen", "interest_fen", "subsidy_fen", "late_days")]
    mine = (bank_line.c.loan_book_id == loan_book.id) & (bank_line.c.label == label)
    return [BankLine(**row._asdict()) for row in session.execute(select(*columns).where(mine).order_by(bank_line.c.contract))]


def differences(session: Session, book: Book, loan_book: Book, mode: Mode, label: str) -> list[Difference]:
    """Return what differs between a bank's list and our batch of the period (or the draft of one), with likely causes.

    Raises:
        SubsidyBatchRefused: the bank gave no list, or nothing is owed by our books.
    """
    theirs = {line.contract: line for line in listed(session, loan_book, label)}
    if not theirs:
        raise SubsidyBatchRefused(label, "尚未导入该行此期的清单")
    period, lines = _ours(session, book, loan_book, mode, label)
    found = contracts(session, [line.loan for line in lines])
    ours = {found[line.loan].contract: (found[line.loan], line) for line in lines}
    happened = events_of(session, found)
    known = {contract.contract for contract in contracts_numbered(session, list(theirs), {loan_book.id})}
    made: list[Difference] = []
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in ours:
            cause = "本期无应贴息：已还清、不在贴息范围或已在前期列报" if name in known else "本系统无此借据"
            made.append(_missing(name, yuan(theirs[name].subsidy_fen), "—", cause))
        elif name not in theirs:
            made.append(_missing(name, "—", yuan(ours[name][1].fen), "银行清单漏列"))
        else:
            contract, line = ours[name]
            made += compared(contract, line, theirs[name], period, happened[contract.key])
    return made


def compared(
    contract: Contract, line: Line, theirs: BankLine, period: Period, events: Sequence[LoanEvent]
) -> Iterator[Difference]:
    """Yield what differs of one loan."""
    figures = (
        ("本金余额", theirs.principal_fen, line.principal_fen, _of_principal(theirs, line, events)),
        ("合同利息", theirs.interest_fen, line.whole_fen, _of_interest(contract, line, theirs, period)),
        ("贴息金额", theirs.subsidy_fen, line.fen, _of_subsidy(line, theirs)),
    )
    for what, bank, our, cause in figures:
        if bank != our:
            yield Difference(contract=contract.contract, what=what, bank=yuan(bank), ours=yuan(our), cause=cause)
    if theirs.late_days != line.late_days:
        cause = "银行未剔除逾期天数" if theirs.late_days < line.late_days else "还款日期或到期日不一致"
        days = (str(theirs.late_days), str(line.late_days))
        yield Difference(contract=contract.contract, what="逾期天数", bank=days[0], ours=days[1], cause=cause)


def _ours(session: Session, book: Book, loan_book: Book, mode: Mode, label: str) -> tuple[Period, tuple[Line, ...]]:
    mine = [one for one in batches(session, [loan_book.id]) if one.period.label == label and one.mode is mode]
    live = [one for one in mine if one.stage is not Stage.CANCELLED]
    if live:
        return live[0].period, tuple(line for one in live for line in one.lines)
    made = draft(session, book, loan_book, mode, label)
    return made.period, made.lines


def _missing(contract: str, bank: str, ours: str, cause: str) -> Difference:
    return Difference(contract=contract, what="明细", bank=bank, ours=ours, cause=cause)


def _of_principal(theirs: BankLine, line: Line, events: Sequence[LoanEvent]) -> str:
    apart = theirs.principal_fen - line.principal_fen
    paid = [event for event in in_effect(events) if isinstance(event, Repaid) and event.fen >= abs(apart)]
    if apart > 0 and paid:
        return f"银行未反映 {paid[-1].value_date} 还款 {yuan(paid[-1].fen)} 元"
    return "银行少记还款" if apart > 0 else f"银行已收 {yuan(-apart)} 元本金，本系统尚未录入"


def _of_interest(contract: Contract, line: Line, theirs: BankLine, period: Period) -> str:
    """Return why a bank's interest differs, by trying what banks do otherwise."""
    apart, base = theirs.interest_fen - line.whole_fen, max(line.principal_fen, theirs.principal_fen)
    rate, year = int(contract.terms.rate_on(period.end).rate_ppb), contract.terms.day_count.year

    def days(count: int) -> int:
        return round_half_up(interest_fen(base * rate * count, year))

    tried = (
        (abs(apart) <= 1, "四舍五入"),
        (bool(line.late_days) and abs(apart - days(line.late_days)) <= 1, f"银行将逾期 {line.late_days} 天计入合同利息"),
        (abs(abs(apart) - days(1)) <= 1, "计息天数相差一天（算头又算尾，或结息日归属不同）"),
        (abs(theirs.interest_fen - round_half_up(Fraction(line.whole_fen * year, 365))) <= 1, "银行按一年 365 天计息"),
        (abs(theirs.interest_fen - round_half_up(Fraction(line.whole_fen * year, 366))) <= 1, "银行按一年 366 天计息"),
        (theirs.principal_fen != line.principal_fen, "本金余额不一致"),
    )
    return next((cause for holds, cause in tried if holds), "利率或计息期不一致，待查")


def _of_subsidy(line: Line, theirs: BankLine) -> str:
    tried = (
        (abs(theirs.subsidy_fen - line.fen) <= 1, "四舍五入"),
        (any("结转" in flag for flag in line.flags), "本系统含上期结转"),
        (line.fen < 0, "本系统为追回"),
        (theirs.subsidy_fen == theirs.interest_fen != line.whole_fen, "随合同利息的差异"),
        (theirs.subsidy_fen == theirs.interest_fen, "银行按全额贴息，未按贴息标准"),
    )
    return next((cause for holds, cause in tried if holds), "贴息标准不一致，待查")
