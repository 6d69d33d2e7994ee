"""Foreign engines as judges: what fupin exports, hledger, ledger and beancount must read the same, to the fen."""

import csv
import io
import subprocess
from datetime import date, datetime
from pathlib import Path

import pytest
from conftest import needs
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan, close_nights

from app import wiring
from ledger import queries
from ledger.books import Book, books
from ledger.interchange import beancount as to_beancount
from ledger.interchange import hledger as to_hledger
from ledger.interchange import notes, table
from ledger.journal import JournalEntry, credit, debit
from ledger.money import decimal_yuan, parse_yuan
from ledger.posting import post, post_many
from ledger.queries import entries, trial_balance
from ledger.reversal import reverse
from loans.events import Repaid

AWKWARD = (
    '拨入 "专项" 资金', "a;b|c", "[2017-13-45] date:x, :tag: (v) {1} @ 2 = 3", "=SUM(A1)", "back\\slash\\", "two\nlines\t\r\n", "  spaced  ", "", "\x01\x7f\u2028\U0001f33e",
)  # fmt: skip
"""Texts that one program or another would take for its own."""


@pytest.fixture
def journal(session: Session, city: dict[str, Book]) -> Session:
    """Books with some life in them: a fund, a loan through its nights, a red reversal, awkward text."""
    rcf, lb = city["RCF"], city["LB"]
    lines = (debit("1004", 500_000_00), credit("4007.01", 500_000_00))
    post_many(
        session,
        [
            JournalEntry(book=rcf.code, reference=f'fund/{n}"; x', kind="fund", value_date=date(2017, 1, 2), narration=n, postings=lines)
            for n in (*AWKWARD, "plain")
        ],
    )  # fmt: skip
    reverse(session, rcf.code, 'fund/plain"; x', date(2017, 1, 3), "t", "重复")
    close_nights(session, date(2017, 1, 1), date(2017, 1, 1))
    bullet_loan(session, lb, date(2017, 1, 2), 5_000_000, [Repaid(reference="r", value_date=date(2017, 1, 2), fen=1)])
    close_nights(session, date(2017, 1, 2), date(2017, 3, 25))
    return session


def expected(session: Session) -> dict[str, int]:
    return {f"{line.book}:{line.account}": line.turnover.balance_fen for line in trial_balance(session)}


def write(tmp_path: Path, name: str, pieces) -> Path:
    path = tmp_path / name
    path.write_text("".join(pieces), encoding="utf-8")
    return path


def test_hledger_and_fupin_have_the_same_trial_balance(journal: Session, tmp_path: Path) -> None:
    hledger = needs("hledger")
    path = write(tmp_path, "j.hledger", to_hledger.journal(journal, books(journal)))
    subprocess.run([hledger, "-f", path, "check"], check=True)
    output = subprocess.run(
        [hledger, "-f", path, "bal", "-E", "-N", "--flat", "-O", "csv"], check=True, capture_output=True, text=True
    ).stdout
    found = {row["account"]: parse_yuan(row["balance"].removesuffix(" CNY")) for row in csv.DictReader(io.StringIO(output))}
    assert found == expected(journal)


