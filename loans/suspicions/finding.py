"""Finding (查找疑点): one set-based question per rule to the loans asked about; what it answers shows people masked.

Of many rows behind a hit the first are kept and all are counted, so that an account that a thousand loans share is one
question with a legible answer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.calendar import following_working_day
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.suspicions.dunnings import INTERRUPTS
from loans.suspicions.limitation import limitation
from loans.suspicions.rules import Key, Suspicion, parameter

MOST_ROWS = 20
"""How many of the rows behind a hit are kept."""

_ASKED = "unnest(CAST(:books AS bigint[]), CAST(:loans AS bigint[])) AS a (book_id, loan_id)"
_LOAN = (
    "'book', b.code, 'contract', l.contract, 'household', l.household, "
    "'borrower', left(w.name, 1) || repeat('*', greatest(1, length(w.name) - 1)), 'id', w.id_masked, "
    "'drawn_on', l.terms -> 'drawn_on', 'fen', l.terms -> 'principal_fen'"
)
"""A loan `l` of book `b` and borrower `w`, as the rows behind a hit show it."""
_NAMED = "JOIN ledger.book b ON b.id = l.book_id LEFT JOIN registry.borrower w ON w.county = l.county AND w.code = l.borrower"
_PAYEE = "left(c.payee, 1) || '*'"
_LATE = "known_to_seq IS NULL AND kind IN ('penalty', 'compound')"


_NOT_HIS_OWN = (
    "NOT EXISTS (SELECT FROM loans.loan o JOIN registry.borrower p ON p.county = o.county AND p.code = o.borrower "
    "WHERE o.book_id = c.book_id AND o.id = c.loan_id AND p.name = c.payee)"
)
"""The payee of a contact `c` is not the borrower: many people bear one name, and each is his own payee."""


def _shared(
    session: Session, keys: Collection[Key], rule: str, mark: str, shown: Mapping[str, str], only: str = "true"
) -> Iterator[Suspicion]:
    """Yield loans of whose contact a column is the same as of loans of other households; `shown` of it, by name, is masked."""
    same = f"JOIN loans.contact c ON c.{mark} = m.mark AND {only} JOIN loans.loan l ON l.book_id = c.book_id AND l.id = c.loan_id"
    behind = "".join(f", '{name}', {masked}" for name, masked in shown.items())
    rows = _ask(
        session,
        f"WITH mine AS MATERIALIZED (SELECT a.book_id, a.loan_id, c.{mark} AS mark FROM {_ASKED} "
        f"  JOIN loans.contact c USING (book_id, loan_id) WHERE c.{mark} IS NOT NULL AND {only}), "
        f"many AS MATERIALIZED (SELECT m.mark, count(*) AS total FROM (SELECT DISTINCT mark FROM mine) m {same} "
        "  GROUP BY m.mark HAVING count(DISTINCT (l.county, coalesce(l.household, l.borrower))) > 1), "
        "shared AS MATERIALIZED (SELECT m.mark, m.total, (array_agg("
        f"  jsonb_build_object({_LOAN}{behind}) "
        "  ORDER BY l.terms ->> 'drawn_on', l.book_id, l.id))[1:CAST(:most AS integer)] AS rows "
        f"  FROM many m {same} {_NAMED} GROUP BY m.mark, m.total) "
        "SELECT m.book_id, m.loan_id, s.total, to_jsonb(s.rows) AS rows FROM mine m JOIN shared s USING (mark)",
        keys,
    )
    yield from (Suspicion(key=(row.book_id, row.loan_id), rule=rule, facts=_facts(row)) for row in rows)


def shared_payee(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield loans whose money reached an account that other households' loans reached, too (户贷企用)."""
    return _shared(session, keys, "shared_payee", "account_hmac", {"account": "c.account_masked", "payee": _PAYEE})


