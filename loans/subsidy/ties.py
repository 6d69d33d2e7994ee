"""What must tie in interest subsidy (accounting.md, tie 4): the fund's accounts and the bank's, from charges, lines and steps."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from ledger.queries import NOTHING, turnovers
from ledger.ties import Check
from loans.entries import SUBSIDY_RECEIVABLE
from loans.subsidy import entries
from loans.subsidy.batch import Batch, Stage
from loans.subsidy.queries import batches, prepaid, settled

_CHARGED = "SELECT book_id, sum(gov_fen)::bigint AS fen FROM loans.charge WHERE known_to_seq IS NULL GROUP BY book_id"

_NAMELESS = (
    "SELECT (SELECT count(*) FROM loans.subsidy_line l WHERE NOT EXISTS "
    "(SELECT FROM loans.loan n WHERE n.book_id = l.loan_book_id AND n.id = l.loan_id)) "
    "+ (SELECT count(*) FROM loans.subsidy_batch b WHERE NOT EXISTS (SELECT FROM ledger.book k WHERE k.id = b.loan_book_id)) "
    "+ (SELECT count(*) FROM loans.subsidy_bank_line b WHERE NOT EXISTS (SELECT FROM ledger.book k WHERE k.id = b.loan_book_id))"
)
"""Keys say so, too, on one machine; spread over several, no key holds rows of two books together."""

Side = tuple[int, str]
"""(book id, account)."""


def checks(session: Session) -> Iterator[Check]:
    """Yield the checks of both sides, by book and account, and of one side against the other."""
    nameless = str(session.scalar(text(_NAMELESS)))
    yield Check(check="loans: subsidy lines that name no loan", expected="0", actual=nameless)
    everything = batches(session)
    charged = {row.book_id: row.fen for row in session.execute(text(_CHARGED))}
    mine, funds = books(session, BookKind.LOANS), books(session, BookKind.SUBSIDY)
    received: Counter[int] = Counter()
    for (book_id, _), fen in settled(everything).items():
        received[book_id] += fen
    expected: Counter[Side] = Counter()
    for book in mine:
        expected[(book.id, SUBSIDY_RECEIVABLE)] = charged.get(book.id, 0) - received[book.id]
    for one in everything:
        expected.update(_of(one))
    for fund in funds:
        for book in mine:
            if book.county == fund.county:
                ahead = prepaid(session, fund.id, book.bank or "")
                expected[(fund.id, entries.PAID_AHEAD)] += ahead
                expected[(book.id, entries.RECEIVED_AHEAD)] -= ahead
    names = {book.id: book.code for book in (*mine, *funds)}
    accounts = (
        SUBSIDY_RECEIVABLE, entries.APPROVED, entries.RETURNED, entries.TO_RECLAIM, entries.PAID_AHEAD, entries.RECEIVED_AHEAD,
        entries.TO_GIVE_BACK,
    )  # fmt: skip
    held = turnovers(session, books=list(names), accounts=accounts)
    for side in sorted(expected.keys() | {(int(str(key[0])), str(key[1])) for key in held}):
        found = held.get(side, NOTHING).balance_fen
        if expected[side] or found:
            name = f"loans: {side[1]} of {names[side[0]]} = its subsidy"
            yield Check(check=name, expected=str(expected[side]), actual=str(found))


def _of(one: Batch) -> Counter[Side]:
    """Return what a batch leaves on the accounts of both sides, debits less credits."""
    found: Counter[Side] = Counter()
    if one.stage not in (Stage.APPROVED, Stage.PAID):
        return found
    if one.stage is Stage.APPROVED:
        found[(one.book.id, entries.APPROVED)] -= one.cash_fen
    found[(one.book.id, entries.RETURNED)] -= sum(fen for line, fen in one.cash if line.loan[1] in one.returned)
    open_fen = one.reclaimed_fen - one.refunded_fen
    found[(one.book.id, entries.TO_RECLAIM)] += open_fen
    if one.to_bank:
        found[(one.loan_book.id, entries.TO_GIVE_BACK)] -= open_fen
    return found
