"""Lending (放贷): files of households, loans, repayments and extensions become business, and are undone."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

import guarantees.claims.queries
import registry.households
import solar.stations
from app.imports.batch import Desk, ImportRefused, Made
from app.imports.cells import Record
from app.imports.lookup import AMOUNT, CONTRACT, COUNTY, DAY, SERIAL, Lookup
from app.wiring import disbursement_checks
from ledger.books import Book, BookKind, book_named
from ledger.calendar import add_months
from ledger.journal import BookCode
from ledger.money import yuan
from loans import disbursement, renewal, servicing
from loans.applications.application import Application
from loans.applications.queries import applies
from loans.booking import Booked
from loans.contract import Contract
from loans.errors import BadTerms, EventRefused, UnknownLoan
from loans.events import (
    CostAdvanced,
    Disbursed,
    Inherited,
    LoanEvent,
    Prepayment,
    Refunded,
    Repaid,
    Restructured,
    TakenOver,
    in_effect,
)
from loans.queries import UNDONE, borrows, contracts_numbered, events_of, events_referenced, free_references
from loans.suspicions.contacts import contact_of
from loans.suspicions.dunnings import dunned
from loans.terms import Cycle, Floating, Reset
from loans.terms.rates import months_of
from registry.identity import birth_date
from registry.reference import county_code

PREPAYS = {"repaid": Prepayment.SHORTER, "smaller": Prepayment.SMALLER, "ahead": Prepayment.AHEAD}
"""What a repayment beyond the dues does, by its type in the file (提前还款方式)."""


def households(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Enrol households."""
    places = {place: county_code(session, *place) for place in {(r[COUNTY], r["识别日期"]) for r in records}}
    found = [
        registry.households.Household(
            county=places[(r[COUNTY], r["识别日期"])], number=r["建档立卡号"], village=r["村"], persons=r["人口"],
            standard=r["识别标准"], registered_on=r["识别日期"], head_name=r["户主姓名"], head_id=r["身份证号"],
            account=r["一卡通账号"],
        )
        for r in records
    ]  # fmt: skip
    fresh = registry.households.enrol(session, desk.cipher, found, desk.actor)
    return [{"county": h.county, "number": h.number} for h in fresh]


def undo_households(session: Session, _: Desk, made: Made) -> None:
    """Take households out of the register again."""
    registry.households.remove(session, [(m["county"], m["number"]) for m in made])


