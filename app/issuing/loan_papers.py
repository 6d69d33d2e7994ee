"""Papers about loans: figures gathered as known at a sequence of each book."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import papers
from app.issuing.question import Asked, Known
from ledger.books import Book, BookKind, book_named, books
from ledger.calendar import DAY, month_of
from ledger.journal import BookCode
from ledger.money import round_half_up
from loans.contract import Contract
from loans.events import Extended, in_effect
from loans.life import Horizon, Life
from loans.queries import contracts_of_book, events_of
from loans.replay import replay
from loans.schedule import schedule
from loans.subsidy.batch import Batch, Line, by_tier
from loans.subsidy.queries import batches
from loans.subsidy.schemes import Mode
from loans.suspicions.limitation import limitation
from loans.suspicions.tables import dunning
from loans.terms import StreamKind
from registry.households import Borrower, borrowers, counted, enrolments, villages
from registry.identity import masked_name
from registry.reference import bank_names, county_names
from statements.figures import BankStatement, LoanSheet
from statements.household import BorrowerStatement, PlannedPayment, RepaymentPlan
from statements.monthly import MigrationTable, MonthlyReport, MonthlyRow, Moved
from statements.notices import Demand, Extension, Publicity
from statements.subsidy_papers import SubsidyApproval, SubsidyLine, SubsidyList

MODES = {Mode.HOUSEHOLD_FIRST: "先收后贴", Mode.TO_BANK: "直贴银行", Mode.PREPAID: "预拨清算"}
PAY_WITHIN, BAD = timedelta(days=15), frozenset({"次级", "可疑", "损失"})


def is_demo(*mine: Book) -> bool:
    """Tell whether books hold demonstration data."""
    return any("演示" in book.name for book in mine)


def bank_statement(session: Session, asked: Asked, known: Known) -> BankStatement:
    """贷款对账单."""
    return papers.bank_statement(session, asked["bank"], asked.day("from"), asked.day("to"), known)


def borrower_statement(session: Session, asked: Asked, known: Known) -> BorrowerStatement:
    """借款人对账单: of the borrower of a contract, all loans in its book."""
    book = book_named(session, BookCode(asked["book"]))
    first, last = asked.day("from"), asked.day("to")
    who = _contract(session, book, asked, known).borrower
    mine = {one.contract for one in contracts_of_book(session, book.id) if one.borrower == who}
    given = papers.compensations(session, known)
    sheets = [sheet for sheet, _ in papers.sheets_of(session, book, (first, last), known, given, mine)]
    if not sheets:
        raise asked.refused("该期间没有贷款")
    name = sheets[0].borrower
    return BorrowerStatement(
        issuer=_bank(session, book), borrower=name, first_day=first, last_day=last, loans=tuple(sheets), demo=is_demo(book)
    )


def repayment_plan(session: Session, asked: Asked, known: Known) -> RepaymentPlan:
    """还款计划表: what the terms in force plan, and what of it is paid."""
    book, day = book_named(session, BookCode(asked["book"])), asked.day("as_of")
    contract = _contract(session, book, asked, known)
    life, person = _life(session, contract, day, known), _person(session, contract)
    sheet = _sheet(session, book, contract, day, known)
    lines = schedule(life.terms)
    lent = papers.whole(life.terms.principal_fen)
    paid, payments, left = lent - life.standing.principal_fen, [], lent
    for line in lines:
        principal = round_half_up(Fraction(line.principal))
        left -= principal
        covered = min(max(0, paid), principal)
        paid -= covered
        payments.append(
            PlannedPayment(
                number=line.number, due=line.due, principal_fen=principal,
                interest_fen=round_half_up(Fraction(line.interest - line.gov)), paid_fen=covered, left_fen=left,
            )
        )  # fmt: skip
    return RepaymentPlan(
        issuer=_bank(session, book), borrower=masked_name(person.name), id_number=person.id_masked, contract=contract.contract,
        product=sheet.product, principal_fen=lent, drawn_on=life.terms.drawn_on, maturity=life.terms.maturity,
        rate_ppb=sheet.rate_ppb, method=sheet.method, as_of=day, payments=tuple(payments), demo=is_demo(book),
    )  # fmt: skip


def demand(session: Session, asked: Asked, known: Known) -> Demand:
    """催收通知书."""
    book, day = book_named(session, BookCode(asked["book"])), asked.day("as_of")
    contract = _contract(session, book, asked, known)
    life, person, sheet = (
        _life(session, contract, day, known),
        _person(session, contract),
        _sheet(session, book, contract, day, known),
    )
    unpaid = Counter(dict.fromkeys(StreamKind, 0))
    for charge in life.charges:
        unpaid[charge.kind] += charge.unpaid_fen
    owed = life.standing.overdue_fen + unpaid.total()
    if not life.standing.days_past_due(day):
        raise asked.refused(f"借据 {contract.contract} 截至 {day} 没有逾期")
    due = max(one.instalment.nominal for one in life.instalments)
    made = session.scalars(
        select(dunning.c.day).where(dunning.c.book_id == book.id, dunning.c.loan_id == contract.id, dunning.c.day <= day)
    )
    paid = [line.day for line in papers.repayments(life)]
    return Demand(
        issuer=_bank(session, book), bank=_bank(session, book), borrower=masked_name(person.name), id_number=person.id_masked,
        contract=contract.contract, product=sheet.product, day=day, principal_fen=life.standing.principal_fen,
        overdue_fen=life.standing.overdue_fen, interest_fen=unpaid[StreamKind.CONTRACT], penalty_fen=unpaid[StreamKind.PENALTY],
        compound_fen=unpaid[StreamKind.COMPOUND], owed_fen=owed, days_past_due=life.standing.days_past_due(day),
        limitation_ends=limitation(due, list(made), paid).ends_on, pay_by=day + PAY_WITHIN, demo=is_demo(book),
    )  # fmt: skip


def extension(session: Session, asked: Asked, known: Known) -> Extension:
    """展期协议: of the last extension that a loan has."""
    book = book_named(session, BookCode(asked["book"]))
    contract = _contract(session, book, asked, known)
    made = [e for e in in_effect(events_of(session, [contract.key], known)[contract.key]) if isinstance(e, Extended)]
    if not made:
        raise asked.refused(f"借据 {contract.contract} 没有展期")
    last, person = max(made, key=lambda event: event.order), _person(session, contract)
    before = [event.maturity for event in made if event is not last]
    life = _life(session, contract, last.value_date, known)
    return Extension(
        issuer=_bank(session, book), bank=_bank(session, book), borrower=masked_name(person.name), id_number=person.id_masked,
        contract=contract.contract, principal_fen=life.standing.principal_fen, drawn_on=contract.terms.drawn_on,
        maturity=max(before, default=contract.terms.maturity), extended_to=last.maturity, rate_ppb=last.rate_ppb,
        subsidised=bool(last.gov_ppb), demo=is_demo(book),
    )  # fmt: skip


def subsidy_list(session: Session, asked: Asked, known: Known) -> SubsidyList:
    """贴息清单."""
    one = _batch(session, asked, known)
    mine = {contract.key: contract for contract in contracts_of_book(session, one.loan_book.id)}
    found = [mine[line.loan] for line in one.lines]
    people = borrowers(session, {(contract.county, contract.borrower) for contract in found})
    homes = {(contract.county, contract.household) for contract in found if contract.household}
    where, last = villages(session, homes), one.period.end - DAY
    events = events_of(session, [contract.key for contract in found], known)
    lines = []
    for line, contract in zip(one.lines, found, strict=True):
        happened = [event for event in events[contract.key] if event.value_date <= last]
        life = replay(contract.terms, happened, Horizon(last, last))
        who, home = people.get((contract.county, contract.borrower)), (contract.county, contract.household or "")
        lines.append(_subsidy_line(session, one, line, contract, life, who, where.get(home, "")))
    lines.sort(key=lambda line: (line.village, line.household, line.contract))
    payable = [(line, line.fen) for line in one.payable]
    tiers = tuple((name, fen) for name, fen in by_tier(payable).items() if name is not None)
    alone = sum(fen for name, fen in by_tier(payable).items() if name is None)
    return SubsidyList(
        issuer=papers.ISSUER, bank=_bank(session, one.loan_book), county=county_names(session)[one.loan_book.county],
        number=one.number, period=one.period.label, mode=MODES[one.mode], stage=one.stage.value, lines=tuple(lines),
        tiers=(*tiers, ("县", alone)) if tiers and alone else tiers, payable_fen=one.payable_fen,
        reclaimed_fen=one.reclaimed_fen, prepaid_fen=one.drawn_fen, demo=is_demo(one.loan_book),
    )  # fmt: skip


def subsidy_approval(session: Session, asked: Asked, known: Known) -> SubsidyApproval:
    """贴息拨付审批表."""
    one = _batch(session, asked, known)
    tiers = by_tier([(line, line.fen) for line in one.payable])
    return SubsidyApproval(
        issuer=papers.ISSUER, bank=_bank(session, one.loan_book), county=county_names(session)[one.loan_book.county],
        number=one.number, period=one.period.label, mode=MODES[one.mode], loans=len(one.accepted), rejected=len(one.rejected),
        payable_fen=one.payable_fen, reclaimed_fen=one.reclaimed_fen, prepaid_fen=one.drawn_fen, cash_fen=one.cash_fen,
        tiers=tuple((name or "县级", fen) for name, fen in tiers.items()), prepared_by=one.prepared_by,
        approved_by=one.approved_by or "", approved_on=one.approved_on, demo=is_demo(one.loan_book),
    )  # fmt: skip


def publicity(session: Session, asked: Asked, known: Known) -> Publicity:
    """公示结果证明: of a batch's list, over days and with objections as the village tells."""
    one = _batch(session, asked, known)
    county = county_names(session)[one.loan_book.county]
    return Publicity(
        issuer=f"{county}扶贫办", county=county, subject=f"{one.period.label} 贴息清单（{one.number}）",
        first_day=asked.day("from"),
        last_day=asked.day("to"), loans=len(one.accepted), fen=one.payable_fen, objections=asked.number("objections"),
        outcome=asked["outcome"], demo=is_demo(one.loan_book),
    )  # fmt: skip


