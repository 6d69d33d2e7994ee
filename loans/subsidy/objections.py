"""Objections (审核疑义): what speaks against a line of a batch, found before any person looks (domain.md 1.3, quarter workflow).

Each is a sentence with the rows behind it. A line that meets one is rejected until a reviewer restores it with a reason.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.calendar import DAY
from ledger.money import yuan
from loans.policy.eligibility import enrolled
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.queries import Key, contracts, contracts_of_households, principals
from loans.subsidy.owed import Owed
from loans.subsidy.periods import Period
from loans.suspicions.queries import open_hits
from registry import households


def objections(session: Session, loan_book: Book, asked: Mapping[Key, Owed], period: Period) -> dict[Key, list[str]]:
    """Return, for the loans that meet any, the sentences against paying them."""
    found: dict[Key, list[str]] = defaultdict(list)
    for check in (_not_eligible, _over_the_cap, _suspected):
        for key, sentence in check(session, loan_book, asked, period):
            found[key].append(sentence)
    return dict(found)


def _not_eligible(session: Session, loan_book: Book, asked: Mapping[Key, Owed], period: Period) -> Iterator[tuple[Key, str]]:
    """The household must be in the register, under a standard that is subsidised, on the period's last day."""
    last, rows = period.end - DAY, policy_rows(session, [loan_book.county])
    homes = households.enrolments(session, sorted({one.home for one in asked.values() if one.home}), last)
    for key, contract in contracts(session, asked).items():
        home = asked[key].home
        policy = policy_on(rows, contract.product, contract.county, loan_book.bank, contract.terms.drawn_on)
        for finding in enrolled(last, homes.get(home) if home else None, policy):
            if not finding.ok:
                yield key, finding.sentence


def _over_the_cap(session: Session, loan_book: Book, asked: Mapping[Key, Owed], _: Period) -> Iterator[tuple[Key, str]]:
    """A household's loans of one product, over all banks, oldest first, may together not pass the caps of their policy: all
    of them the one, those that are subsidised the other.
    """
    rows = policy_rows(session, [loan_book.county])
    for product in sorted({one.product for one in asked.values()}):
        homes = {one.home for one in asked.values() if one.home and one.product == product}
        mine = sorted(contracts_of_households(session, homes, product), key=lambda c: (c.terms.drawn_on, c.key))
        held = principals(session, [contract.key for contract in mine])
        whole: dict[households.Home, int] = defaultdict(int)
        part: dict[households.Home, int] = defaultdict(int)
        for contract in mine:
            home, fen = (contract.county, contract.household or ""), held.get(contract.key, 0)
            whole[home] += fen
            part[home] += fen if contract.terms.subsidised else 0
            policy = policy_on(rows, product, contract.county, loan_book.bank, contract.terms.drawn_on)
            for name, sum_fen, cap in (
                ("余额", whole[home], policy.cap_fen), ("贴息贷款余额", part[home], policy.subsidised_cap_fen),
            ):  # fmt: skip
                if fen and contract.key in asked and cap and sum_fen > cap.value:
                    yield contract.key, f"户内{name}合计 {yuan(sum_fen)} 元，超过 {yuan(cap.value)} 元（{cap.source}）"


def _suspected(session: Session, _: Book, asked: Mapping[Key, Owed], __: Period) -> Iterator[tuple[Key, str]]:
    """A suspicion that is confirmed, pending or not yet decided holds its loan back."""
    for key, found in open_hits(session, asked).items():
        yield from ((key, hit.sentence) for hit in found)
