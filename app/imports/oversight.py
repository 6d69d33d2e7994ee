"""Oversight (监管): files of counties' policy, of other departments' lists and of dunning become rows, and are undone."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from app.imports.batch import Desk, Made
from app.imports.cells import Record
from app.imports.lookup import BANK, COUNTY, DAY, SERIAL, Lookup
from ledger.books import BookKind
from loans.policy.loading import load, withdraw
from loans.policy.parameters import PolicyRow
from loans.suspicions import dunnings as demands
from loans.suspicions import lists
from registry.reference import county_code


def policies(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Load policy rows of counties, and of banks in them."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        day = r["生效日期"]
        row = PolicyRow(
            product=r["产品"], valid_from=day, source=r["文件"], bank=r[BANK],
            county=look.book(r, BookKind.LOANS, day).county if r[BANK] else county_code(session, r[COUNTY], day),
            registered=r["限建档立卡"], cap_fen=r["余额上限(元)"], subsidised_cap_fen=r["贴息本金上限(元)"],
            covered_cap_fen=r["风险补偿本金上限(元)"], max_months=r["期限上限(月)"], max_rate=r["利率上限(%)"],
            min_age=r["最低年龄"], max_age=r["最高年龄"], forbidden_purposes=r["禁止用途"], approval_required=r["须审批"],
            max_extensions=r["展期续贷次数上限"],
        )  # fmt: skip
        number = load(session, row, desk.actor, corrects=bool(r["更正"]))
        if number is not None:
            made.append({"policy": number})
    return made


def undo_policies(session: Session, desk: Desk, made: Made) -> None:
    """Withdraw rows, newest first."""
    for m in reversed(made):
        withdraw(session, m["policy"], desk.actor)


def match_lists(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Take lines of other departments' lists."""
    people = [
        lists.Listed(
            kind=r["名单类型"], number=r["身份证号"], name=r["姓名"], since=r["自日期"], until=r["至日期"], source=r["来源"]
        )
        for r in records
    ]  # fmt: skip
    fresh = lists.load(session, desk.cipher, people, desk.actor)
    return [{"mark": mark.hex(), "kind": kind, "since": since.isoformat()} for mark, kind, since in fresh]


def undo_match_lists(session: Session, _: Desk, made: Made) -> None:
    """Take lines off their lists again."""
    lists.remove(session, [(bytes.fromhex(m["mark"]), m["kind"], date.fromisoformat(m["since"])) for m in made])


def dunnings(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Record demands."""
    look = Lookup(session, records)
    wanted = [
        demands.Dunning(
            contract=look.contract(r, r[DAY]), serial=r[SERIAL], day=r[DAY], way=r["方式"], result=r["结果"],
            dunned_by=r["催收人"] or "", signed=bool(r["签收"]), document=r["文书号"], sha256=r["SHA-256"],
        )
        for r in records
    ]  # fmt: skip
    return [{"book_id": one.contract.book_id, "serial": one.serial} for one in demands.record(session, wanted, desk.actor)]


def undo_dunnings(session: Session, desk: Desk, made: Made) -> None:
    """Take demands back, in red."""
    demands.undo(session, [(m["book_id"], m["serial"]) for m in made], desk.actor)