def monthly(session: Session, asked: Asked, known: Known) -> MonthlyReport:
    """扶贫小额信贷月报: of the month that ends with a day."""
    last = asked.day("month_end")
    counties, banks = county_names(session), bank_names(session)
    rows, all_homes = [], set()
    mine = books(session, BookKind.LOANS)
    for book in mine:
        groups: dict[str, list[tuple[LoanSheet, Life]]] = {}
        for sheet, life in papers.sheets_of(session, book, (month_of(last), last), known, {}):
            groups.setdefault(sheet.product, []).append((sheet, life))
        homes = {one.contract: one.household for one in contracts_of_book(session, book.id)}
        for product, members in sorted(groups.items()):
            named = {(book.county, homes[sheet.contract]) for sheet, _ in members if homes[sheet.contract]}
            all_homes |= named
            rows.append(_monthly_row(counties[book.county], banks[book.bank or ""], product, members, last, len(named)))
    registered = sum(counted(session, last).values())
    return MonthlyReport(
        issuer=papers.ISSUER, month=month_of(last), last_day=last, registered=registered, borrowing=len(all_homes),
        rows=tuple(rows),
        demo=is_demo(*mine),
    )  # fmt: skip


def class_migration(session: Session, asked: Asked, known: Known) -> MigrationTable:
    """五级迁徙表: of a bank's loans between the closes of two days."""
    since, until = asked.day("from"), asked.day("to")
    mine = [book for book in books(session, BookKind.LOANS) if book.bank == asked["bank"]]
    if not mine:
        raise asked.refused(f"没有银行 {asked['bank']} 的贷款账套")
    loans: Counter[tuple[str, str]] = Counter()
    fen: Counter[tuple[str, str]] = Counter()
    for book in mine:
        before = {s.contract: s for s, _ in papers.sheets_of(session, book, (since, since), known, {})}
        for sheet, _ in papers.sheets_of(session, book, (until, until), known, {}):
            was = before.get(sheet.contract)
            if was is not None and was.closing_fen:
                move = was.risk_class, sheet.risk_class if sheet.closing_fen else "结清"
                loans[move] += 1
                fen[move] += was.closing_fen
    moves = tuple(Moved(before=one[0], after=one[1], loans=loans[one], fen=fen[one]) for one in sorted(loans))
    return MigrationTable(
        issuer=papers.ISSUER, bank=bank_names(session)[asked["bank"]], since=since, until=until, moves=moves, demo=is_demo(*mine)
    )


