"""Objections (审核疑义): what speaks against a line of a batch, found before any person looks (domain.md 1.3, quarter workflow).

Each is a sentence with the rows behind it. A line that meets one is rejected until a reviewer restores it with a reason.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.calendar import DAY
from ledger.money import yuan
from loans.policy.eligibility import enrolled
from loans.policy.parameters import nationwide, policy_on
from loans.queries import Key, contracts, contracts_of_households, principals
from loans.subsidy.owed import Owed
from loans.subsidy.periods import Period
from registry import households
from registry.reference import bank_names

_ELSEWHERE = """
SELECT k.county, k.borrower, b.bank, l.contract, l.borrower AS other
  FROM unnest(CAST(:counties AS text[]), CAST(:borrowers AS text[]), CAST(:others AS text[]), CAST(:codes AS text[]))
       AS k (county, borrower, other_county, other)
  JOIN loans.loan l ON l.county = k.other_county AND l.borrower = k.other
  JOIN ledger.book b ON b.id = l.book_id AND b.bank <> :bank
 WHERE EXISTS (SELECT FROM loans.charge c WHERE c.book_id = l.book_id AND c.loan_id = l.id AND c.known_to_seq IS NULL
                  AND c.kind = 'contract' AND c.gov_fen > 0 AND c.end_date > :start AND c.end_date <= :end)
 ORDER BY b.bank, l.contract
"""


def objections(session: Session, loan_book: Book, asked: Mapping[Key, Owed], period: Period) -> dict[Key, list[str]]:
    """Return, for the loans that meet any, the sentences against paying them."""
    found: dict[Key, list[str]] = defaultdict(list)
    for check in (_not_eligible, _twice, _over_the_cap):
        for key, sentence in check(session, loan_book, asked, period):
            found[key].append(sentence)
    return dict(found)


def _not_eligible(session: Session, _: Book, asked: Mapping[Key, Owed], period: Period) -> Iterator[tuple[Key, str]]:
    """The household must be in the register, under a standard that is subsidised, on the period's last day."""
    last = period.end - DAY
    homes = households.enrolments(session, sorted({one.home for one in asked.values() if one.home}), last)
    for key, contract in contracts(session, asked).items():
        home = asked[key].home
        policy = policy_on(nationwide(), contract.product, contract.county, None, contract.terms.drawn_on)
        for finding in enrolled(last, homes.get(home) if home else None, policy):
            if not finding.ok:
                yield key, finding.sentence


def _twice(session: Session, loan_book: Book, asked: Mapping[Key, Owed], period: Period) -> Iterator[tuple[Key, str]]:
    """The same identity number has a subsidised loan at another bank, in whatever county."""
    people = {(loan_book.county, one.borrower) for one in asked.values()}
    same = [(who, other) for who, others in households.same_people(session, people).items() for other in others]
    rows = session.execute(
        text(_ELSEWHERE),
        {
            "counties": [who[0] for who, _ in same], "borrowers": [who[1] for who, _ in same],
            "others": [other[0] for _, other in same], "codes": [other[1] for _, other in same], "bank": loan_book.bank,
            "start": period.start, "end": period.end,
        },
    ).all()  # fmt: skip
    names = bank_names(session)
    elsewhere: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        elsewhere[row.borrower].append(f"{names[row.bank]} {row.contract}")
    for key, one in asked.items():
        if one.borrower in elsewhere:
            yield key, f"同一身份证号在{'、'.join(elsewhere[one.borrower])}同期享受贴息"


def _over_the_cap(session: Session, loan_book: Book, asked: Mapping[Key, Owed], _: Period) -> Iterator[tuple[Key, str]]:
    """A household's loans of one product, over all banks, oldest first, may together not pass the cap of their policy."""
    for product in sorted({one.product for one in asked.values()}):
        homes = {one.home for one in asked.values() if one.home and one.product == product}
        mine = sorted(contracts_of_households(session, homes, product), key=lambda c: (c.terms.drawn_on, c.key))
        held = principals(session, [contract.key for contract in mine])
        running: dict[tuple[str, str], int] = defaultdict(int)
        for contract in mine:
            home, fen = (contract.county, contract.household or ""), held.get(contract.key, 0)
            running[home] += fen
            cap = policy_on(nationwide(), product, contract.county, loan_book.bank, contract.terms.drawn_on).cap_fen
            if fen and contract.key in asked and cap and running[home] > cap.value:
                sentence = f"户内余额合计 {yuan(running[home])} 元，超过 {yuan(cap.value)} 元（{cap.source}）"
                yield contract.key, sentence
