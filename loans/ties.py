"""What must tie in the loan books (accounting.md, ties 2 and 7), re-derived from events, streams and journal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.queries import turnovers
from ledger.ties import Check
from loans import entries
from loans.accrual import closed_seqs, last_accrued, moved_since, targets
from loans.contract import Contract
from loans.errors import is_of_one_loan
from loans.events import heir
from loans.life import Life
from loans.projection import PROJECTIONS, Projection, stored_rows
from loans.quarantine.queries import SetAside, set_aside_now
from loans.queries import Key, contracts, contracts_of_book, events_of, horizon_now
from loans.relending.ties import checks as relending_checks
from loans.replay import replay

_PRINCIPAL = """
SELECT s.book_id, sum(CASE WHEN s.state = 'accruing' THEN s.principal_fen - s.overdue_fen ELSE 0 END)::bigint AS normal,
       sum(CASE WHEN s.state = 'accruing' THEN s.overdue_fen ELSE 0 END)::bigint AS overdue,
       sum(CASE WHEN s.state = 'non_accrual' THEN s.principal_fen ELSE 0 END)::bigint AS non_accrual,
       sum(s.cost_fen)::bigint AS cost, sum(s.excess_fen)::bigint AS excess, sum(s.given_up_fen)::bigint AS given_up,
       s.product
  FROM loans.standing s
 WHERE s.known_to_seq IS NULL AND (s.principal_fen <> 0 OR s.cost_fen <> 0 OR s.excess_fen <> 0 OR s.given_up_fen <> 0)
 GROUP BY s.book_id, s.product
"""

_UNPAID = """
SELECT c.book_id, c.kind,
       sum(CASE WHEN s.state = 'accruing' THEN c.whole_fen - c.gov_fen - c.paid_fen ELSE 0 END)::bigint AS borrower
  FROM loans.charge c JOIN loans.standing s USING (book_id, loan_id)
 WHERE c.known_to_seq IS NULL AND s.known_to_seq IS NULL GROUP BY c.book_id, c.kind
"""


def principal_checks(session: Session) -> Iterator[Check]:
    """Yield the control accounts of principal against the standings: what every night ties."""
    yield from _principal(session, books(session, BookKind.LOANS))


def checks(session: Session) -> Iterator[Check]:
    """Yield the loan books' checks; accrued interest is of the last night that accrued, as the books knew it then."""
    closed = last_accrued(session)
    mine = books(session, BookKind.LOANS)
    yield from _principal(session, mine)
    yield from _charged(session, mine)
    yield from _moved(session, mine, closed)
    if closed is not None:
        yield from _accrued(session, mine, closed)
        yield from relending_checks(session, mine, closed)
    yield from _belonging(session)
    yield from _rebuilt(session, mine)


def _principal(session: Session, mine: list[Book]) -> Iterator[Check]:
    expected: dict[tuple[int, str, str], int] = {}
    sums: dict[tuple[int, str], int] = {}
    for row in session.execute(text(_PRINCIPAL)):
        for account, fen in (("1303.01", row.normal), ("1303.02", row.overdue), ("1303.03", row.non_accrual)):
            if fen:
                expected[(row.book_id, account, row.product)] = fen
        for account, fen in (("1221", row.cost), ("2241.03", -row.excess), ("9203", row.given_up)):
            sums[(row.book_id, account)] = sums.get((row.book_id, account), 0) + fen
    accounts = list(entries.PRINCIPAL.values())
    held: dict[tuple[int, str, str], int] = {}
    found = turnovers(session, books=[book.id for book in mine], accounts=accounts, by=("product",))
    for (book_id, code, product), turnover in found.items():
        if turnover.balance_fen:
            held[(int(str(book_id)), str(code), str(product))] = turnover.balance_fen
    names = {book.id: book.code for book in mine}
    for key in sorted(expected.keys() | held.keys()):
        name = f"loans: {key[1]} of {names[key[0]]}, {key[2]} = principal of its loans"
        yield Check(check=name, expected=str(expected.get(key, 0)), actual=str(held.get(key, 0)))
    yield from _compare(session, mine, sums, "1221", "2241.03", "9203")


def _charged(session: Session, mine: list[Book]) -> Iterator[Check]:
    sums: dict[tuple[int, str], int] = {}
    for row in session.execute(text(_UNPAID)):
        account = entries.RECEIVABLE[row.kind]
        sums[(row.book_id, account)] = row.borrower
    yield from _compare(session, mine, sums, "1132.01", "1132.03", "1132.04")


