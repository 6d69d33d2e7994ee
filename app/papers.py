"""Papers (单据): figures are gathered from the books here, and printed by `statements`, which knows no database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

from sqlalchemy.orm import Session

from app.wiring import LOAN_EVENTS, System
from guarantees.claims.queries import claims
from ledger.books import Book, BookKind, book_named, books
from ledger.calendar import DAY, working_days_after
from ledger.db import unit_of_work
from ledger.journal import BookCode, Side
from ledger.officers import supervisor_on
from ledger.queries import account_titles, entry_referenced, last_sequences
from ledger.sealing.chain import JOURNAL
from ledger.sealing.queries import heads
from ledger.vouchers.entries import KIND
from ledger.vouchers.queries import find_voucher
from loans.accrual import closed_seqs
from loans.contract import Contract
from loans.life import Charge, Horizon, Life
from loans.movements import LoanPaidOut, LoanTakenOver, LoanWrittenOff, PaidIn, State, SubsidyTurnedDown
from loans.products import product_name
from loans.queries import contracts_of_book, events_of
from loans.relending.funding import history
from loans.relending.queries import draws
from loans.replay import replay
from loans.subsidy.queries import batches, settled
from loans.terms import Method, StreamKind
from registry.households import Borrower, borrowers
from registry.identity import masked_name
from registry.reference import bank_names, county_names
from statements.errors import NothingToState, UnknownBank
from statements.figures import BankStatement, ChainHead, LoanSheet, StatementLine, SummaryRow, Voucher, VoucherLine
from statements.voucher import render_voucher

ISSUER = "滨州市财政局（演示）"
METHODS = {
    Method.AT_MATURITY: "利随本清",
    Method.BULLET: "按季付息到期还本",
    Method.EQUAL_PRINCIPAL: "宽限后按季等额本金",
    Method.EQUAL_INSTALMENT: "等额本息",
    Method.FIXED_PAYMENT: "固定还款额",
    Method.CUSTOM: "自定义",
}
CHARGES = {StreamKind.CONTRACT: "结息", StreamKind.PENALTY: "罚息", StreamKind.COMPOUND: "复利"}
SEALED = {JOURNAL.name: "记账凭证", LOAN_EVENTS.name: "贷款业务"}
REPLY_WITHIN_WORKING_DAYS = 10
MOST_DETAILED = 2_000
"""A statement of more loans lists them, and leaves their movements out."""
Known = Mapping[int, int]
"""The last sequence that counts, by book id."""
Line = tuple[date, str, int, int, int | None, int | None]
"""What a statement prints of a life: day, kind, principal, interest, days, 积数."""


def write_voucher(system: System, book: BookCode, reference: str, folder: Path) -> Path:
    """Write a voucher (记账凭证) as PDF and return the file.

    Raises:
        UnknownBook, UnknownEntry: there is no such book or entry.
    """
    with unit_of_work(system.engine) as session:
        figures = voucher(session, book, reference)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{book}-{figures.day:%Y%m}-{figures.word}{figures.number}.pdf"
    path.write_bytes(render_voucher(figures, system.settings.font))
    return path


def bank_statement(session: Session, bank: str, first: date, last: date, known: Known | None = None) -> BankStatement:
    """Return the figures of a bank's statement: every loan that it had in the period, over all its counties.

    `known` is the last sequence of every book that counts; none: all that is known now.
    """
    known = last_sequences(session) if known is None else known
    mine = [book for book in books(session, BookKind.LOANS) if book.bank == bank]
    if not mine:
        raise UnknownBank(bank)
    counties = county_names(session)
    sheets: list[LoanSheet] = []
    rows: list[SummaryRow] = []
    compensated = compensations(session, known)
    for book in mine:
        groups: dict[str, list[tuple[LoanSheet, tuple[int, int]]]] = {}
        for sheet, life in sheets_of(session, book, (first, last), known, compensated):
            if sheet.opening_fen or sheet.lines:
                groups.setdefault(sheet.product, []).append((sheet, _charged(life, first, last)))
        for product, members in sorted(groups.items()):
            rows.append(_summary(counties[book.county], product, members))
            sheets += [sheet for sheet, _ in members]
    if not sheets:
        raise NothingToState(bank)
    return BankStatement(
        issuer=ISSUER, bank=bank_names(session)[bank], serial=f"DZ-{bank}-{first:%Y%m%d}-{last:%Y%m%d}", first_day=first,
        last_day=last, reply_by=working_days_after(last, REPLY_WITHIN_WORKING_DAYS), summary=tuple(rows), loans=tuple(sheets),
        heads=_heads(session, {book.id for book in mine}, last), detailed=len(sheets) <= MOST_DETAILED,
        demo=any("演示" in book.name for book in mine),
    )  # fmt: skip


def sheets_of(
    session: Session, book: Book, period: tuple[date, date], known: Known, compensated: Mapping[tuple[int, int], int],
    only: Collection[str] | None = None,
) -> Iterator[tuple[LoanSheet, Life]]:  # fmt: skip
    """Yield what a statement says of the loans of a book, or of those that bear some numbers, each with its life."""
    last = period[1]
    found = [
        one for one in contracts_of_book(session, book.id)
        if one.terms.drawn_on <= last and one.id <= known[book.id] and (only is None or one.contract in only)
    ]  # fmt: skip
    happened = events_of(session, [one.key for one in found], known)
    people = borrowers(session, {(one.county, one.borrower) for one in found})
    received = settled(batches(session, [book.id], last, known))
    county = county_names(session)[book.county]
    funded = _funded(session, book, last, known)
    for one in found:
        life = replay(one.terms, [e for e in happened[one.key] if e.value_date <= last], Horizon(last, last))
        sheet = _sheet(one, life, people[(one.county, one.borrower)], county, period)
        yield replace(
            sheet, subsidy_due_fen=sheet.subsidy_due_fen - received[one.key], relending=funded.get(one.id, ""),
            compensated_fen=compensated.get(one.key, 0),
        ), life  # fmt: skip


def compensations(session: Session, known: Known) -> dict[tuple[int, int], int]:
    """Return what pools paid for loans, in fen, by loan."""
    return {(c.loan_book_id, c.loan_id): c.gov_fen for c in claims(session, known=known).values() if c.paid_on}


def _funded(session: Session, book: Book, day: date, known: Known) -> dict[int, str]:
    """Return the numbers of the draws that loans stood in at the close of a day, by loan id."""
    mine = draws(session, [book.id], known)
    found: dict[int, str] = {}
    for key, rows in history(session, mine, day).items() if mine else ():
        for row in rows:
            if row.start <= day and (row.end is None or row.end > day):
                found[row.loan_id] = f"{found[row.loan_id]} {key[1]}" if row.loan_id in found else key[1]
    return found


def _heads(session: Session, book_ids: set[int], last: date) -> tuple[ChainHead, ...]:
    """Return where the chains of entries and of loan events ended at the close of a day, in the sealed part of each book."""
    known = {book_id: seq for book_id, seq in closed_seqs(session, last).items() if book_id in book_ids}
    return tuple(
        ChainHead(book=head.book, chain=SEALED[head.chain], position=head.position, sha256=head.hash.hex())
        for head in heads(session, (JOURNAL, LOAN_EVENTS), known)
    )


def voucher(session: Session, book: BookCode, reference: str) -> Voucher:
    """Return the figures of a voucher."""
    found = book_named(session, book)
    stored = entry_referenced(session, found.id, reference)
    written = find_voucher(session, found, stored.entry.event.removeprefix("voucher/")) if stored.entry.kind == KIND else None
    titles = account_titles(session, found.id)
    lines = [
        VoucherLine(
            narration=stored.entry.narration, account=p.account, title=titles[p.account],
            debit_fen=p.fen if p.side is Side.DEBIT else 0, credit_fen=p.fen if p.side is Side.CREDIT else 0,
        )
        for p in stored.entry.postings
    ]  # fmt: skip
    return Voucher(
        book=found.name, day=stored.entry.value_date, word=stored.entry.word, number=stored.number, lines=tuple(lines),
        attachments=written.content.sheets if written else 0, maker=_person(stored.entry.maker),
        checker=_person(stored.entry.checker), poster=written.poster or "" if written else _person("system"),
        chief=supervisor_on(session, found, stored.entry.value_date) or "", demo="演示" in found.name,
    )  # fmt: skip


def _person(actor: str) -> str:
    return "系统" if actor == "system" else actor


def _sheet(contract: Contract, life: Life, person: Borrower, county: str, period: tuple[date, date]) -> LoanSheet:
    first, last = period
    moved = sorted([*interest_lines(life), *_money_lines(life)], key=lambda line: line[0])
    opening = sum(principal for day, _, principal, *_ in moved if day < first)
    balance, lines = opening, []
    for day, kind, principal, interest, days, product in moved:
        if first <= day <= last:
            balance += principal
            lines.append(
                StatementLine(
                    day=day, kind=kind, principal_fen=principal, interest_fen=interest, days=days, product_fen=product,
                    balance_fen=balance,
                )
            )  # fmt: skip
    unpaid = sum(charge.unpaid_fen for charge in life.charges)
    accruing = life.standing.state is State.ACCRUING
    final = life.instalments[-1].instalment.nominal if life.instalments else contract.terms.maturity
    bullet = contract.terms.method is Method.BULLET
    rate = int(contract.terms.rates[-1].rate_ppb)
    return LoanSheet(
        county=county, borrower=masked_name(person.name), id_number=person.id_masked, contract=contract.contract,
        product=product_name(contract.product), drawn_on=contract.terms.drawn_on, maturity=contract.terms.maturity,
        extended_to=final if bullet and final > contract.terms.maturity else None, rate_ppb=rate,
        penalty_ppb=rate * contract.terms.penalty_percent // 100, method=METHODS[contract.terms.method], opening_fen=opening,
        lines=tuple(lines), unpaid_on_fen=unpaid if accruing else 0, unpaid_off_fen=0 if accruing else unpaid,
        subsidy_due_fen=sum(charge.gov_fen for charge in life.charges),
        risk_class=life.classified(last).risk_class.label, closing_fen=balance, purpose=contract.purpose,
        subsidy_mode=_mode(contract), overdue_principal_days=_late(last, [i.instalment.due for i in life.instalments if i.left]),
        overdue_interest_days=_late(last, [c.due for c in life.charges if c.unpaid_fen > 0]),
    )  # fmt: skip


def _mode(contract: Contract) -> str:
    """Say how a loan is subsidised."""
    if not contract.terms.subsidised:
        return ""
    return "先收后贴" if contract.terms.household_first else "直贴银行"


def _late(day: date, unpaid: Sequence[date]) -> int:
    """Return how many days the oldest of some due dates lies back, none if none does."""
    return max(0, (day - min(unpaid)).days) if unpaid else 0


def _money_lines(life: Life) -> Iterator[Line]:
    for movement in life.movements:
        match movement:
            case LoanPaidOut():
                yield movement.value_date, "放款", movement.fen, 0, None, None
            case LoanTakenOver():
                yield movement.value_date, "转入", movement.principal_fen, movement.unpaid.total_fen, None, None
            case PaidIn():
                principal = movement.overdue_fen + movement.normal_fen
                if movement.paid.total_fen:
                    yield movement.value_date, "收息", 0, -movement.paid.total_fen, None, None
                if principal:
                    yield movement.value_date, "还本", -principal, 0, None, None
            case SubsidyTurnedDown():
                yield movement.value_date, "不予贴息", 0, movement.fen, None, None
            case LoanWrittenOff():
                yield movement.value_date, "核销", -movement.principal_fen, -movement.unpaid.total_fen, None, None
            case _:
                continue


def interest_lines(life: Life) -> Iterator[Line]:
    """Yield what was charged as a statement prints it: day, kind, principal, interest, days and 积数 (fen · days)."""
    for charge in life.charges:
        if charge.whole_units:
            days, product = _product(life, charge)
            yield charge.end - DAY, CHARGES[charge.kind], 0, charge.whole_fen, days, product
            if charge.gov_fen:
                yield charge.end - DAY, "应收贴息", 0, -charge.gov_fen, None, None


def _product(life: Life, charge: Charge) -> tuple[int, int]:
    """Return a charge's days, as its day count counts them, and 积数 (fen · days) from its streams."""
    read = life.terms.count_of(charge.kind).day_clock(life.terms.drawn_on)
    lines = [line for line in life.streams if line.kind is charge.kind]
    product = sum(line.base_fen * line.ticks(read, charge.start, charge.end) for line in lines)
    return read(charge.end) - read(charge.start), product