def shared_payee_name(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield loans whose money went to somebody else than the borrower who received other households' loans, too, by his name,
    on whatever account.
    """
    shown = {"payee": _PAYEE, "account": "c.account_masked"}
    return _shared(session, keys, "shared_payee_name", "payee", shown, _NOT_HIS_OWN)


def shared_phone(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield loans whose borrower left a phone number that other households' borrowers left, too."""
    return _shared(session, keys, "shared_phone", "phone_hmac", {"phone": "c.phone_masked", "payee": _PAYEE})


def on_list(session: Session, keys: Collection[Key], day: date) -> Iterator[Suspicion]:
    """Yield loans whose borrower is on a list of another department, on the day of drawing or the day asked about; by list."""
    rows = _ask(
        session,
        "SELECT a.book_id, a.loan_id, m.kind AS subject, count(*) AS total, jsonb_agg(jsonb_build_object("
        "  'list', m.kind, 'id', m.id_masked, 'name', left(m.name, 1) || repeat('*', greatest(1, length(m.name) - 1)), "
        "  'since', m.since_date, 'until', m.until_date - 1, 'source', m.source) ORDER BY m.since_date) AS rows "
        f"FROM {_ASKED} JOIN loans.loan l ON l.book_id = a.book_id AND l.id = a.loan_id "
        "JOIN registry.borrower w ON w.county = l.county AND w.code = l.borrower JOIN loans.listed m ON m.id_hmac = w.id_hmac "
        "WHERE EXISTS (SELECT FROM (VALUES (CAST(l.terms ->> 'drawn_on' AS date)), (CAST(:day AS date))) AS d (day) "
        "  WHERE m.since_date <= d.day AND (m.until_date IS NULL OR d.day < m.until_date)) "
        "GROUP BY a.book_id, a.loan_id, m.kind",
        keys,
        day=day,
    )
    for row in rows:
        yield Suspicion(key=(row.book_id, row.loan_id), rule="on_list", subject=row.subject, facts=_facts(row))


def same_id_two_banks(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield loans of a person who at the same time owed another bank, or was subsidised there, in whatever county."""
    rows = _ask(
        session,
        "WITH pair AS MATERIALIZED (SELECT a.book_id, a.loan_id, n.terms ->> 'drawn_on' AS drawn_on, l.book_id AS other_book, "
        "  l.id AS other_loan, l.terms ->> 'drawn_on' AS other_drawn_on "
        f"  FROM {_ASKED} JOIN loans.loan n ON n.book_id = a.book_id AND n.id = a.loan_id "
        "  JOIN ledger.book h ON h.id = n.book_id JOIN registry.borrower v ON v.county = n.county AND v.code = n.borrower "
        "  JOIN registry.borrower w ON w.id_hmac = v.id_hmac JOIN loans.loan l ON l.county = w.county AND l.borrower = w.code "
        "  JOIN ledger.book b ON b.id = l.book_id AND b.bank <> h.bank) "
        f"SELECT p.book_id, p.loan_id, count(*) AS total, (array_agg(jsonb_build_object({_LOAN}) "
        "  ORDER BY l.book_id, l.id))[1:CAST(:most AS integer)] AS rows FROM pair p "
        f"JOIN loans.loan l ON l.book_id = p.other_book AND l.id = p.other_loan {_NAMED} "
        f"WHERE {_lived_after('p.book_id', 'p.loan_id', 'p.other_drawn_on')} "
        f"AND {_lived_after('p.other_book', 'p.other_loan', 'p.drawn_on')} GROUP BY p.book_id, p.loan_id",
        keys,
    )
    yield from (Suspicion(key=(row.book_id, row.loan_id), rule="same_id_two_banks", facts=_facts(row)) for row in rows)


def _lived_after(book: str, loan: str, day: str) -> str:
    """Tell in SQL whether a loan owes principal, or was subsidised for a time after a day."""
    return (
        f"(EXISTS (SELECT FROM loans.standing s WHERE s.book_id = {book} AND s.loan_id = {loan} AND s.known_to_seq IS NULL "
        f"AND s.principal_fen > 0) OR EXISTS (SELECT FROM loans.charge c WHERE c.book_id = {book} AND c.loan_id = {loan} "
        f"AND c.known_to_seq IS NULL AND c.kind = 'contract' AND c.gov_fen > 0 AND c.end_date > CAST({day} AS date)))"
    )


def hides_overdue(session: Session, keys: Collection[Key], day: date) -> Iterator[Suspicion]:
    """Yield loans paid out within days of a payment that cleared an overdue loan of the same household or borrower.

    A renewal without repaying is none: it is refused for a loan in arrears. That a payment cleared it shows in the streams:
    penalty or compound interest ran up to its day, and none runs on.
    """
    rows = _ask(
        session,
        "WITH drawn AS MATERIALIZED (SELECT a.book_id, a.loan_id, n.county, n.household, n.borrower, e.value_date AS day "
        f"  FROM {_ASKED} JOIN loans.loan n ON n.book_id = a.book_id AND n.id = a.loan_id "
        f"  {_events('a')} AND e.kind = 'disbursed' AND e.body ->> 'renews' IS NULL WHERE {_in_effect('e')}), "
        "others AS MATERIALIZED (SELECT d.book_id, d.loan_id, d.day, l.book_id AS other_book, l.id AS other_loan "
        "  FROM drawn d JOIN loans.loan l ON l.county = d.county AND l.household = d.household UNION "
        "  SELECT d.book_id, d.loan_id, d.day, l.book_id, l.id "
        "  FROM drawn d JOIN loans.loan l ON l.county = d.county AND l.borrower = d.borrower), "
        "paid AS MATERIALIZED (SELECT o.*, e.value_date AS paid_on, e.body -> 'fen' AS paid_fen FROM others o "
        f"  {_events('o', 'other_book', 'other_loan')} AND e.kind = 'repaid' AND abs(e.value_date - o.day) <= :days "
        "  WHERE (o.other_book, o.other_loan) <> (o.book_id, o.loan_id) "
        f"  AND {_in_effect('e')}) "
        "SELECT DISTINCT p.book_id, p.loan_id, b.code || '/' || l.contract AS subject, 1 AS total, "
        f"  jsonb_build_array(jsonb_build_object({_LOAN}, 'drawn_again_on', p.day, 'cleared_on', p.paid_on, "
        "  'paid_fen', p.paid_fen)) AS rows "
        f"FROM paid p JOIN loans.loan l ON l.book_id = p.other_book AND l.id = p.other_loan {_NAMED} "
        "WHERE EXISTS (SELECT FROM loans.stream s WHERE s.book_id = p.other_book AND s.loan_id = p.other_loan "
        f"  AND s.end_date = p.paid_on AND {_LATE}) "
        "AND NOT EXISTS (SELECT FROM loans.stream s WHERE s.book_id = p.other_book AND s.loan_id = p.other_loan "
        f"  AND s.start_date = p.paid_on AND s.base_fen > 0 AND {_LATE})",
        keys,
        days=parameter("hides_overdue_days", day),
    )
    for row in rows:
        yield Suspicion(key=(row.book_id, row.loan_id), rule="hides_overdue", subject=row.subject, facts=_facts(row))


def extension_signed_late(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield loans with an extension agreed after the maturity it moves, or after the working day on which that fell due."""
    rows = _ask(
        session,
        "SELECT * FROM (SELECT e.book_id, e.loan_id, e.kind, e.reference, e.value_date, e.actor, "
        "  CAST(coalesce(lag(e.body ->> 'maturity') OVER (PARTITION BY e.book_id, e.loan_id ORDER BY e.value_date, e.seq), "
        "  l.terms ->> 'maturity') AS date) AS matured, CAST(e.body ->> 'maturity' AS date) AS until "
        f"  FROM {_ASKED} JOIN loans.loan l ON l.book_id = a.book_id AND l.id = a.loan_id "
        f"  {_events('a')} AND e.kind IN ('extended', 'restructured') "
        f"  WHERE {_in_effect('e')}) AS moved WHERE kind = 'extended' AND value_date > matured",
        keys,
    )
    for row in rows:
        if row.value_date > following_working_day(row.matured):
            behind = {
                "serial": row.reference, "signed_on": str(row.value_date), "matured_on": str(row.matured),
                "until": str(row.until), "by": row.actor,
            }  # fmt: skip
            yield Suspicion(
                key=(row.book_id, row.loan_id), rule="extension_signed_late", subject=row.reference,
                facts={"count": 1, "rows": [behind]},
            )  # fmt: skip


def out_of_time(session: Session, keys: Collection[Key], day: date) -> Iterator[Suspicion]:
    """Yield debts whose limitation period has ended or soon will, or that were demanded after its end."""
    soon = day + timedelta(days=parameter("limitation_warning_days", day))
    rows = _ask(
        session,
        "SELECT a.book_id, a.loan_id, due.day, ARRAY(SELECT d.value_date FROM loans.dunning d WHERE d.book_id = a.book_id "
        f"  AND d.loan_id = a.loan_id AND {INTERRUPTS}) AS demands, "
        "  ARRAY(SELECT e.value_date FROM loans.event e WHERE e.book_id = a.book_id "
        f"  AND e.loan_id = a.loan_id AND e.kind = 'repaid' AND {_in_effect('e')}) AS payments "
        f"FROM {_ASKED} JOIN loans.standing s ON s.book_id = a.book_id AND s.loan_id = a.loan_id AND s.known_to_seq IS NULL "
        "CROSS JOIN LATERAL (SELECT max(i.nominal_date) AS day FROM loans.instalment i WHERE i.book_id = a.book_id "
        "  AND i.loan_id = a.loan_id AND i.known_to_seq IS NULL) AS due "
        "WHERE s.principal_fen + s.given_up_fen > 0 AND due.day + interval '2 years' <= CAST(:soon AS date)",
        keys,
        soon=soon,
    )
    for row in rows:
        found = limitation(row.day, row.demands, row.payments)
        state = "late" if found.late else "ended" if found.ends_on < day else "ending" if found.ends_on <= soon else None
        if state is not None:
            behind = {
                "state": state, "due_on": str(row.day), "began_on": str(found.began_on), "ends_on": str(found.ends_on),
                "late_dunnings": [str(one) for one in found.late],
            }  # fmt: skip
            yield Suspicion(key=(row.book_id, row.loan_id), rule="limitation", facts={"count": 1, "rows": [behind]})


def heir_over_cap(session: Session, keys: Collection[Key], _: date) -> Iterator[Suspicion]:
    """Yield inherited loans with which their household owes more than the cap in force on the day of the inheritance."""
    rows = _ask(
        session,
        "SELECT mine.book_id, mine.loan_id, mine.product, mine.county, mine.bank, mine.day, sum(s.principal_fen) AS fen, "
        f"  count(*) AS total, (array_agg(jsonb_build_object({_LOAN}) ORDER BY l.book_id, l.id))[1:CAST(:most AS integer)] "
        "  AS rows FROM (SELECT a.book_id, a.loan_id, o.product, o.county, o.household, k.bank, max(e.value_date) AS day "
        f"  FROM {_ASKED} JOIN loans.loan o ON o.book_id = a.book_id AND o.id = a.loan_id JOIN ledger.book k ON k.id = o.book_id "
        f"  {_events('a')} AND e.kind = 'inherited' "
        f"  WHERE {_in_effect('e')} GROUP BY a.book_id, a.loan_id, o.product, o.county, o.household, k.bank) AS mine "
        "JOIN loans.loan l ON l.county = mine.county AND l.household = mine.household AND l.product = mine.product "
        f"JOIN loans.standing s ON s.book_id = l.book_id AND s.loan_id = l.id AND s.known_to_seq IS NULL {_NAMED} "
        "WHERE s.principal_fen > 0 "
        "GROUP BY mine.book_id, mine.loan_id, mine.product, mine.county, mine.bank, mine.day",
        keys,
    )
    policies = policy_rows(session, {row.county for row in rows}) if rows else ()
    for row in rows:
        cap = policy_on(policies, row.product, row.county, row.bank, row.day).cap_fen
        if cap is not None and row.fen > cap.value:
            facts = {**_facts(row), "inherited_on": str(row.day), "cap_fen": cap.value, "source": cap.source}
            yield Suspicion(key=(row.book_id, row.loan_id), rule="heir_over_cap", facts=facts)


FINDERS: Mapping[str, Callable[[Session, Collection[Key], date], Iterator[Suspicion]]] = {
    "shared_payee": shared_payee, "shared_payee_name": shared_payee_name, "shared_phone": shared_phone, "on_list": on_list,
    "same_id_two_banks": same_id_two_banks,
    "hides_overdue": hides_overdue, "extension_signed_late": extension_signed_late, "limitation": out_of_time,
    "heir_over_cap": heir_over_cap,
}  # fmt: skip
"""How each rule is asked, by its code."""


def _events(of: str, book_id: str = "book_id", loan_id: str = "loan_id") -> str:
    """Return the join to the events `e` of the loans `of`, by their index: OFFSET keeps a planner without statistics, as of
    books that were filled a moment ago, from reading all events for each loan.
    """
    return (
        f"JOIN LATERAL (SELECT x.* FROM loans.event x WHERE x.book_id = {of}.{book_id} AND x.loan_id = {of}.{loan_id} OFFSET 0) "
        "AS e ON true"
    )


def _in_effect(e: str) -> str:
    """Return the condition that an event was not reversed."""
    return (
        f"NOT EXISTS (SELECT FROM loans.event r WHERE r.book_id = {e}.book_id AND r.loan_id = {e}.loan_id "
        f"AND r.kind = 'reversed' AND r.body ->> 'of' = {e}.reference)"
    )


def _ask(session: Session, sql: str, keys: Collection[Key], **values: object) -> list[Row[Any]]:
    books, loans = zip(*keys, strict=True) if keys else ((), ())
    given = {"books": list(books), "loans": list(loans), **({"most": MOST_ROWS} if ":most" in sql else {}), **values}
    return list(session.execute(text(sql), given))


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {"count": row.total, "rows": row.rows}