def covered_sheets(session: Session, county: str, bank: str, day: date, known: Known) -> Iterator[LoanSheet]:
    """Yield what the loans of a county's bank were at the close of a day."""
    for book in books(session, BookKind.LOANS):
        if (book.county, book.bank) == (county, bank):
            given = papers.compensations(session, known)
            yield from (sheet for sheet, _ in papers.sheets_of(session, book, (day, day), known, given))


def _monthly_row(
    county: str, bank: str, product: str, members: list[tuple[LoanSheet, Life]], last: date, homes: int
) -> MonthlyRow:
    sheets = [sheet for sheet, _ in members]
    out = [(line.day, line.fen) for _, life in members for line in papers.disbursements(life)]
    overdue = [s for s in sheets if s.closing_fen and max(s.overdue_principal_days, s.overdue_interest_days)]
    repaid = sum(-line.principal_fen for s in sheets for line in s.lines if line.principal_fen < 0)
    return MonthlyRow(
        county=county, bank=bank, product=product, households=homes, loans=sum(1 for s in sheets if s.closing_fen),
        lent_loans=len(sheets), lent_fen=sum(fen for _, fen in out),
        year_fen=sum(fen for day, fen in out if day.year == last.year),
        month_fen=sum(fen for day, fen in out if month_of(day) == month_of(last)), repaid_fen=repaid,
        balance_fen=sum(s.closing_fen for s in sheets), overdue_loans=len(overdue),
        overdue_fen=sum(s.closing_fen for s in overdue),
        bad_fen=sum(s.closing_fen for s in sheets if s.risk_class in BAD),
    )  # fmt: skip


