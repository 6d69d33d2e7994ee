"""Figures of a form: its formulas over the spans of a question, by book and dimensions, so that a consolidation is the sum."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeAlias

from sqlalchemy.orm import Session

from ledger.money import round_half_up
from ledger.reports.form import Layout, Span
from ledger.reports.formula import Flow, Formula, Term, value
from ledger.reports.queries import Flows, Group, account_titles, flows
from ledger.reports.question import Question

Kinds: TypeAlias = tuple[str, ...]
_NONE: Mapping[str, Flow] = {}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was asked of the journal, by span and kinds of entry."""

    found: Mapping[tuple[Span, Kinds], Flows]

    @property
    def groups(self) -> list[Group]:
        """The groups of which anything is known, in order of books and dimensions."""
        mine = {group for flows_ in self.found.values() for group in flows_}
        return sorted(mine, key=lambda group: (group[0], *(str(part or "") for part in group[1:])))

    def value(self, formula: Formula, span: Span, group: Group, known: Mapping[str, int]) -> int:
        """Return what a formula comes to for a group, other figures given by key."""
        return value(formula, known.__getitem__, lambda kinds: self.found[span, kinds].get(group, _NONE))


def gather(session: Session, asked: Question, wanted: Iterable[tuple[Span, Formula]], by: Sequence[str] = ()) -> Figures:
    """Ask the journal for all that formulas need, once for each span and kinds of entry."""
    terms = [(span, part) for span, formula in wanted for part in formula if isinstance(part, Term)]
    codes = list(account_titles(session, asked.ids))
    needed: dict[tuple[Span, Kinds], set[str]] = {}
    for span, term in terms:
        needed.setdefault((span, term.kinds), set()).update(code for code in codes if term.covers(code))
    return Figures(
        {
            (span, kinds): flows(session, asked, *days_of(span, asked), by=by, kinds=kinds, accounts=sorted(accounts))
            for (span, kinds), accounts in needed.items()
        }
    )


def days_of(span: Span, asked: Question) -> tuple[date | None, date]:
    """Return the half-open days of a span; None: from the beginning."""
    match span:
        case Span.PERIOD:
            return asked.since, asked.end
        case Span.YEAR:
            return asked.year, asked.end
        case Span.LIFE:
            return None, asked.end
        case Span.LAST_YEAR:
            return None, asked.year


def in_scope(session: Session, asked: Question, layout: Layout) -> frozenset[str]:
    """Return the keys of lines that the books asked have an account for, or that ask none."""
    codes = list(account_titles(session, asked.ids))
    return frozenset(
        line.key
        for line in layout.lines
        if not (terms := [part for part in line.formula if isinstance(part, Term)])
        or any(term.covers(code) for term in terms for code in codes)
    )


def share(part: int, whole: int) -> int | None:
    """Return a part of a whole in hundredths of a per cent; None if there is no whole."""
    return round_half_up(Fraction(10_000 * part, whole)) if whole else None
