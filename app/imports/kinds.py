"""The kinds of file: what each column means and which verb takes the rows. One importer per kind, listed at the end."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NoReturn

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

import guarantees.claims
import guarantees.queries
import registry.households
from app.imports.batch import Desk, Importer, ImportRefused, Made
from app.imports.cells import (
    Column,
    Record,
    any_id_cell,
    date_cell,
    fen_cell,
    month_cell,
    number_cell,
    one_of,
    percent_ppb_cell,
    person_id_cell,
    text_cell,
    whole_cell,
    zero_or_more_fen_cell,
)
from app.wiring import disbursement_checks
from guarantees import entries as guarantee_entries
from ledger.books import Book, BookKind, book_named, fund_book_code, loan_book_code
from ledger.journal import BookCode, Dimensions, JournalEntry
from ledger.money import yuan
from ledger.posting import post_many
from ledger.queries import free_reference
from ledger.reversal import reverse as reverse_entry
from loans import disbursement, relending, servicing
from loans.contract import Contract
from loans.errors import EventRefused, UnknownLoan
from loans.events import CostAdvanced, Refunded, Repaid
from loans.products import products
from loans.queries import contracts_numbered, events_referenced, free_references
from registry.reference import county_code
from solar import settlement, stations
from solar.tables import station

COUNTY, BANK, CONTRACT, SERIAL, DAY, AMOUNT = "县区", "银行代码", "借据号", "流水号", "日期", "金额(元)"


class _Lookup:
    """Finds books and contracts once per file."""

    def __init__(self, session: Session, records: Sequence[Record]) -> None:
        self.session = session
        self._books: dict[tuple[object, ...], Book] = {}
        numbers = {str(r[CONTRACT]) for r in records if r.values.get(CONTRACT)}
        self._contracts: dict[tuple[int, str], Contract] = {}
        if numbers:
            self._contracts = {(c.book_id, c.contract): c for c in contracts_numbered(session, sorted(numbers))}

    def book(self, record: Record, kind: BookKind, day: date) -> Book:
        key = (kind, record[COUNTY], record.values.get(BANK), day)
        if key not in self._books:
            county = county_code(self.session, record[COUNTY], day)
            code = loan_book_code(county, record[BANK]) if kind is BookKind.LOANS else fund_book_code(kind, county)
            self._books[key] = book_named(self.session, code)
        return self._books[key]

    def contract(self, record: Record, day: date) -> Contract:
        book = self.book(record, BookKind.LOANS, day)
        found = self._contracts.get((book.id, record[CONTRACT]))
        if found is None:
            raise UnknownLoan(record[CONTRACT])
        return found


def _households(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    places = {place: county_code(session, *place) for place in {(r[COUNTY], r["识别日期"]) for r in records}}
    found = [
        registry.households.Household(
            county=places[(r[COUNTY], r["识别日期"])], number=r["建档立卡号"], village=r["村"], persons=r["人口"],
            standard=r["识别标准"], registered_on=r["识别日期"], head_name=r["户主姓名"], head_id=r["身份证号"],
            account=r["一卡通账号"],
        )
        for r in records
    ]  # fmt: skip
    registry.households.enrol(session, desk.cipher, found, desk.actor)
    return [{"county": h.county, "number": h.number} for h in found]


def _undo_households(session: Session, _: Desk, made: Made) -> None:
    registry.households.remove(session, [(m["county"], m["number"]) for m in made])


def _loans(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    by_county: dict[str, list[tuple[Record, Book]]] = {}
    for r in records:
        book = look.book(r, BookKind.LOANS, r["放款日期"])
        by_county.setdefault(book.county, []).append((r, book))
    applications = []
    for county, rows in sorted(by_county.items()):
        people = [
            ("household" if r["建档立卡号"] else "enterprise", r["证件号码"], r["借款人"], r["建档立卡号"]) for r, _ in rows
        ]
        who = registry.households.add_borrowers(session, desk.cipher, county, people)
        applications += [
            disbursement.Application(
                book=book, contract=r[CONTRACT], product=r["产品"], household=r["建档立卡号"], borrower=who[r["证件号码"]].code,
                fen=r[AMOUNT], rate_ppb=r["年利率(%)"], drawn_on=r["放款日期"], maturity=r["到期日期"], purpose=r["用途"] or "",
            )
            for r, book in rows
        ]  # fmt: skip
    booked = disbursement.disburse(session, applications, desk.actor, disbursement_checks())
    return [_made(one.contract, one.event.reference) for one in booked]


def _repayments(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    names = _references(session, look, records, DAY)
    made: Made = []
    payments: list[tuple[Contract, Repaid]] = []
    for r in records:
        contract = look.contract(r, r[DAY])
        match r["类型"]:
            case "repaid":
                payments.append((contract, Repaid(reference=names[r.number], value_date=r[DAY], fen=r[AMOUNT])))
                continue
            case "cost":
                booked = servicing.advance_cost(session, contract, names[r.number], r[DAY], r[AMOUNT], desk.actor)
            case "refund":
                booked = servicing.refund(session, contract, names[r.number], r[DAY], r[AMOUNT], desk.actor)
            case _:
                _require_same(session, contract, names[r.number], r[AMOUNT])
                booked = servicing.reverse(session, contract, names[r.number], r[DAY], desk.actor)
        made += [_made(one.contract, one.event.reference) for one in booked]
    booked = servicing.repay(session, payments, desk.actor)
    return made + [_made(one.contract, one.event.reference) for one in booked]


def _extensions(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    names = _references(session, look, records, "签订日期")
    rows = [(look.contract(r, r["签订日期"]), names[r.number], r["签订日期"], r["新到期日"], r["年利率(%)"]) for r in records]
    return [_made(one.contract, one.event.reference) for one in servicing.extend(session, rows, desk.actor)]


def _undo_loan_events(session: Session, desk: Desk, made: Made) -> None:
    """Reverse events newest first; a loan whose disbursement is undone keeps its row and owes nothing."""
    for m in reversed(made):
        book = book_named(session, BookCode(m["book"]))
        contract = contracts_numbered(session, [m["contract"]], [book.id])[0]
        _, event = events_referenced(session, [(book.id, m["reference"])])[(book.id, m["reference"])]
        if event.kind == "reversed":
            raise ImportRefused(f"借据 {m['contract']}：冲正不能再撤销，请重新登记还款")
        servicing.undo(session, contract, m["reference"], event.value_date, desk.actor)


def _fund_receipts(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    made = []
    for r in records:
        book = look.book(r, r["资金"], r[DAY])
        dims = Dimensions(county=book.county, bank=r[BANK])
        made.append(
            JournalEntry(
                book=book.code, reference=free_reference(session, book.id, f"fund/{r[SERIAL]}"),
                kind="fund.contributed", value_date=r[DAY],
                narration=r["摘要"] or "财政拨入专项资金", maker=desk.actor,
                postings=guarantee_entries.contributed(r[AMOUNT], dims),
            )
        )  # fmt: skip
    post_many(session, made)
    return [{"book": entry.book, "reference": entry.reference, "day": entry.value_date.isoformat()} for entry in made]


def _undo_fund_receipts(session: Session, desk: Desk, made: Made) -> None:
    for m in made:
        reverse_entry(session, BookCode(m["book"]), m["reference"], date.fromisoformat(m["day"]), desk.actor, "撤销导入")


def _relending(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    wanted = [
        relending.Draw(
            book=look.book(r, BookKind.LOANS, r["借款日"]), number=r["借款编号"], fen=r[AMOUNT], rate_ppb=r["年利率(%)"],
            drawn_on=r["借款日"], due_on=r["到期日"],
        )
        for r in records if r["类型"] == "drawn"
    ]  # fmt: skip
    relending.draw(session, wanted, desk.actor)
    known = {(one.book.id, one.number): one for one in relending.draws(session)}
    for r in records:
        if r["类型"] == "extended":
            book = look.book(r, BookKind.LOANS, r["借款日"])
            if (book.id, r["借款编号"]) not in known:
                raise UnknownLoan(r["借款编号"])
            relending.extend(session, known[(book.id, r["借款编号"])], r["借款日"], r["到期日"], desk.actor)
    return [{"book": one.book.code, "number": one.number} for one in wanted]


def _stations(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    wanted = []
    for r in records:
        loan = look.contract(r, r["并网日期"])
        wanted.append(
            stations.Station(
                book=look.book(r, BookKind.SOLAR, r["并网日期"]), meter=r["电表号"], household=r["建档立卡号"],
                loan_book_id=loan.book_id, loan_id=loan.id, watts=int(r["容量(kW)"] * 1000), connected_on=r["并网日期"],
                loan_percent=r["还贷比例(%)"],
            )
        )  # fmt: skip
    stations.register(session, wanted)
    return [{"book_id": one.book.id, "meter": one.meter} for one in wanted]


def _undo_stations(session: Session, _: Desk, made: Made) -> None:
    used = session.scalar(
        text("SELECT meter FROM solar.reading WHERE meter = ANY(:meters) LIMIT 1"),
        {"meters": [m["meter"] for m in made]},
    )
    if used is not None:
        raise ImportRefused(f"电站 {used} 已有发电记录，不能撤销")
    for m in made:
        session.execute(delete(station).where(station.c.book_id == m["book_id"], station.c.meter == m["meter"]))


def _settlements(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    settlement.read(
        session,
        [
            settlement.Reading(
                meter=r["电表号"],
                month=r["月份"],
                kwh=r["上网电量(kWh)"],
                coal_fen=r["标杆电费(元)"],
                subsidy_fen=r["国家补贴(元)"],
            )
            for r in records
        ],
    )
    receipts = [
        settlement.Receipt(
            meter=r["电表号"], month=r["月份"], reference=r[SERIAL], received_on=r["到账日期"],
            coal_fen=r["到账标杆电费(元)"] or 0, subsidy_fen=r["到账国家补贴(元)"] or 0,
        )
        for r in records if r[SERIAL] and r["到账日期"]
    ]  # fmt: skip
    settlement.receive(session, receipts)
    return [{"meter": r["电表号"], "month": r["月份"].isoformat()} for r in records]


def _claims(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    look = _Lookup(session, records)
    for r in records:
        contract = look.contract(r, r[DAY])
        actor = r["经办人"]
        if r["环节"] == "file":
            guarantees.claims.file(session, contract, r["代偿编号"], r[DAY], actor)
            continue
        found = [c for (_, number), c in guarantees.queries.claims(session).items() if number == r["代偿编号"]]
        if not found or (found[0].loan_book_id, found[0].loan_id) != contract.key:
            raise UnknownLoan(f"{r[CONTRACT]} 的代偿 {r['代偿编号']}")
        match r["环节"]:
            case "approve":
                guarantees.claims.approve(session, found[0], r[DAY], actor)
            case "pay":
                guarantees.claims.pay(session, found[0], r[DAY], actor)
            case "cancel":
                guarantees.claims.cancel(session, found[0], r[DAY], actor)
            case "pass":
                guarantees.claims.pass_on(session, found[0], r[SERIAL] or "", r[DAY], r[AMOUNT] or 0, actor)
            case _:
                guarantees.claims.write_off(session, found[0], r[DAY], actor)
    return [{"claim": r["代偿编号"], "step": r["环节"]} for r in records]


def _not_as_a_whole(what: str) -> Callable[[Session, Desk, Made], NoReturn]:
    def refuse(_: Session, __: Desk, ___: Made) -> NoReturn:
        raise ImportRefused(f"{what}一经登记即影响其他账套，不能整批撤销，请逐笔更正")

    return refuse


def _made(contract: Contract, reference: str) -> dict[str, Any]:
    return {"book": contract.book, "contract": contract.contract, "reference": reference}


def _references(session: Session, look: _Lookup, records: Sequence[Record], day: str) -> dict[int, str]:
    """Return what each row's event is booked under, by row number."""
    keys = {r.number: (look.contract(r, r[day]).book_id, str(r[SERIAL])) for r in records}
    free = free_references(session, keys.values())
    return {number: free[key] for number, key in keys.items()}


