"""Ageing (逾期处理) in the night: the few loans for which the day brings something are replayed; all others rest.

Touched are loans with an instalment or an interest charge that was due today and is unpaid, and those that pass from
90 to 91 days past due.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from ledger.db import forget
from ledger.journal import JournalEntry, Posting, merged
from ledger.posting import post_many, take_sequence
from loans import projection
from loans.booking import difference
from loans.life import Horizon
from loans.movements import FellOverdue, InterestCapitalised, StoppedAccruing
from loans.queries import HORIZON, Key, contracts, events_of
from loans.replay import replay
from loans.tables import horizon
from loans.terms import NON_ACCRUAL_AFTER_DAYS
from loans.terms.rolling import falling_due_on

_TOUCHED = """
SELECT i.book_id, i.loan_id FROM loans.instalment i
  JOIN unnest(CAST(:codes AS text[]), CAST(:dates AS date[])) AS f (rolling, nominal_date) USING (rolling, nominal_date)
 WHERE i.known_to_seq IS NULL AND (i.charges OR NOT i.overdue AND i.paid_fen <> i.principal_fen)
   AND NOT i.overdue AND i.paid_fen <> i.principal_fen AND i.nominal_date = ANY(CAST(:dates AS date[]))
UNION
SELECT book_id, loan_id FROM loans.charge
 WHERE known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0 AND due_date = :closing
UNION
SELECT book_id, loan_id FROM loans.standing
 WHERE known_to_seq IS NULL AND oldest_due IS NOT NULL AND state = 'accruing' AND oldest_due <= :stopping
ORDER BY book_id, loan_id
"""

WHAT = {FellOverdue: "转逾期", StoppedAccruing: "转非应计", InterestCapitalised: "利息转本"}
"""What a close can do to a loan, as its voucher says."""


@dataclass(frozen=True, slots=True)
class Aged:
    """What ageing did: loans looked at, and how many of them stopped accruing."""

    touched: int
    stopped: int


def age(session: Session, closing: date) -> Aged:
    """Let the close of a day pass over the loans, and post what falls overdue or stops accruing, one voucher per book."""
    row = session.execute(text("SELECT charged_through, aged_through FROM loans.horizon FOR UPDATE")).one()
    before, after = Horizon(row.charged_through, row.aged_through), Horizon(row.charged_through, closing)
    falling = falling_due_on(closing)
    keys: list[Key] = [
        (book_id, loan_id)
        for book_id, loan_id in session.execute(
            text(_TOUCHED),
            {
                "codes": [code for code, _ in falling],
                "dates": [nominal for _, nominal in falling],
                "closing": closing,
                "stopping": closing - (NON_ACCRUAL_AFTER_DAYS + 1) * DAY,
            },
        )
    ]
    stopped = _replay(session, keys, before, after, closing) if keys else 0
    session.execute(update(horizon).values(aged_through=closing))
    forget(session, HORIZON)
    return Aged(len(keys), stopped)


def _replay(session: Session, keys: list[Key], before: Horizon, after: Horizon, closing: date) -> int:
    found, happened = contracts(session, keys), events_of(session, keys)
    seqs = take_sequence(session, dict.fromkeys((book_id for book_id, _ in keys), 1))
    saved = []
    lines: dict[int, list[Posting]] = {}
    happened_to: dict[int, set[str]] = {}
    stopped = 0
    for key in keys:
        contract = found[key]
        old, new = (replay(contract.terms, happened[key], at) for at in (before, after))
        saved.append((contract, new, seqs[contract.book_id]))
        lines.setdefault(contract.book_id, []).extend(difference(old.movements, new.movements, contract))
        stopped += old.standing.state is not new.standing.state
        what = {WHAT[type(m)] for m in set(new.movements) - set(old.movements) if type(m) in WHAT}
        happened_to.setdefault(contract.book_id, set()).update(what)
    projection.save(session, saved)
    books = {contract.book_id: contract.book for contract in found.values()}
    post_many(
        session,
        [
            JournalEntry(
                book=books[book_id],
                reference=f"night/aged/{closing}",
                kind="loans.aged",
                value_date=closing,
                narration=f"{closing:%Y-%m-%d} 贷款{'、'.join(sorted(happened_to[book_id], reverse=True))}",
                postings=postings,
                event=f"night/{closing}",
            )
            for book_id, found_lines in sorted(lines.items())
            if (postings := merged(found_lines))
        ],
    )
    return stopped
