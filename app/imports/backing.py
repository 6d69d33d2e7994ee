"""Backing (资金、光伏、代偿): files of what stands behind the loans become business, and are undone where they can be."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

import guarantees.claims
import guarantees.claims.queries
from app.imports.batch import Desk, ImportRefused, Made
from app.imports.cells import Record
from app.imports.lookup import AMOUNT, BANK, CONTRACT, DAY, SERIAL, Lookup
from guarantees import funds
from guarantees.claims import papers
from guarantees.claims.claim import Claim
from guarantees.claims.queries import claim_numbered
from guarantees.errors import ClaimRefused
from guarantees.queries import pool_at
from ledger.books import BookKind, book_named
from ledger.journal import BookCode
from ledger.money import yuan
from ledger.reversal import FILE_UNDONE
from loans.contract import Contract
from loans.errors import UnknownLoan
from registry.identity import masked_account
from solar import metering, settlement
from solar import stations as plants
from solar.errors import SettlementRefused, StationRefused
from solar.tables import station

OLD = "此批次由旧版本导入，没有记下可撤销的内容"


def fund_receipts(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Book what the budget paid in."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        one = funds.FundReceipt(
            book=look.book(r, r["资金"], r[DAY]), bank=r[BANK], serial=r[SERIAL], received_on=r[DAY], fen=r[AMOUNT],
            narration=r["摘要"] or "",
        )  # fmt: skip
        for reference in funds.contribute(session, [one], desk.actor):
            made.append({"book": one.book.code, "reference": reference, "day": one.received_on.isoformat()})
    return made


def undo_fund_receipts(session: Session, desk: Desk, made: Made) -> None:
    """Reverse receipts in red, book by book."""
    for code in sorted({m["book"] for m in made}):
        references = [(m["reference"], date.fromisoformat(m["day"])) for m in made if m["book"] == code]
        funds.withdraw(session, book_named(session, BookCode(code)), references, desk.actor, FILE_UNDONE)


def stations(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Register stations, households' with their loans and villages'."""
    look = Lookup(session, records)
    wanted = [_station(look, desk, r) for r in records]
    return [{"book_id": one.book.id, "meter": one.meter} for one in plants.register(session, wanted)]


def _station(look: Lookup, desk: Desk, r: Record) -> plants.Station:
    if bool(r[BANK]) != bool(r[CONTRACT]):
        raise StationRefused(r["电表号"], "银行代码和借据号须同时填写或同时留空")
    loan = look.contract(r, r["并网日期"]) if r[CONTRACT] else None
    percent, account = r["还贷比例(%)"], r["收款账号"]
    return plants.Station(
        book=look.book(r, BookKind.SOLAR, r["并网日期"]), meter=r["电表号"], household=r["建档立卡号"],
        loan_book_id=loan.book_id if loan else 0, loan_id=loan.id if loan else 0, watts=int(r["容量(kW)"] * 1000),
        connected_on=r["并网日期"], loan_percent=percent if percent is not None else 85 if loan else 0,
        kind=r["类型"] or plants.StationKind.HOUSEHOLD, owner=r["产权人"], tariff=r["电价类别"],
        first_register=r["起始示数(kWh)"] or Decimal(0),
        account=desk.cipher.hide(account, masked_account(account)) if account else None,
    )  # fmt: skip


def undo_stations(session: Session, _: Desk, made: Made) -> None:
    """Take stations out of the register again.

    Raises:
        ImportRefused: one of them has readings.
    """
    used = session.scalar(
        text("SELECT meter FROM solar.reading WHERE meter = ANY(:meters) LIMIT 1"),
        {"meters": [m["meter"] for m in made]},
    )
    if used is not None:
        raise ImportRefused(f"电站 {used} 已有发电记录，不能撤销")
    for m in made:
        session.execute(delete(station).where(station.c.book_id == m["book_id"], station.c.meter == m["meter"]))


