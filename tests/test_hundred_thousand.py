"""100,000 random entries exported: hledger, ledger and beancount agree with the books to the fen, and none lets a fen pass."""

import csv
import io
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import pytest
from conftest import needs
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_interchange import AWKWARD

from ledger.books import Book, books
from ledger.interchange import beancount, hledger
from ledger.journal import Dimensions, JournalEntry, Posting, Side
from ledger.money import decimal_yuan, parse_yuan
from ledger.posting import post_many
from ledger.queries import trial_balance
from ledger.tables import account

ENTRIES, AT_A_TIME = 100_000, 5_000
READ_BY_BEANCOUNT = """
import sys
from collections import Counter
from beancount import loader
from beancount.core.data import Transaction
found, errors, _ = loader.load_file(sys.argv[1])
sums = Counter()
for entry in found:
    if isinstance(entry, Transaction):
        for posting in entry.postings:
            sums[posting.account] += posting.units.number
for name, number in sums.items():
    print(f"{name}\\t{number}")
sys.exit(len(errors) > 0)
"""


def random_entry(
    luck: random.Random, book: Book, accounts: list[str], number: int, texts: Sequence[str], day: date
) -> JournalEntry:
    """An entry of two to five lines, from a fen to ten billion yuan, a third of them in red, some texts awkward."""
    lines = [
        Posting(
            luck.choice(accounts), luck.choice(list(Side)), luck.choice((1, 1, -1)) * luck.randint(1, 10 ** luck.randint(1, 12)),
            Dimensions(bank="HMRCB", loan_id=luck.randint(1, 9_999)) if luck.random() < 0.2 else Dimensions(),
        )
        for _ in range(luck.randint(1, 4))
    ]  # fmt: skip
    residue = sum(p.fen if p.side is Side.DEBIT else -p.fen for p in lines)
    lines += [Posting(luck.choice(accounts), Side.CREDIT, residue)] if residue else []
    text = luck.choice(texts) if luck.random() < 0.2 else f"凭证 {number}"
    return JournalEntry(
        book=book.code, reference=f"random/{number}/{text}", kind="random", value_date=day,
        narration=text, postings=tuple(lines),
    )  # fmt: skip


def endowed(session: Session, book: Book, enough: int = 10**16) -> JournalEntry:
    """An entry after which nothing random overdraws a limited account of a book."""
    rows = session.execute(select(account.c.code, account.c.side, account.c.limited).where(account.c.book_id == book.id)).all()
    lines = [
        Posting(row.code, Side(row.side), enough, dims)
        for row in rows
        if row.limited
        for dims in (Dimensions(bank="HMRCB"), Dimensions())
    ]
    residue = sum(p.fen if p.side is Side.DEBIT else -p.fen for p in lines)
    free = min(row.code for row in rows if not row.limited)
    return JournalEntry(
        book=book.code, reference="endowed", kind="random", value_date=date(2017, 1, 1), narration="期初",
        postings=(*lines, Posting(free, Side.CREDIT, residue)) if residue else (*lines, Posting(free, Side.DEBIT, 1), Posting(free, Side.CREDIT, 1)),
    )  # fmt: skip


def post_random(session: Session, mine: list[Book], count: int, texts: Sequence[str] = AWKWARD) -> None:
    luck = random.Random(20171017)
    charts = {
        b.id: list(session.scalars(select(account.c.code).where(account.c.book_id == b.id).order_by(account.c.code)))
        for b in mine
    }
    post_many(session, [endowed(session, book) for book in mine])
    first = date(2017, 1, 1)  # a year's journal, some of it late by a day or two
    days = (first + timedelta(max(0, number * 365 // count - luck.randrange(3))) for number in range(count))
    given = ((number, day, luck.choice(mine)) for number, day in enumerate(days))
    made = (random_entry(luck, book, charts[book.id], number, texts, day) for number, day, book in given)
    while batch := list(islice(made, AT_A_TIME)):
        post_many(session, batch)


def as_hledger_said(output: str) -> dict[str, int]:
    rows = csv.DictReader(io.StringIO(output))
    return {row["account"]: parse_yuan(row["balance"].removesuffix(" CNY")) for row in rows}


def as_ledger_said(output: str) -> dict[str, int]:
    return {name: parse_yuan(amount) for name, amount in (line.split("\t") for line in output.splitlines() if line)}


def as_beancount_said(output: str) -> dict[str, int]:
    found = {}
    for line in output.splitlines():
        name, number = line.split("\t")
        _, book, code = name.split(":")
        found[f"{book}:{code.replace('-', '.')}"] = parse_yuan(number)
    return found


FORM = "%(account)\t%(quantity(total))\n"
JUDGES: dict[str, list[tuple[list[str], Callable[[str], dict[str, int]]]]] = {
    "j.beancount": [([sys.executable, "-c", READ_BY_BEANCOUNT], as_beancount_said)],
    "j.journal": [
        (["hledger", "bal", "-E", "-N", "--flat", "-O", "csv", "-f"], as_hledger_said),
        (["ledger", "bal", "--flat", "--empty", "--no-total", "--format", FORM, "-f"], as_ledger_said),
    ],
}
"""The three programs by the file that they read, which comes last: their commands, and how to read what they say."""


def hear(folder: Path, session: Session | None = None) -> list[tuple[int, dict[str, int]]]:
    """Export the books if a session is given, and return what each program said; each begins as soon as its file is there."""
    started = []
    for name, those in JUDGES.items():
        if session is not None:
            export(session, folder / name)
        for command, read in those:
            words = [needs(command[0]), *command[1:], str(folder / name)]
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            started.append((process, read))
    heard = [(process.communicate()[0], process.returncode, read) for process, read in started]
    return [(code, read(output) if code == 0 else {}) for output, code, read in heard]


def export(session: Session, path: Path) -> None:
    writer = beancount if path.suffix == ".beancount" else hledger
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(writer.journal(session, books(session)))


def change_a_fen(folder: Path, luck: random.Random) -> None:
    """Make one amount anywhere in each file a fen more or less."""
    for name in ("j.journal", "j.beancount"):
        text = (folder / name).read_text()
        amount = luck.choice(list(re.finditer(r"(?<=  )(-?\d+\.\d\d)(?= CNY)", text)))
        one_more = decimal_yuan(parse_yuan(amount[1]) + luck.choice((1, -1)))
        (folder / name).write_text(text[: amount.start()] + one_more + text[amount.end() :])


@pytest.mark.slow
def test_three_programs_agree_to_the_fen_about_100_000_random_entries(
    session: Session, city: dict[str, Book], tmp_path: Path
) -> None:
    post_random(session, list(city.values()), ENTRIES)
    ours = {f"{line.book}:{line.account}": line.turnover.balance_fen for line in trial_balance(session)}
    assert len(ours) > 50
    assert hear(tmp_path, session) == [(0, ours)] * 3
    change_a_fen(tmp_path, random.Random(20171120))
    assert [code != 0 for code, _ in hear(tmp_path)] == [True, True, True]


@pytest.mark.parametrize("luck", [random.Random(seed) for seed in range(4)])
def test_a_fen_changed_anywhere_is_caught_by_all_three(
    session: Session, city: dict[str, Book], tmp_path: Path, luck: random.Random
) -> None:
    post_random(session, list(city.values()), 300)
    assert [code for code, _ in hear(tmp_path, session)] == [0, 0, 0]
    change_a_fen(tmp_path, luck)
    assert [code != 0 for code, _ in hear(tmp_path)] == [True, True, True]
