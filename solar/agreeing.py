"""Agreeing (签订分配协议) on a station's income, and paying money in for its sources: each a fact with its document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, tuple_
from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date, business_date_from
from ledger.journal import JournalEntry
from ledger.periods import posting_date
from ledger.posting import post_many, take_sequence
from solar import entries
from solar.agreement import Agreement, Share, Source, require_sound, to_json
from solar.errors import AgreementRefused
from solar.queries import agreements
from solar.stations import dimensions, stations
from solar.tables import agreement, contribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """An agreement on a station from a day on, its document, and why it was made or changed."""

    meter: str
    valid_from: date
    document: str
    why: str
    terms: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Money from outside for a station's reserve, or laid down by the company; `reference` is the payer's serial number."""

    meter: str
    source: Source
    reference: str
    paid_on: date
    fen: int


def agree(session: Session, wanted: Sequence[Agreed], actor: str) -> list[Agreed]:
    """Record agreements and return the new ones; none is ever changed, the latest holds.

    Raises:
        AgreementRefused: an unknown station, no document or reason, terms that can't be kept, or a start in the past: what was
            split is split.
    """
    today = business_date(session)
    known = stations(session, {one.meter for one in wanted})
    before = agreements(session, known.values())
    fresh = []
    for one in wanted:
        if one.meter not in known:
            raise AgreementRefused(one.meter, "没有登记的电站")
        if not one.document.strip() or not one.why.strip():
            raise AgreementRefused(one.meter, "必须写明文号和理由")
        require_sound(one.meter, one.terms)
        if not known[one.meter].loan_id and any(phase.percents.get(Share.LOAN) for phase in one.terms.phases):
            raise AgreementRefused(one.meter, "没有贷款的电站不得有还贷比例")
        if (one.valid_from, one.document, one.terms) in ((a.valid_from, a.document, a.terms) for a in before[one.meter]):
            continue
        if one.valid_from < max(today, known[one.meter].connected_on):
            raise AgreementRefused(one.meter, f"生效日期 {one.valid_from} 不得早于营业日和并网日")
        fresh.append(one)
    numbers = _numbered(session, [known[one.meter].book.id for one in fresh])
    if fresh:
        session.execute(
            insert(agreement).inline(),
            [
                {
                    "book_id": known[one.meter].book.id, "seq": seq, "meter": one.meter, "valid_from": one.valid_from,
                    "document": one.document.strip(), "why": one.why.strip(), "body": to_json(one.terms), "actor": actor,
                }
                for one, seq in zip(fresh, numbers, strict=True)
            ],
        )  # fmt: skip
    return fresh


def contribute(session: Session, paid: Sequence[Contribution], actor: str) -> list[Contribution]:
    """Book money for reserves and of companies; one that is there with the same facts stays as it is. Return the new ones.

    Raises:
        AgreementRefused: an unknown station, an amount that is not positive, a source that takes no money from outside, or a
            serial number that is used for something else.
        FutureDate: money of a day that has not come.
    """
    today = business_date_from(session, (one.paid_on for one in paid))
    known = stations(session, {one.meter for one in paid})
    stored = {
        (row.meter, row.reference): (row.source, row.value_date, row.fen)
        for row in session.execute(
            select(contribution).where(
                tuple_(contribution.c.book_id, contribution.c.meter).in_([(one.book.id, one.meter) for one in known.values()])
            )
        )
    }
    fresh = []
    for one in paid:
        if one.meter not in known:
            raise AgreementRefused(one.meter, "没有登记的电站")
        if not known[one.meter].loan_id:
            raise AgreementRefused(one.meter, "没有贷款的电站不需要准备金和企业补足")
        if one.fen <= 0 or one.source is Source.POOL:
            raise AgreementRefused(one.meter, "只有准备金和企业补足可以缴存，金额必须大于零")
        found, facts = stored.get((one.meter, one.reference)), (one.source.value, one.paid_on, one.fen)
        if found not in (None, facts):
            raise AgreementRefused(one.meter, f"流水号 {one.reference} 已用于另一笔缴存")
        if found is None:
            stored[(one.meter, one.reference)] = facts
            fresh.append(one)
    if not fresh:
        return []
    numbers = _numbered(session, [known[one.meter].book.id for one in fresh])
    session.execute(
        insert(contribution).inline(),
        [
            {
                "book_id": known[one.meter].book.id, "seq": seq, "meter": one.meter, "reference": one.reference,
                "source": one.source.value, "value_date": one.paid_on, "business_date": today, "fen": one.fen, "actor": actor,
            }
            for one, seq in zip(fresh, numbers, strict=True)
        ],
    )  # fmt: skip
    post_many(
        session,
        [
            JournalEntry(
                book=known[one.meter].book.code, reference=f"solar/{one.meter}/contributed/{one.reference}",
                kind="solar.contributed", value_date=posting_date(session, known[one.meter].book.id, one.paid_on, today),
                narration=f"{_NARRATIONS[one.source]} {one.meter}", maker=actor,
                postings=entries.contributed(one.source, one.fen, dimensions(known[one.meter])),
            )
            for one in fresh
        ],
    )  # fmt: skip
    return fresh


_NARRATIONS = {Source.RESERVE: "缴存平滑准备金", Source.COMPANY: "企业缴存补足资金"}


def _numbered(session: Session, book_ids: Sequence[int]) -> list[int]:
    """Take a sequence number of its book for every fact, in order."""
    hold_books(session, set(book_ids))
    counts = {book_id: book_ids.count(book_id) for book_id in sorted(set(book_ids))}
    free = take_sequence(session, counts)
    numbers = []
    for book_id in book_ids:
        numbers.append(free[book_id])
        free[book_id] += 1
    return numbers