def loans(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Make loans, and their borrowers where they are new."""
    wanted = [application for _, application in loans_wanted(session, desk, records)]
    return made_of(disbursement.disburse(session, wanted, desk.actor, disbursement_checks()))


def loans_wanted(session: Session, desk: Desk, records: Sequence[Record]) -> list[tuple[Record, Application]]:
    """Return the loan that each row asks for, county by county; borrowers are added where they are new."""
    look = Lookup(session, records)
    by_county: dict[str, list[tuple[Record, Book]]] = {}
    for r in records:
        book = look.book(r, BookKind.LOANS, r["放款日期"])
        by_county.setdefault(book.county, []).append((r, book))
    wanted = []
    for county, rows in sorted(by_county.items()):
        people = [
            ("household" if r["建档立卡号"] else "enterprise", r["证件号码"], r["借款人"], r["建档立卡号"]) for r, _ in rows
        ]
        who = registry.households.add_borrowers(session, desk.cipher, county, people)
        wanted += [
            (r, Application(
                book=book, contract=r[CONTRACT], product=r["产品"], household=r["建档立卡号"], borrower=who[r["证件号码"]].code,
                fen=r[AMOUNT], rate_ppb=r["年利率(%)"], drawn_on=r["放款日期"], maturity=r["到期日期"], purpose=r["用途"] or "",
                first_fen=r.values.get("首次放款(元)"), renews=r.values.get("续贷原借据号"), floating=_floating(r),
                subsidised=r["贴息"] is not False, covered=r["风险补偿"] is not False,
                contact=contact_of(desk.cipher, *(r.values.get(name) for name in ("收款人", "收款账号", "联系电话"))),
                born_on=birth_date(r["证件号码"]),
            ))
            for r, book in rows
        ]  # fmt: skip
    return wanted


def repayments(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Book repayments, costs, refunds and reversals in the order of the file; repayments in a row as one batch."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    booked: list[Booked] = []
    payments: list[tuple[Contract, Repaid]] = []
    for r in records:
        contract, name = look.contract(r, r[DAY]), names[r.number]
        if r["类型"] in PREPAYS:
            payments.append((contract, Repaid(reference=name, value_date=r[DAY], fen=r[AMOUNT], prepays=PREPAYS[r["类型"]])))
            continue
        booked += servicing.repay(session, payments, desk.actor)
        payments = []
        match r["类型"]:
            case "cost":
                booked += servicing.advance_cost(session, contract, name, r[DAY], r[AMOUNT], desk.actor)
            case "refund":
                booked += servicing.refund(session, contract, name, r[DAY], r[AMOUNT], desk.actor)
            case _:
                _require_same(session, contract, name, r[AMOUNT])
                booked += servicing.reverse(session, contract, name, r[DAY], desk.actor)
    return made_of(booked + servicing.repay(session, payments, desk.actor))


def extensions(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Extend loans."""
    look = Lookup(session, records)
    names = references(session, look, records, "签订日期")
    rows = [(look.contract(r, r["签订日期"]), names[r.number], r["签订日期"], r["新到期日"], r["年利率(%)"]) for r in records]
    return made_of(servicing.extend(session, rows, desk.actor))


def drawings(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Draw further parts of loans."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    booked: list[Booked] = []
    for r in records:
        book, contract = look.book(r, BookKind.LOANS, r[DAY]), look.contract(r, r[DAY])
        event = Disbursed(reference=names[r.number], value_date=r[DAY], fen=r[AMOUNT])
        booked += disbursement.draw_more(session, book, contract, event, desk.actor, disbursement_checks())
    return made_of(booked)


def renewals(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Renew loans without repaying."""
    look = Lookup(session, records)
    booked: list[Booked] = []
    for r in records:
        day = r["放款日期"]
        old = look.contract(r, day)
        application = Application(
            book=look.book(r, BookKind.LOANS, day), contract=r["新借据号"], product=old.product, household=old.household,
            borrower=old.borrower, fen=r[AMOUNT], rate_ppb=r["年利率(%)"], drawn_on=day, maturity=r["到期日期"],
            purpose=old.purpose, born_on=registry.households.born_on(session, desk.cipher, old.county, old.borrower),
        )  # fmt: skip
        reference = free_stem(session, old.book_id, f"{r['新借据号']}/renewal", "/settled")
        booked += renewal.renew(session, old, application, reference, desk.actor)
    return made_of(booked)


def restructurings(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Restructure debts."""
    look = Lookup(session, records)
    names = references(session, look, records, "签订日期")
    booked: list[Booked] = []
    for r in records:
        event = Restructured(
            reference=names[r.number], value_date=r["签订日期"], maturity=r["新到期日"], rate_ppb=r["年利率(%)"],
            gov_ppb=r["贴息率(%)"] or 0, method=r["还款方式"], every_months=r["还款间隔(月)"], principal_from=r["延期还本至"],
        )  # fmt: skip
        booked += servicing.restructure(session, look.contract(r, r["签订日期"]), event, desk.actor)
    return made_of(booked)


def inheritances(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Pass debts to heirs, who are borrowers from then on."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    booked: list[Booked] = []
    for r in records:
        contract = look.contract(r, r[DAY])
        person = ("household", r["证件号码"], r["继承人"], r["建档立卡号"])
        who = registry.households.add_borrowers(session, desk.cipher, contract.county, [person])[r["证件号码"]]
        booked += servicing.inherit(
            session, contract, names[r.number], r[DAY], who, desk.actor, subsidised=r["继续贴息"]
        )  # fmt: skip
    return made_of(booked)


def classifications(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Class loans as people found."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    judged = [(look.contract(r, r[DAY]), names[r.number], r[DAY], r["分类"], r["理由"]) for r in records]
    return made_of(servicing.reclassify(session, judged, desk.actor))


def undo_loan_events(session: Session, desk: Desk, made: Made) -> None:
    """Reverse events newest first; a loan whose disbursement is undone keeps its row, owes nothing, and frees its borrower.

    Raises:
        ImportRefused: a reversal, or a disbursement on which a station or a claim stands.
    """
    for m in reversed(made):
        book = book_named(session, BookCode(m["book"]))
        contract = contracts_numbered(session, [m["contract"]], [book.id])[0]
        _, event = events_referenced(session, [(book.id, m["reference"])])[(book.id, m["reference"])]
        if event.kind == "reversed":
            raise ImportRefused(f"借据 {m['contract']}：冲正不能再撤销，请重新登记还款")
        begins = isinstance(event, Disbursed | TakenOver) and event == _first(session, contract)
        if begins:
            _require_nothing_on(session, contract, event)
        servicing.undo(session, contract, m["reference"], event.value_date, desk.actor)
        named = event.borrower if isinstance(event, Inherited) else contract.borrower if begins else None
        if named is not None:
            release_borrower(session, contract.county, named)


def release_borrower(session: Session, county: str, borrower: str) -> None:
    """Let go of a borrower whom no loan and no application names any more."""
    if not borrows(session, county, borrower) and not applies(session, county, borrower):
        registry.households.release_borrower(session, county, borrower)


def made_of(booked: Sequence[Booked]) -> list[dict[str, Any]]:
    """Return what an undo of events has to go by."""
    return [{"book": b.contract.book, "contract": b.contract.contract, "reference": b.event.reference} for b in booked]


def references(session: Session, look: Lookup, records: Sequence[Record], day: str) -> dict[int, str]:
    """Return what each row's event is booked under, by row number."""
    keys = {r.number: (look.contract(r, r[day]).book_id, str(r[SERIAL])) for r in records}
    free = free_references(session, keys.values())
    return {number: free[key] for number, key in keys.items()}


def free_stem(session: Session, book_id: int, stem: str, suffix: str) -> str:
    """Return what to book the events of one row under, each with a suffix: the stem, or another if this one's was undone."""

    def undone(session: Session, names: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
        asked = {(book_id, f"{name.removesuffix(UNDONE)}{suffix}{UNDONE}"): (book_id, name) for _, name in names}
        return {asked[key] for key in events_referenced(session, asked)}

    return free_references(session, [(book_id, stem)], undone)[(book_id, stem)]


def _require_same(session: Session, contract: Contract, reference: str, fen: int) -> None:
    """Refuse a reversal (冲正) of anything but this contract's payment, cost or refund of the same amount."""
    found = events_referenced(session, [(contract.book_id, reference)]).get((contract.book_id, reference))
    if found is None or found[0] != contract.id or not isinstance(found[1], Repaid | CostAdvanced | Refunded):
        raise UnknownLoan(f"{contract.contract} 的流水号 {reference}")
    if found[1].fen != fen:
        raise EventRefused(contract.contract, f"冲正金额 {yuan(fen)} 元与原业务 {yuan(found[1].fen)} 元不符")


def _floating(r: Record) -> Floating | None:
    """Return what the rate of a row's loan follows, None if it is fixed.

    Raises:
        BadTerms: a reference without a cycle, or a spread or a cycle without a reference.
    """
    reference, spread, months = r["参考利率"], r["加点(%)"], r["重定价周期(月)"]
    if reference is None and spread is None and months is None:
        return None
    if reference is None or months is None:
        raise BadTerms("浮动利率须同时填写参考利率和重定价周期")
    cycle = Cycle(anchor=add_months(r["放款日期"], months), every=months)
    term = months_of(r["放款日期"], r["到期日期"])
    return Floating(reference=reference, months=term, reset=Reset(cycle=cycle, spread_ppb=spread or 0))


def _first(session: Session, contract: Contract) -> LoanEvent | None:
    """Return the event with which a loan began."""
    return next(iter(in_effect(events_of(session, [contract.key])[contract.key])), None)


def _require_nothing_on(session: Session, contract: Contract, begun: LoanEvent) -> None:
    """Refuse to undo a loan that a station repays, a claim names, or anything else has happened to."""
    meters = solar.stations.on_loans(session, [contract.key])
    if meters:
        raise ImportRefused(f"借据 {contract.contract} 已有电站 {meters[contract.key]}，请先撤销电站")
    if dunned(session, contract.key):
        raise ImportRefused(f"借据 {contract.contract} 已有催收记录，请先撤销催收记录")
    if guarantees.claims.queries.claimed(session, *contract.key):
        raise ImportRefused(f"借据 {contract.contract} 已申请代偿，不能撤销")
    if in_effect(events_of(session, [contract.key])[contract.key]) != [begun]:
        raise ImportRefused(f"借据 {contract.contract} 已有还款、展期等业务，请先撤销这些业务的导入")
