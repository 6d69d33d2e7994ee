"""The 年终决算: the year's statements, and notes (附注) whose figures come from the same books."""

from collections.abc import Callable
from string import Formatter

from sqlalchemy.orm import Session

from ledger.banking.queries import accounts, bank_balance_fen, book_balance_fen, items_open_on
from ledger.money import yuan
from ledger.reports.figures import gather
from ledger.reports.form import Form, FormNote, Layout, Span
from ledger.reports.idle import idle_fen
from ledger.reports.making import report
from ledger.reports.question import Question
from ledger.reports.report import Report

IDLE = "idle-funds"
"""The report that tells what is idle."""
EXTRAS = frozenset({"books", "idle", "idle_old", "bank_accounts", "open_items", "bank_difference"})
"""What notes can name besides their own figures."""

Part = Callable[[str, Question], Report]


def final_accounts(session: Session, form: Form, layout: Layout, asked: Question, part: Part) -> Report:
    """Return the year's final accounts as of the day asked for: its parts, made by `part`, and its notes."""
    parts = [part(name, asked) for name in layout.parts]
    wanted = [(Span.YEAR, formula) for note in layout.notes for _, formula in note.figures]
    figures = gather(session, asked, wanted)
    said = _extras(session, layout, asked, part)
    notes = []
    for number, note in enumerate(layout.notes, start=1):
        sums = {
            name: yuan(sum(figures.value(formula, Span.YEAR, group, {}) for group in figures.groups))
            for name, formula in note.figures
        }
        notes.append(f"{number}. {note.text.format(**said, **sums)}")
    return report(form, layout, asked, (), notes=notes, parts=parts)


def unknown_names(note: FormNote) -> set[str]:
    """Return the names in a note's text that nothing gives."""
    return {name for _, name, _, _ in Formatter().parse(note.text) if name is not None} - EXTRAS - {n for n, _ in note.figures}


def _extras(session: Session, layout: Layout, asked: Question, part: Part) -> dict[str, str]:
    """Return what notes may say of idle money and of the special accounts."""
    named = {name for note in layout.notes for _, name, _, _ in Formatter().parse(note.text)}
    said = {"books": "、".join(book.code for book in asked.books)}
    if named & {"idle", "idle_old"}:
        idle, old = idle_fen(part(IDLE, asked))
        said |= {"idle": yuan(idle), "idle_old": yuan(old)}
    held = [account for book in asked.books for account in accounts(session, book.id)]
    day = asked.last_day
    return said | {
        "bank_accounts": str(len(held)),
        "open_items": str(sum(len(items_open_on(session, account, day)) for account in held)),
        "bank_difference": yuan(
            sum(book_balance_fen(session, account, day) - bank_balance_fen(session, account, day) for account in held)
        ),
    }