def test_ledger_and_fupin_have_the_same_trial_balance(journal: Session, tmp_path: Path) -> None:
    ledger = needs("ledger")
    path = write(tmp_path, "j.ledger", to_hledger.journal(journal, books(journal)))
    output = subprocess.run(
        [ledger, "-f", path, "bal", "--flat", "--empty", "--no-total", "--format", "%(account)\t%(quantity(total))\n"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = {name: parse_yuan(amount) for name, amount in (line.split("\t") for line in output.splitlines() if line)}
    assert found == expected(journal)


def test_beancount_finds_nothing_and_has_the_same_balances(journal: Session, tmp_path: Path) -> None:
    from beancount import loader
    from beancount.core import realization

    path = write(tmp_path, "j.beancount", to_beancount.journal(journal, books(journal)))
    loaded, errors, _ = loader.load_file(str(path))
    assert not errors
    real = realization.realize(loaded)
    found = {}
    for account in realization.iter_children(real, leaf_only=True):
        _, book, code = account.account.split(":")
        units = account.balance.get_currency_units("CNY").number
        found[f"{book}:{code.replace('-', '.')}"] = int(units * 100)
    assert {k: v for k, v in found.items() if k in expected(journal)} == expected(journal)


def test_one_fen_changed_is_caught_by_all_three(journal: Session, tmp_path: Path) -> None:
    from beancount import loader

    text = "".join(to_hledger.journal(journal, books(journal)))
    wrong = write(tmp_path, "wrong.hledger", [text.replace("  50000.00 CNY", "  50000.01 CNY", 1)])
    for program, arguments in ((needs("hledger"), ["check"]), (needs("ledger"), ["bal"])):
        assert subprocess.run([program, "-f", wrong, *arguments], capture_output=True, check=False).returncode != 0
    text = "".join(to_beancount.journal(journal, books(journal)))
    wrong = write(tmp_path, "wrong.beancount", [text.replace("  50000.00 CNY", "  50000.01 CNY", 1)])
    assert loader.load_file(str(wrong))[1]


def test_csv_has_every_posting_and_the_same_bytes_twice(journal: Session) -> None:
    first, second = ("".join(table.csv_journal(journal, books(journal))) for _ in range(2))
    assert first == second
    sums: dict[str, int] = {}
    for row in csv.DictReader(io.StringIO(first)):
        sign = 1 if row["side"] == "借" else -1
        key = f"{row['book']}:{row['account']}"
        sums[key] = sums.get(key, 0) + sign * parse_yuan(row["amount"])
    assert sums == expected(journal)


def test_a_single_book_can_be_exported(journal: Session, city: dict[str, Book]) -> None:
    text = "".join(to_hledger.journal(journal, [city["RCF"]]))
    assert "LB-371621" not in text
    assert decimal_yuan(50_000_000) in text


def test_all_ties_hold_over_these_books(journal: Session, city: dict[str, Book]) -> None:
    entry = JournalEntry(
        book=city["LB"].code, reference="m", kind="manual", value_date=date(2017, 3, 1), narration="手工",
        postings=(debit("1132.09", 1), credit("6011.01", 1)),
    )  # fmt: skip
    assert all(check.ok for check in wiring.verify(journal))
    post(journal, entry)
    assert [check.check for check in wiring.verify(journal) if not check.ok] == [
        f"loans: 1132.09 of {city['LB'].code} moved since the last night by what was charged"
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["reference", "narration", "word"]), st.text()), unique_by=lambda pair: pair[0], min_size=1
    )
)
def test_notes_say_what_was_written(pairs: list[tuple[str, str]]) -> None:
    comment = notes.written(pairs)
    assert comment.isprintable()
    assert not set(comment) & set(";[](){}@=")
    assert dict(notes.read(comment)) == dict(pairs)


def test_xlsx_has_dates_numbers_and_no_formula(journal: Session, tmp_path: Path) -> None:
    path = tmp_path / "j.xlsx"
    table.write_xlsx(journal, books(journal), path)
    sheet = load_workbook(path).worksheets[0]
    headings, *lines = ([cell.value for cell in row] for row in sheet.iter_rows())
    assert headings == list(table.COLUMNS.values())
    assert sheet.freeze_panes == "A2"
    sums: dict[str, int] = {}
    for line in lines:
        row = dict(zip(table.COLUMNS, line, strict=True))
        assert isinstance(row["value_date"], datetime)
        fen = round(row["amount"] * 100)
        key = f"{row['book']}:{row['account']}"
        sums[key] = sums.get(key, 0) + (fen if row["side"] == "借" else -fen)
    assert sums == expected(journal)
    (told,) = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value == "=SUM(A1)"}
    assert told == "s"


def test_a_sheet_that_is_full_goes_on_in_another(journal: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_ROWS", 100)
    table.write_xlsx(journal, books(journal), tmp_path / "j.xlsx")
    sheets = load_workbook(tmp_path / "j.xlsx").worksheets
    rows = sum(1 for _ in table.csv_journal(journal, books(journal))) - 1
    assert [sheet.max_row - 1 for sheet in sheets] == [100] * (rows // 100) + [rows % 100]
    assert {sheet["A1"].value for sheet in sheets} == {"账套"}


def test_entries_are_read_page_by_page(journal: Session, city: dict[str, Book], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(entries(journal, city["LB"].id))
    monkeypatch.setattr(queries, "PAGE", 7)
    assert list(entries(journal, city["LB"].id)) == whole
    assert list(entries(journal, city["LB"].id, since_seq=whole[2].seq, limit=15)) == whole[3:18]
    first = date(2017, 2, 1)
    assert list(entries(journal, city["LB"].id, since=first)) == [one for one in whole if one.entry.value_date >= first]