def _subsidy_line(
    session: Session, one: Batch, line: Line, contract: Contract, life: Life, who: Borrower | None, village: str
) -> SubsidyLine:
    read = life.terms.count_of(StreamKind.CONTRACT).day_clock(life.terms.drawn_on)
    streams = [s for s in life.streams if s.kind is StreamKind.CONTRACT]
    product = sum(s.base_fen * s.ticks(read, one.period.start, one.period.end) for s in streams if s.gov_ppb)
    home = (contract.county, contract.household or "")
    standing = enrolments(session, [home], contract.terms.drawn_on).get(home)
    rejected = one.rejected.get(contract.id)
    in_period = [s for s in streams if s.gov_ppb and s.start < one.period.end] or streams[-1:]
    return SubsidyLine(
        town="", village=village, household=contract.household or "", borrower=masked_name(who.name) if who else "—",
        id_number=who.id_masked if who else "—", contract=contract.contract, standing=standing.standard_name if standing else "—",
        principal_fen=line.principal_fen, drawn_on=contract.terms.drawn_on, maturity=life.terms.maturity, days=line.days,
        late_days=line.late_days, product_fen=product, rate_ppb=int(in_period[-1].rate_ppb), gov_ppb=int(in_period[-1].gov_ppb),
        whole_fen=line.whole_fen, subsidy_fen=line.fen, flags="、".join(line.flags),
        verdict=rejected.reason if rejected else "通过",
    )  # fmt: skip


def _batch(session: Session, asked: Asked, known: Known) -> Batch:
    book = book_named(session, BookCode(asked["book"]))
    found = [one for one in batches(session, [book.id], None, known) if one.number == asked["number"]]
    if not found:
        raise asked.refused(f"{book.code} 没有贴息批次 {asked['number']}")
    return found[0]


def _contract(session: Session, book: Book, asked: Asked, known: Known) -> Contract:
    found = [one for one in contracts_of_book(session, book.id) if one.contract == asked["contract"] and one.id <= known[book.id]]
    if not found:
        raise asked.refused(f"{book.code} 没有借据 {asked['contract']}")
    return found[0]


def _sheet(session: Session, book: Book, contract: Contract, day: date, known: Known) -> LoanSheet:
    sheets = papers.sheets_of(session, book, (day, day), known, {}, {contract.contract})
    return next(sheet for sheet, _ in sheets)


def _life(session: Session, contract: Contract, day: date, known: Known) -> Life:
    happened = events_of(session, [contract.key], known)[contract.key]
    return replay(contract.terms, [event for event in happened if event.value_date <= day], Horizon(day, day))


def _person(session: Session, contract: Contract) -> Borrower:
    return borrowers(session, [(contract.county, contract.borrower)])[(contract.county, contract.borrower)]


def _bank(session: Session, book: Book) -> str:
    return bank_names(session)[book.bank or ""]