def _accrued(session: Session, mine: list[Book], closed: date) -> Iterator[Check]:
    seqs = closed_seqs(session, closed)
    sums: dict[tuple[int, str], int] = {}
    for key, fen in targets(session, closed, seqs).items():
        sums[(key.book_id, key.account)] = sums.get((key.book_id, key.account), 0) + fen
    yield from _compare(session, mine, sums, "1132.09", "9201", up_to_seq=seqs)


def _moved(session: Session, mine: list[Book], closed: date | None) -> Iterator[Check]:
    """Since the last night nothing but charging may have moved accrued interest."""
    seqs = {book.id: 0 for book in mine} | (closed_seqs(session, closed) if closed else {})
    differing: dict[int, list[str]] = {}
    for key, (expected, found) in moved_since(session, seqs).items():
        if expected != found:
            name = "/".join(str(part) for part in key[1:])
            differing.setdefault(key.book_id, []).append(f"{name} moved {found}, not {expected} fen")
    for book in mine:
        yield Check(
            check=f"loans: 1132.09 of {book.code} moved since the last night by what was charged",
            expected="all",
            actual="; ".join(differing.get(book.id, ["all"])),
        )


def _compare(
    session: Session,
    mine: list[Book],
    sums: dict[tuple[int, str], int],
    *accounts: str,
    up_to_seq: Mapping[int, int] | None = None,
) -> Iterator[Check]:
    held = turnovers(session, books=[book.id for book in mine], accounts=accounts, up_to_seq=up_to_seq)
    for book in mine:
        for account in accounts:
            found = held.get((book.id, account))
            if found is None and not sums.get((book.id, account)):
                continue
            yield Check(
                check=f"loans: {account} of {book.code}",
                expected=str(sums.get((book.id, account), 0)),
                actual=str(found.balance_fen if found else 0),
            )


def _belonging(session: Session) -> Iterator[Check]:
    """Derived rows belong to loans: no foreign key looks each of them up."""
    for projection in PROJECTIONS:
        strangers = session.scalar(
            text(
                f"SELECT count(*) FROM {projection.table.fullname} r "
                "WHERE NOT EXISTS (SELECT FROM loans.loan l WHERE l.book_id = r.book_id AND l.id = r.loan_id)"
            )
        )
        yield Check(check=f"loans: {projection.table.name}s of no loan", expected="0", actual=str(strangers))


def _rebuilt(session: Session, mine: list[Book]) -> Iterator[Check]:
    """Replay every loan from its events and compare each derived table with what comes out (tie 7).

    A loan that is set aside is compared at its own horizon; one that can't be, or differs, is what it is listed for.
    """
    at = horizon_now(session)
    aside = {one.key: one for one in set_aside_now(session)}
    for book in mine:
        found = {contract.key: contract for contract in contracts_of_book(session, book.id, aside)}
        happened = events_of(session, found.keys())
        lives = {key: replay(contract.terms, happened[key], at) for key, contract in found.items()}
        strangers = [c.contract for key, c in found.items() if heir(happened[key]) not in (None, (c.borrower, c.household))]
        yield Check(
            check=f"loans: borrowers of {book.code} = those of the last inheritance",
            expected="all",
            actual=f"{len(strangers)} differ: {', '.join(strangers[:3])}" if strangers else "all",
        )
        for projection in PROJECTIONS:
            differing = _differing(session, projection, found, lives)
            names = ", ".join(found[key].contract for key in differing[:3])
            yield Check(
                check=f"loans: {projection.table.name}s of {book.code} = rebuilt from events",
                expected="all",
                actual=f"{len(differing)} differ: {names}" if differing else "all",
            )
        for one in aside.values():
            if one.key[0] == book.id:
                since = f"set aside (隔离) since {one.since}, {one.step}: {one.error}; {_broken(session, one)}"
                yield Check(check=f"loans: {one.contract} of {book.code}", expected=since, actual=since)


def _differing(session: Session, projection: Projection, found: Mapping[Key, Contract], lives: Mapping[Key, Life]) -> list[Key]:
    """Return the loans whose stored rows of a derived table are not those of their lives."""
    stored = stored_rows(session, projection, list(found))
    return [
        key
        for key, contract in found.items()
        if Counter(projection.rows(contract, lives[key])) != Counter(row for _, _, row in stored.get(key, ()))
    ]


def _broken(session: Session, one: SetAside) -> str:
    """Return what of a loan that is set aside can't be rebuilt at its own horizon."""
    try:
        found = contracts(session, [one.key])
        life = replay(found[one.key].terms, events_of(session, [one.key])[one.key], one.horizon)
    except Exception as error:
        if not is_of_one_loan(error):
            raise
        return "can't be replayed (不能重算)"
    names = [p.table.name for p in PROJECTIONS if _differing(session, p, found, {one.key: life})]
    return f"differs in (不符): {', '.join(names)}" if names else "rebuilt at its own horizon (可重算)"