def settlements(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Book meter readings, and the cash of the rows that bring any."""
    known_as = plants.swapped_meters(session, [r["电表号"] for r in records])
    meters = [known_as.get(r["电表号"], r["电表号"]) for r in records]
    readings, receipts = [], []
    for r, meter in zip(records, meters, strict=True):
        reading, receipt = _reading(r, meter), _receipt(r, meter)
        if reading is None and receipt is None:
            raise SettlementRefused(meter, "既没有电量或表底示数，也没有到账")
        readings += [reading] if reading else []
        receipts += [receipt] if receipt else []
    fresh = metering.read(session, readings, desk.actor)
    cash = settlement.receive(session, receipts)
    return [
        *({"meter": one.meter, "read": one.month.isoformat(), "version": one.version} for one in fresh),
        *({"meter": one.meter, "received": one.reference} for one in cash),
    ]


def undo_settlements(session: Session, desk: Desk, made: Made) -> None:
    """Take cash back, then readings."""
    if any("month" in m for m in made):
        raise ImportRefused(OLD)
    settlement.undo_receipts(session, [(m["meter"], m["received"]) for m in made if "received" in m], desk.actor)
    readings = [(m["meter"], date.fromisoformat(m["read"]), m.get("version")) for m in made if "read" in m]
    metering.undo(session, readings, desk.actor)


def claims(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    """Take claims one step on, in the order of the file."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        one = _take_step(session, look.contract(r, r[DAY]), r)
        if one is not None:
            made.append({"book_id": one.pool.book.id, "claim": one.number, "step": one.last_step})
    return made


def undo_claims(session: Session, desk: Desk, made: Made) -> None:
    """Take claims back step by step, newest first."""
    if any("book_id" not in m for m in made):
        raise ImportRefused(OLD)
    for m in reversed(made):
        key = (m["book_id"], m["claim"])
        one = guarantees.claims.queries.claims(session, [key])[key]
        guarantees.claims.undo(session, one, m["step"], desk.actor)


def claim_papers(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Lodge papers of claims."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        contract = look.contract(r, r[DAY])
        pool = pool_at(session, contract.county, contract.bank)
        one = papers.Paper(paper=r["材料"], day=r[DAY], sha256=r["SHA-256"], pages=r["页数"])
        for reference in papers.lodge(session, pool, contract, [one], desk.actor):
            made.append({"book_id": pool.book.id, "paper": reference})
    return made


def undo_claim_papers(session: Session, desk: Desk, made: Made) -> None:
    """Take papers back, in red."""
    for m in made:
        papers.undo(session, m["book_id"], m["paper"], desk.actor)


def _reading(r: Record, meter: str) -> metering.Reading | None:
    """Return what a settlement's row says was read, or None if it says nothing of it.

    Raises:
        SettlementRefused: a reading without its month.
    """
    kwh, register = r["上网电量(kWh)"], r["表底示数(kWh)"]
    if kwh is None and register is None:
        return None
    if r["月份"] is None:
        raise SettlementRefused(meter, "电量须写明月份")
    return metering.Reading(
        meter=meter, month=r["月份"], kwh=kwh, register=register,
        coal_fen=r["标杆电费(元)"], subsidy_fen=r["国家补贴(元)"], estimated=bool(r["估算"]), corrects=bool(r["更正"]),
    )  # fmt: skip


def _receipt(r: Record, meter: str) -> settlement.Receipt | None:
    """Return the cash of a settlement's row, or None if it brings none.

    Raises:
        SettlementRefused: serial number, date or amount is missing while another of them is there.
    """
    coal, subsidy = r["到账标杆电费(元)"] or 0, r["到账国家补贴(元)"] or 0
    given = (bool(r[SERIAL]), r["到账日期"] is not None, coal + subsidy > 0)
    if not any(given):
        return None
    if not all(given):
        raise SettlementRefused(meter, "到账须同时填写流水号、到账日期和金额")
    return settlement.Receipt(
        meter=meter, month=r["月份"], reference=r[SERIAL], received_on=r["到账日期"], coal_fen=coal, subsidy_fen=subsidy
    )


def _take_step(session: Session, contract: Contract, r: Record) -> Claim | None:
    """Take one step of a claim; return the claim as it is then if the step is new."""
    day, actor = r[DAY], r["经办人"]
    one = _claim(session, contract, r["代偿编号"])
    if r["环节"] == "file":
        filed = guarantees.claims.file(session, contract, r["代偿编号"], day, actor)
        _require_amount(filed, r)
        return None if one is not None and filed.steps == one.steps else filed
    if one is None or one.loan != contract.key:
        raise UnknownLoan(f"{r[CONTRACT]} 的代偿 {r['代偿编号']}")
    _require_amount(one, r)
    return _claim(session, contract, one.number) if _go_on(session, one, r) else None


def _go_on(session: Session, one: Claim, r: Record) -> bool:
    """Take a step of a claim that is filed; tell whether it is new."""
    day, actor, why = r[DAY], r["经办人"], r["理由"] or ""
    match r["环节"]:
        case "check" | "return":
            guarantees.claims.check(session, one, day, actor, passes=r["环节"] == "check", note=why)
        case "approve":
            guarantees.claims.approve(session, one, day, actor)
        case "pay":
            guarantees.claims.pay(session, one, day, actor)
        case "cancel":
            guarantees.claims.cancel(session, one, day, actor, why)
        case "pass":
            return guarantees.claims.pass_on(session, one, r[SERIAL] or "", day, r[AMOUNT] or 0, actor)
        case _:
            guarantees.claims.write_off(session, one, day, actor)
    return True


def _require_amount(one: Claim, r: Record) -> None:
    """Refuse an amount beside a step that is not what the claim comes to; a recovery passed on bears its own."""
    if r["环节"] not in ("pass", "write_off") and r[AMOUNT] not in (None, one.gov_fen):
        raise ClaimRefused(one.number, f"申报 {yuan(r[AMOUNT])} 元，代偿金额为 {yuan(one.gov_fen)} 元")


def _claim(session: Session, contract: Contract, number: str) -> Claim | None:
    """Return the claim of this number in the pool that covers a loan's county and bank."""
    return claim_numbered(session, pool_at(session, contract.county, contract.bank), number)
