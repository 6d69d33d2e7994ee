"""Rules of matching (勾对规则), in their order: each proposes, says why, and is sure or not; only sure ones are ever made.

Pure: what is open on both sides goes in, proposals come out. What a rule is sure of is taken away before the next one
looks; what stays ambiguous is a suggestion (建议) for a person.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from ledger.banking.items import OPENING, BookItem, Lesson, LineItem, PostingKey, pattern_of, shown_name
from ledger.banking.parameters import Parameters
from ledger.calendar import DAY
from ledger.money import yuan

Item: TypeAlias = BookItem | LineItem
MOST_NAMED = 5
SHORTEST_REFERENCE = 4


class Rule(StrEnum):
    """By what a match was found."""

    RED = "red"
    OPENING = "opening"
    REFERENCE = "reference"
    AMOUNT = "amount"
    PARTS = "parts"
    LEARNED = "learned"
    PERSON = "person"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _LABELS[self]


_LABELS = dict(zip(Rule, ("红字对冲", "期初余额", "流水号", "金额日期", "合并金额", "以往勾对", "人工"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What belongs together, by which rule and why. A lesson without postings says how such a line was booked before."""

    rule: Rule
    reason: str
    sure: bool
    postings: tuple[BookItem, ...] = ()
    lines: tuple[LineItem, ...] = ()
    lesson: Lesson | None = None

    @property
    def members(self) -> set[Item]:
        """All that it is about."""
        return {*self.postings, *self.lines}


@dataclass(frozen=True, slots=True)
class Open:
    """What is open on both sides, what persons taught, and the parameters."""

    postings: tuple[BookItem, ...]
    lines: tuple[LineItem, ...]
    lessons: tuple[Lesson, ...]
    parameters: Parameters

    def near(self, one: Item, other: Item) -> bool:
        """Tell whether two items lie within the window of days."""
        return abs((one.day - other.day).days) <= self.parameters.window_days

    def around(self, day: date) -> list[date]:
        """Return the days of the window around one."""
        window = self.parameters.window_days
        return [day + offset * DAY for offset in range(-window, window + 1)]

    def without(self, gone: set[Item]) -> "Open":
        """Return what is left."""
        postings = tuple(item for item in self.postings if item not in gone)
        return Open(postings, tuple(item for item in self.lines if item not in gone), self.lessons, self.parameters)


def propose(
    postings: Iterable[BookItem], lines: Iterable[LineItem], lessons: Iterable[Lesson], parameters: Parameters
) -> tuple[Proposal, ...]:
    """Return what the rules find, those they are sure of first; no item is in two of these."""
    left = Open(tuple(postings), tuple(lines), tuple(lessons), parameters)
    sure: list[Proposal] = []
    doubtful: list[Proposal] = []
    for rule in (_reversed_in_red, _opening, _by_reference, _by_amount, _by_parts, _by_lessons):
        taken: set[Item] = set()
        for one in rule(left):
            if one.sure and not one.members & taken:
                taken |= one.members
                sure.append(one)
            else:
                doubtful.append(replace(one, sure=False))
        left = left.without(taken)
    still = {*left.postings, *left.lines}
    return (*sure, *(one for one in doubtful if one.members <= still))


def _reversed_in_red(left: Open) -> Iterator[Proposal]:
    """A red entry and its original cancel each other out on the books; the bank never saw either."""
    by_entry: dict[int, list[BookItem]] = defaultdict(list)
    for item in left.postings:
        by_entry[item.seq].append(item)
    for red in list(by_entry.values()):
        original = by_entry.get(red[0].reverses or 0, [])
        if original and not _sum((*original, *red)):
            reason = f"{red[0].voucher} 红字冲销 {original[0].voucher}，账上自相抵消"
            yield Proposal(rule=Rule.RED, reason=reason, sure=True, postings=(*original, *red))


