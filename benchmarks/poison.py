"""Poison (坏数据): a loan whose data break the night; it is set aside, nights go on, and once repaired it is caught up."""

import json
from datetime import date
from random import Random

from benchmarks.fortnight import STOPS, Place, close_in_peace, live, outcome, start
from ledger.server import DATABASE

POISONED = "poisoned loan"
HUGE = "UPDATE loans.stream SET base_fen = 9000000000000000000 WHERE book_id = %s AND loan_id = %s AND known_to_seq IS NULL"
LUNAR = "UPDATE loans.stream SET day_count = 'lunar' WHERE book_id = %s AND loan_id = %s AND known_to_seq IS NULL"


def poisoned_fortnight(at: Place, luck: Random) -> bool:
    """Live a fortnight in which a loan is broken before one stop and repaired after a later one; tell if it was set aside."""
    begin = luck.randrange(len(STOPS) - 1)
    end = luck.randrange(begin, len(STOPS) - 1)  # the night after a release posts what accrued meanwhile
    sick = luck.choice([n for n in range(2, 27) if n % len(STOPS) not in range(begin, end)])  # nobody pays while it is set aside
    poison = luck.choice((HUGE, LUNAR))
    terms, met = "", False

    def close(through: date) -> None:
        nonlocal terms, met
        if through == STOPS[begin]:
            ((book, loan, terms),) = at.ask(
                f"SELECT book_id, id, terms::text FROM loans.loan ORDER BY book_id, id OFFSET {sick} LIMIT 1", within=DATABASE
            )
            at.ask("SET session_replication_role = replica", poison % (book, loan), within=DATABASE)
        close_in_peace(at, through)
        if through == STOPS[end]:
            met = _repair(at, sick, str(terms))

    live(at, close)
    return met


def _repair(at: Place, sick: int, terms: str) -> bool:
    """Repair a loan and release it, if it was set aside."""
    ((book, loan, contract, code),) = at.ask(
        "SELECT l.book_id, l.id, l.contract, b.code FROM loans.loan l JOIN ledger.book b ON b.id = l.book_id "
        f"ORDER BY l.book_id, l.id OFFSET {sick} LIMIT 1",
        within=DATABASE,
    )
    mended = json.dumps(json.loads(terms)).replace("'", "''")
    at.ask(f"UPDATE loans.loan SET terms = '{mended}'::jsonb WHERE book_id = {book} AND id = {loan}", within=DATABASE)
    ((aside,),) = at.ask("SELECT count(*) FROM loans.quarantine WHERE known_to_seq IS NULL", within=DATABASE)
    if not aside:
        return False
    code_of_exit = outcome(start(at, "quarantine", "release", str(contract), "--book", str(code)))
    assert code_of_exit == 0, at.said.read_text()
    return True
