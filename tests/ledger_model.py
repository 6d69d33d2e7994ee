"""A ledger as one person with paper would keep it: one book, one thing after another, no database.

It is told what happened in the order of the book's sequence and asserts that each thing could happen then; what the system
answered or refused is compared with what the model says.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from ledger.journal import JournalEntry, Side, in_red

STAGES = {
    "draft": ({None}, "draft"), "submit": ({"draft", "returned"}, "submitted"), "approve": ({"submitted"}, "approved"),
    "give_back": ({"submitted", "approved"}, "returned"), "post_voucher": ({"approved"}, "posted"),
    "discard": ({"draft", "returned", "submitted"}, "discarded"),
}  # fmt: skip
"""Per step of a voucher: the stages at which it can be taken, and the stage after it."""


LIMITED = {"1004": Side.DEBIT, "2015.01": Side.CREDIT}
"""The accounts that may not fall below zero, and their own side."""


@dataclass(frozen=True)
class Kept:
    """An entry with its place."""

    seq: int
    number: int
    entry: JournalEntry


@dataclass
class Model:
    """A book: what is posted, which months are closed, where vouchers are."""

    seq: int = 0
    entries: dict[str, Kept] = field(default_factory=dict)
    series: Counter = field(default_factory=Counter)
    closed: set[date] = field(default_factory=set)
    vouchers: dict[str, tuple[str, date, frozenset[str]]] = field(default_factory=dict)

    def copy(self) -> "Model":
        return replace(
            self, entries=dict(self.entries), series=Counter(self.series), closed=set(self.closed), vouchers=dict(self.vouchers)
        )

    # --- what happened ---

    def post(self, seq: int, number: int, entry: JournalEntry) -> None:
        month = entry.value_date.replace(day=1)
        assert not self.why_not_post(entry), entry.reference
        self._take(seq)
        self.series[month, entry.word] += 1
        assert number == self.series[month, entry.word], "numbers have no gap"
        self.entries[entry.reference] = Kept(seq, number, entry)

    def step(self, seq: int, serial: str, deed: str, actor: str, day: date) -> None:
        assert not self.why_not_step(serial, deed, actor), (serial, deed)
        self._take(seq)
        _, day, hands = self.vouchers.get(serial, ("", day, frozenset()))
        self.vouchers[serial] = STAGES[deed][1], day, hands | {actor} if deed in ("draft", "submit") else hands

    def close(self, seq: int, month: date) -> None:
        assert seq == self.seq
        assert month not in self.closed
        assert not self.why_not_close(month)
        self.closed.add(month)

    def reopen(self, seq: int, month: date) -> None:
        assert seq == self.seq
        assert not self.why_not_reopen(month)
        self.closed.remove(month)

    def _take(self, seq: int) -> None:
        self.seq += 1
        assert seq == self.seq, "each thing takes the next sequence"

    # --- what could not happen: the names of the refusals, none if it could ---

    def why_not_post(self, entry: JournalEntry) -> set[str]:
        kept = self.entries.get(entry.reference)
        if kept is not None:
            return set() if kept.entry.body_sha256 == entry.body_sha256 else {"ReferenceReused"}
        return {"PeriodClosed"} if entry.value_date.replace(day=1) in self.closed else set()

    def red(self, reference: str, day: date, actor: str, reason: str) -> JournalEntry:
        original = self.entries[reference]
        e = original.entry
        return JournalEntry(
            book=e.book, reference=f"reversal/{reference}", kind=e.kind, value_date=day, event=e.event, maker=actor,
            narration=f"注销 {e.value_date:%Y-%m} {e.word}字{original.number}号凭证：{reason}", postings=in_red(e.postings),
            reverses=original.seq,
        )  # fmt: skip

    def why_not_reverse(self, reference: str, day: date) -> set[str]:
        if reference not in self.entries:
            return {"UnknownEntry"}
        if self.entries[reference].entry.reverses is not None:
            return {"ReversalOfReversal"}
        if f"reversal/{reference}" in self.entries:
            return {"AlreadyReversed"}
        overdrawn = self.why_overdrawn([self.red(reference, day, "", "")])
        return overdrawn | ({"PeriodClosed"} if day.replace(day=1) in self.closed else set())

    def why_not_step(self, serial: str, deed: str, actor: str) -> set[str]:
        stage, day, hands = self.vouchers.get(serial, (None, None, frozenset()))
        refused = stage not in STAGES[deed][0]
        if deed == "approve":
            refused |= actor in hands
        if deed in ("submit", "approve", "post_voucher"):
            refused |= day is not None and day.replace(day=1) in self.closed
        return {"VoucherRefused"} if refused else set()

    def why_not_close(self, month: date) -> set[str]:
        earlier = {kept.entry.value_date.replace(day=1) for kept in self.entries.values()}
        return {"MonthNotReady"} if {one for one in earlier if one < month} - self.closed else set()

    def why_not_reopen(self, month: date) -> set[str]:
        last = max(self.closed, default=None)
        return set() if month == last else {"ReopeningRefused"}

    # --- what stood ---

    def turnovers(
        self, seq: int | None = None, until: date | None = None, by: tuple[str, ...] = ()
    ) -> dict[tuple, tuple[int, int]]:
        """Return (debits, credits) by (account, *dimensions) as of a date and as known at a sequence."""
        sums: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
        for kept in self.entries.values():
            if (seq is None or kept.seq <= seq) and (until is None or kept.entry.value_date <= until):
                for p in kept.entry.postings:
                    key = (p.account, *(getattr(p.dimensions, name) for name in by))
                    sums[key][p.side is Side.CREDIT] += p.fen
        return {key: (debits, credits_) for key, (debits, credits_) in sums.items()}

    def held(self, more: Iterable[JournalEntry] = ()) -> dict[tuple[str, str | None, date], int]:
        """Return what limited accounts hold at the end of each day on which they move, by bank, with some entries more."""
        moved: dict[tuple[str, str | None], Counter] = defaultdict(Counter)
        for entry in (*(kept.entry for kept in self.entries.values()), *more):
            for p in entry.postings:
                if p.account in LIMITED:
                    fen = p.fen if p.side is LIMITED[p.account] else -p.fen
                    moved[p.account, p.dimensions.bank][entry.value_date] += fen
        return {
            (account, bank, day): sum(fen for other, fen in days.items() if other <= day)
            for (account, bank), days in moved.items()
            for day in days
        }

    def why_overdrawn(self, more: Iterable[JournalEntry]) -> set[str]:
        """Return the refusal of entries that are posted together and would leave a limited account below zero on any day."""
        new = [entry for entry in more if entry.reference not in self.entries]
        return {"Overdrawn"} if min(self.held(new).values(), default=0) < 0 else set()