def _opening(left: Open) -> Iterator[Proposal]:
    """What was on the account before its first statement is what the books had until then."""
    for opening in (line for line in left.lines if line.number == OPENING):
        before = tuple(item for item in left.postings if item.day <= opening.day)
        if before and _sum(before) == opening.fen:
            reason = f"截至 {opening.day} 的账面发生额之和等于首份对账单的期初余额"
            yield Proposal(rule=Rule.OPENING, reason=reason, sure=True, postings=before, lines=(opening,))


def _by_reference(left: Open) -> Iterator[Proposal]:
    """The bank's reference names our entry, and both sides of it come to the same."""
    ours: dict[str, list[BookItem]] = defaultdict(list)
    theirs: dict[str, list[LineItem]] = defaultdict(list)
    for item in left.postings:
        for name in _names(item.reference):
            ours[name].append(item)
    for line in _movements(left):
        for name in {line.line.reference, line.line.serial} & ours.keys():
            theirs[name].append(line)
    for name, lines in sorted(theirs.items()):
        if _sum(ours[name]) == _sum(lines):
            reason = f"流水号 {name} 相同"
            yield Proposal(rule=Rule.REFERENCE, reason=reason, sure=True, postings=tuple(ours[name]), lines=tuple(lines))


def _by_amount(left: Open) -> Iterator[Proposal]:
    """Same amount within the window; sure if each is the other's only one."""
    ours: dict[tuple[int, date], list[BookItem]] = defaultdict(list)
    theirs: dict[tuple[int, date], list[LineItem]] = defaultdict(list)
    for item in left.postings:
        ours[item.fen, item.day].append(item)
    for line in _movements(left):
        theirs[line.fen, line.day].append(line)
    given: set[PostingKey] = set()
    for fen, day in sorted(theirs):
        near = sorted((one for at in left.around(day) for one in ours.get((fen, at), ())), key=lambda one: abs(one.day - day))
        rivals = sum(len(theirs.get((fen, at), ())) for at in left.around(near[0].day)) if near else 0
        for line in theirs[fen, day]:
            if len(near) == rivals == 1:
                reason = f"金额 {yuan(fen)} 相同，日期相差 {abs(near[0].day - day).days} 天，两边都只此一笔"
                yield Proposal(rule=Rule.AMOUNT, reason=reason, sure=True, postings=(near[0],), lines=(line,))
            elif best := next((one for one in near if one.key not in given), None):
                given.add(best.key)
                reason = f"金额 {yuan(fen)} 相同，但账上有 {len(near)} 笔、对账单有 {rivals} 笔可对：{_named(near)}"
                yield Proposal(rule=Rule.AMOUNT, reason=reason, sure=False, postings=(best,), lines=(line,))


def _by_parts(left: Open) -> Iterator[Proposal]:
    """One on one side is several on the other: all of a day, or of a day and a counterparty or kind; or some, found by search."""
    movements = _movements(left)
    for wholes, parts in ((movements, left.postings), (left.postings, movements)):
        groups, by_day = _groups(parts), _by_day(parts)
        fits = {whole: [group for group in groups[whole.fen] if left.near(whole, group[0])] for whole in wholes}
        claims: dict[Item, int] = defaultdict(int)
        for found in fits.values():
            for item in {item for group in found for item in group}:
                claims[item] += 1
        for whole, found in fits.items():
            if len(found) == 1 and all(claims[item] == 1 for item in found[0]):
                yield _of_parts(whole, found[0], "同日各笔之和", sure=True)
            elif parts_found := found[0] if found else _search(left, whole, by_day):
                yield _of_parts(whole, parts_found, "若干笔之和", sure=False)


