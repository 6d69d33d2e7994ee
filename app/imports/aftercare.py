"""Aftercare (贷后): files of loans taken over, misuse found, graces and joint repayments become events of loans.

They are undone with the other events of loans (`lending.undo_loan_events`).
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from app.imports.batch import Desk, Made
from app.imports.cells import Record
from app.imports.lending import free_stem, loans_wanted, made_of, references
from app.imports.lookup import AMOUNT, CONTRACTS, DAY, SERIAL, Lookup
from loans import disbursement, servicing
from loans.errors import BadTerms
from loans.events import TakenOver
from loans.joint_repayment import repay_together
from loans.queries import free_references
from loans.terms import StreamKind

TAKEN_ON, LEFT, UNCHARGED_FROM, ARREARS_SINCE = "接管日期", "接管本金(元)", "未结息起始日", "欠息到期日"
ARREARS = {
    "欠息(元)": StreamKind.CONTRACT, "欠罚息(元)": StreamKind.PENALTY, "欠复利(元)": StreamKind.COMPOUND,
}  # fmt: skip
"""What a loan taken over may owe of interest, by heading."""


def take_overs(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Take running loans over, and their borrowers where they are new."""
    made: Made = []
    for r, application in loans_wanted(session, desk, records):
        key = (application.book.id, str(r[SERIAL]))
        event = TakenOver(
            reference=free_references(session, [key])[key], value_date=r[TAKEN_ON], principal_fen=r[LEFT],
            charged_until=r[UNCHARGED_FROM], unpaid=_unpaid(r),
        )  # fmt: skip
        made += made_of(disbursement.take_over(session, application, event, desk.actor))
    return made


def misuses(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Record that loans' money went elsewhere."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    made: Made = []
    for r in records:
        contract = look.contract(r, r[DAY])
        made += made_of(servicing.find_misuse(session, contract, names[r.number], r[DAY], desk.actor))
    return made


def graces(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Grant graces in mid-life."""
    look = Lookup(session, records)
    names = references(session, look, records, DAY)
    granted = [(look.contract(r, r[DAY]), names[r.number], r[DAY], r["宽限种类"], r["宽限至"]) for r in records]
    return made_of(servicing.grant_graces(session, granted, desk.actor))


def joint_repayments(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Book payments over several loans of a household each."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        secured = r["有担保借据"] or ()
        loans = [(look.contract(r, r[DAY], number), number in secured) for number in r[CONTRACTS]]
        reference = free_stem(session, loans[0][0].book_id, r[SERIAL], "/1")
        named = r["指定清偿"] or ()
        made += made_of(repay_together(session, loans, reference, r[DAY], r[AMOUNT], desk.actor, named=named))
    return made


def _unpaid(r: Record) -> tuple[tuple[str, date, int], ...]:
    """Return what a row's loan owes of interest by the day on which it fell due.

    Raises:
        BadTerms: arrears without that day, or the day without arrears.
    """
    since = r[ARREARS_SINCE]
    owed = [(kind.value, since, r[heading]) for heading, kind in ARREARS.items() if r[heading]]
    if bool(owed) != (since is not None):
        raise BadTerms("欠息金额与欠息到期日须同时填写")
    return tuple(owed)