def _require_same(session: Session, contract: Contract, reference: str, fen: int) -> None:
    """Refuse a reversal (冲正) of anything but this contract's payment, cost or refund of the same amount."""
    found = events_referenced(session, [(contract.book_id, reference)]).get((contract.book_id, reference))
    if found is None or found[0] != contract.id or not isinstance(found[1], Repaid | CostAdvanced | Refunded):
        raise UnknownLoan(f"{contract.contract} 的流水号 {reference}")
    if found[1].fen != fen:
        raise EventRefused(contract.contract, f"冲正金额 {yuan(fen)} 元与原业务 {yuan(found[1].fen)} 元不符")


_PRODUCTS = {name: product.code for product in products() for name in (product.name, product.code)}
_PLACE = (Column(COUNTY, text_cell), Column(BANK, text_cell))
_LOAN = (*_PLACE, Column(CONTRACT, text_cell))

_ALL = (
    Importer(
        kind="households", title="建档立卡户", unique=("建档立卡号",), apply=_households, undo=_undo_households,
        columns=(
            Column(COUNTY, text_cell), Column("建档立卡号", text_cell), Column("村", text_cell), Column("户主姓名", text_cell),
            Column("身份证号", person_id_cell), Column("人口", whole_cell),
            Column("识别标准", one_of({"国家": "national", "市定": "city"})), Column("识别日期", date_cell),
            Column("一卡通账号", text_cell, required=False),
        ),
    ),
    Importer(
        kind="loans", title="贷款发放", unique=(COUNTY, BANK, CONTRACT), apply=_loans, undo=_undo_loan_events,
        columns=(
            *_LOAN, Column("产品", one_of(_PRODUCTS)), Column("借款人", text_cell), Column("证件号码", any_id_cell),
            Column("建档立卡号", text_cell, required=False), Column(AMOUNT, fen_cell), Column("年利率(%)", percent_ppb_cell),
            Column("放款日期", date_cell), Column("到期日期", date_cell), Column("用途", text_cell, required=False),
        ),
    ),
    Importer(
        kind="repayments", title="还款", unique=(COUNTY, BANK, SERIAL, "类型"), apply=_repayments, undo=_undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, text_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell),
            Column("类型", one_of({"还款": "repaid", "冲正": "reversed", "垫付费用": "cost", "退款": "refund"})),
        ),
    ),
    Importer(
        kind="extensions", title="展期", unique=(COUNTY, BANK, SERIAL), apply=_extensions, undo=_undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, text_cell), Column("签订日期", date_cell), Column("新到期日", date_cell),
            Column("年利率(%)", percent_ppb_cell),
        ),
    ),
    Importer(
        kind="fund-receipts", title="资金到账", unique=(COUNTY, SERIAL), apply=_fund_receipts, undo=_undo_fund_receipts,
        columns=(
            *_PLACE, Column("资金", one_of({"风险补偿金": BookKind.COMPENSATION, "贴息资金": BookKind.SUBSIDY})),
            Column(SERIAL, text_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell),
            Column("摘要", text_cell, required=False),
        ),
    ),
    Importer(
        kind="relending", title="扶贫再贷款", unique=(COUNTY, BANK, "借款编号", "借款日"), apply=_relending,
        undo=_not_as_a_whole("再贷款"),
        columns=(
            *_PLACE, Column("借款编号", text_cell), Column("类型", one_of({"借入": "drawn", "展期": "extended"})),
            Column(AMOUNT, fen_cell), Column("年利率(%)", percent_ppb_cell), Column("借款日", date_cell),
            Column("到期日", date_cell),
        ),
    ),
    Importer(
        kind="stations", title="光伏电站", unique=("电表号",), apply=_stations, undo=_undo_stations,
        columns=(
            *_LOAN, Column("电表号", text_cell), Column("建档立卡号", text_cell), Column("容量(kW)", number_cell),
            Column("并网日期", date_cell), Column("还贷比例(%)", whole_cell),
        ),
    ),
    Importer(
        kind="solar-settlements", title="光伏结算", unique=("电表号", "月份", SERIAL), apply=_settlements,
        undo=_not_as_a_whole("光伏结算"),
        columns=(
            Column("电表号", text_cell), Column("月份", month_cell), Column("上网电量(kWh)", number_cell),
            Column("标杆电费(元)", zero_or_more_fen_cell), Column("国家补贴(元)", zero_or_more_fen_cell),
            Column(SERIAL, text_cell, required=False), Column("到账日期", date_cell, required=False),
            Column("到账标杆电费(元)", zero_or_more_fen_cell, required=False),
            Column("到账国家补贴(元)", zero_or_more_fen_cell, required=False),
        ),
    ),
    Importer(
        kind="claims", title="代偿", unique=("代偿编号", "环节", SERIAL), apply=_claims, undo=_not_as_a_whole("代偿"),
        columns=(
            *_LOAN, Column("代偿编号", text_cell),
            Column("环节", one_of({
                "申请": "file", "批准": "approve", "拨付": "pay", "撤销": "cancel", "划回": "pass", "核销": "write_off",
            })),
            Column(DAY, date_cell), Column("经办人", text_cell), Column(AMOUNT, fen_cell, required=False),
            Column(SERIAL, text_cell, required=False),
        ),
    ),
)  # fmt: skip

IMPORTERS: Mapping[str, Importer] = {importer.kind: importer for importer in _ALL}