def _charged(life: Life, first: date, last: date) -> tuple[int, int]:
    """Return (borrower's, government's) interest charged in a period."""
    mine = [charge for charge in life.charges if charge.whole_units and first <= charge.end - DAY <= last]
    refused = sum(m.fen for m in life.movements if isinstance(m, SubsidyTurnedDown) and first <= m.value_date <= last)
    government = sum(charge.gov_fen for charge in mine) - refused
    return sum(charge.whole_fen for charge in mine) - government, government


def _summary(county: str, product: str, members: Sequence[tuple[LoanSheet, tuple[int, int]]]) -> SummaryRow:
    sheets = [sheet for sheet, _ in members]
    moved = [line.principal_fen for sheet in sheets for line in sheet.lines]
    return SummaryRow(
        county=county, product=product, loans=len(sheets), opening_fen=sum(sheet.opening_fen for sheet in sheets),
        disbursed_fen=sum(fen for fen in moved if fen > 0), repaid_fen=-sum(fen for fen in moved if fen < 0),
        closing_fen=sum(sheet.closing_fen for sheet in sheets), borrower_interest_fen=sum(b for _, (b, _) in members),
        government_interest_fen=sum(g for _, (_, g) in members),
    )  # fmt: skip


def whole(fen: int | Fraction) -> int:
    """Return an amount that a contract fixes as whole fen; a contract in the books never fixes another.

    Raises:
        ValueError: it is none.
    """
    if fen != int(fen):
        raise ValueError(fen)
    return int(fen)


@dataclass(frozen=True, slots=True)
class Flow:
    """Money between a loan and its borrower: fen on a day."""

    day: date
    fen: int


def disbursements(life: Life) -> list[Flow]:
    """Return what was paid out, or taken over."""
    out = [Flow(m.value_date, m.fen) for m in life.movements if isinstance(m, LoanPaidOut)]
    return out + [Flow(m.value_date, m.principal_fen) for m in life.movements if isinstance(m, LoanTakenOver)]


def repayments(life: Life) -> list[Flow]:
    """Return what was paid in of principal and interest."""
    return [Flow(m.value_date, m.paid.total_fen + m.overdue_fen + m.normal_fen) for m in life.movements if isinstance(m, PaidIn)]