def _by_lessons(left: Open) -> Iterator[Proposal]:
    """A line like those that a person matched with a kind of entry; without such an entry, how it was booked before."""
    taught: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in left.lessons:
        taught[lesson.pattern].append(lesson)
    kin: dict[tuple[int, str], list[BookItem]] = defaultdict(list)
    for item in left.postings:
        kin[item.fen, item.kind].append(item)
    candidates = [
        (line, lesson, [one for one in kin[line.fen, lesson.kind] if left.near(one, line)])
        for line in _movements(left)
        for lesson in taught.get(pattern_of(line.line), ())
    ]
    rivals = Counter(item for _, _, found in candidates for item in found)
    for line, lesson, found in candidates:
        alone = len(taught[lesson.pattern]) == 1
        name = shown_name(lesson.pattern) if line.line.counterparty else lesson.pattern
        before = f"“{name}”以往 {lesson.times} 次勾对为 {lesson.kind}"
        if found:
            sure = alone and len(found) == rivals[found[0]] == 1
            yield Proposal(rule=Rule.LEARNED, reason=before, sure=sure, postings=(found[0],), lines=(line,), lesson=lesson)
        elif alone:
            reason = f"{before}，摘要“{lesson.narration}”，账上尚无此笔"
            yield Proposal(rule=Rule.LEARNED, reason=reason, sure=False, lines=(line,), lesson=lesson)


def _of_parts(whole: Item, parts: Sequence[Item], how: str, *, sure: bool) -> Proposal:
    items = (whole, *parts)
    return Proposal(
        rule=Rule.PARTS, reason=f"{yuan(whole.fen)} 为{how}（{len(parts)} 笔）", sure=sure,
        postings=tuple(item for item in items if isinstance(item, BookItem)),
        lines=tuple(item for item in items if isinstance(item, LineItem)),
    )  # fmt: skip


def _groups(parts: Sequence[Item]) -> dict[int, list[tuple[Item, ...]]]:
    """Return, by their sums, the groups of two or more of a day and direction, or of one counterparty or kind of entry there."""
    by: dict[tuple[object, ...], list[Item]] = defaultdict(list)
    for item in parts:
        for name in (None, pattern_of(item.line) if isinstance(item, LineItem) else item.kind):
            by[item.day, item.fen > 0, name].append(item)
    found: dict[int, list[tuple[Item, ...]]] = defaultdict(list)
    for group in dict.fromkeys(tuple(group) for group in by.values() if len(group) > 1):
        found[_sum(group)].append(group)
    return found


def _by_day(items: Sequence[Item]) -> dict[date, list[Item]]:
    found: dict[date, list[Item]] = defaultdict(list)
    for item in items:
        found[item.day].append(item)
    return found


def _search(left: Open, whole: Item, parts: Mapping[date, list[Item]]) -> tuple[Item, ...]:
    """Return the fewest parts near a whole that come to it, among as many as the parameters allow; empty if none do."""
    around = [one for day in left.around(whole.day) for one in parts.get(day, ())]
    near = [one for one in around if one.fen * whole.fen > 0 and abs(one.fen) < abs(whole.fen)]
    if len(near) > left.parameters.most_candidates:
        return ()
    reached: dict[int, tuple[Item, ...]] = {0: ()}
    for one in near:
        for fen, chosen in list(reached.items()):
            longer = (*chosen, one)
            if len(reached.get(fen + one.fen, (*longer, one))) > len(longer):
                reached[fen + one.fen] = longer
    return reached.get(whole.fen, ())


def _movements(left: Open) -> tuple[LineItem, ...]:
    return tuple(line for line in left.lines if line.number != OPENING)


def _names(reference: str) -> set[str]:
    """Return what a bank may call an entry: its reference or a part of it that is long enough to be a number."""
    plain = reference.partition("~")[0]
    return {part for part in (plain, *plain.split("/")) if len(part) >= SHORTEST_REFERENCE and any(map(str.isdigit, part))}


def _named(items: Sequence[BookItem]) -> str:
    return "、".join(item.voucher for item in items[:MOST_NAMED]) + (" 等" if len(items) > MOST_NAMED else "")


def _sum(items: Iterable[Item]) -> int:
    return sum(item.fen for item in items)
