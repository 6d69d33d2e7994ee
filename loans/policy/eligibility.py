"""Eligibility (准入): an application against the policy of its day, every rule with what it asks and what was found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.calendar import add_months
from ledger.money import percent, yuan
from loans.policy.parameters import Limit, Policy
from loans.terms.rates import months_of, references
from registry.households import Enrolment

EACH_DRAWING = frozenset(("建档立卡", "识别标准", "余额上限", "贴息本金上限", "风险补偿本金上限"))
"""The rules that must hold again whenever a part is drawn; the others are of the contract."""
AGE = frozenset(("最低年龄", "最高年龄"))
"""The rules that need a birthday, which only the file of an application or a loan brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule: the document that sets it, the value found, the limit, and whether the one keeps to the other."""

    rule: str
    source: str
    found: str
    limit: str
    ok: bool

    @property
    def sentence(self) -> str:
        """The finding as staff read it."""
        return f"{self.rule}：{self.found}，要求{self.limit}（{self.source}）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules look at; amounts in fen, the rate in ppb, penalty rates in per cent of it.

    `held_fen` is the household's balance in the product before this loan, and how much of it is subsidised and covered.
    """

    day: date
    maturity: date
    fen: int
    held_fen: int
    rate_ppb: int
    purpose: str
    enrolment: Enrolment | None
    born_on: date | None
    penalty_percent: int = 150
    misuse_percent: int = 200
    subsidised: bool = True
    covered: bool = True
    held_subsidised_fen: int = 0
    held_covered_fen: int = 0


def check(facts: Facts, policy: Policy) -> list[Finding]:
    """Return every rule of the policy with its outcome, never stopping at the first that fails (domain.md 1.1)."""
    return [
        *enrolled(facts.day, facts.enrolment, policy),
        *_amounts(facts, policy),
        *rate(facts.rate_ppb, facts.day, months_of(facts.day, facts.maturity), policy),
        *_penalties(facts, policy),
        *_age(facts, policy),
        *_use(facts, policy),
    ]


def years_of(born_on: date, day: date) -> int:
    """Return a person's full years of age on a day; who is born on 29 February is a year older on 1 March."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def enrolled(day: date, home: Enrolment | None, policy: Policy) -> Iterator[Finding]:
    """Yield what the policy asks of a household's place in the register on a day; nothing, if it does not ask."""
    if policy.registered is None or not policy.registered.value:
        return
    source = policy.registered.source
    yield Finding(
        rule="建档立卡", source=source, limit=f"不晚于 {day}",
        found=f"识别日期 {home.registered_on}" if home else "不在建档立卡系统中",
        ok=bool(home and home.registered_on <= day),
    )  # fmt: skip
    if home:
        yield Finding(
            rule="识别标准", source=source, found=home.standard_name, limit="国家建档立卡标准或监测户", ok=home.eligible
        )  # fmt: skip


def term(day: date, maturity: date, policy: Policy) -> Iterator[Finding]:
    """Yield how what is agreed on a day keeps to the longest term, counted from that day."""
    if months := policy.max_months:
        yield Finding(
            rule="期限", source=months.source, found=f"{day} 至 {maturity}", limit=f"不超过 {months.value} 个月",
            ok=maturity <= add_months(day, months.value),
        )  # fmt: skip


def rate(rate_ppb: int, day: date, months: int, policy: Policy) -> Iterator[Finding]:
    """Yield how a rate (ppb a year) that is agreed on a day keeps to the highest one; a reference is that of a term in months."""
    if policy.max_rate is None:
        return
    most, source = policy.max_rate.value, policy.max_rate.source
    limit = ""
    if isinstance(most, str):
        reference = references()[most]
        most = reference.on(day, months)
        limit = f"（{day} {reference.name}，{months} 个月）"
    yield Finding(
        rule="年利率", source=source, found=percent(rate_ppb), limit=f"不超过 {percent(most)}{limit}", ok=rate_ppb <= most
    )  # fmt: skip


def prolonged(before: int, policy: Policy) -> Iterator[Finding]:
    """Yield whether a loan that was extended or renewed so often may be once more."""
    if most := policy.max_extensions:
        yield Finding(
            rule="展期续贷次数", source=most.source, found=f"已 {before} 次", limit=f"合计不超过 {most.value} 次",
            ok=before < most.value,
        )  # fmt: skip


def _amounts(facts: Facts, policy: Policy) -> Iterator[Finding]:
    if cap := policy.cap_fen:
        yield Finding(
            rule="余额上限", source=cap.source, found=f"余额 {yuan(facts.held_fen)} 元，本次 {yuan(facts.fen)} 元",
            limit=f"合计不超过 {yuan(cap.value)} 元", ok=facts.held_fen + facts.fen <= cap.value,
        )  # fmt: skip
    if cap := policy.subsidised_cap_fen:
        yield _part("贴息", cap, facts.fen if facts.subsidised else 0, facts.held_subsidised_fen)
    if cap := policy.covered_cap_fen:
        yield _part("风险补偿", cap, facts.fen if facts.covered else 0, facts.held_covered_fen)
    yield from term(facts.day, facts.maturity, policy)


def _part(what: str, cap: Limit[int], fen: int, held_fen: int) -> Finding:
    """Hold what is subsidised or covered to its cap: what a household borrows beyond it stands in a loan of its own."""
    return Finding(
        rule=f"{what}本金上限", source=cap.source,
        found=f"已{what}余额 {yuan(held_fen)} 元，本次 {yuan(fen)} 元" if fen else f"本笔不{what}",
        limit=f"合计不超过 {yuan(cap.value)} 元，超出部分另立不{what}的借据", ok=not fen or held_fen + fen <= cap.value,
    )  # fmt: skip


def _penalties(facts: Facts, policy: Policy) -> Iterator[Finding]:
    bounds = (
        ("逾期罚息", facts.penalty_percent, policy.penalty_percent),
        ("挪用罚息", facts.misuse_percent, policy.misuse_percent),
    )
    for rule, found, bound in bounds:
        if bound:
            low, high = bound.value
            yield Finding(
                rule=rule, source=bound.source, found=f"合同利率的 {found}%", limit=f"{low}% 至 {high}%", ok=low <= found <= high
            )  # fmt: skip


def _age(facts: Facts, policy: Policy) -> Iterator[Finding]:
    years = years_of(facts.born_on, facts.day) if facts.born_on else None
    found = "出生日期不详" if years is None else f"放款日 {years} 周岁"
    if low := policy.min_age:
        ok = years is not None and years >= low.value
        yield Finding(rule="最低年龄", source=low.source, found=found, limit=f"不小于 {low.value} 周岁", ok=ok)
    if high := policy.max_age:
        ok = years is not None and years <= high.value
        yield Finding(rule="最高年龄", source=high.source, found=found, limit=f"不大于 {high.value} 周岁", ok=ok)


def _use(facts: Facts, policy: Policy) -> Iterator[Finding]:
    if words := policy.forbidden_purposes:
        ok = not any(word in facts.purpose for word in words.value)
        yield Finding(
            rule="用途", source=words.source, found=facts.purpose or "未填写", limit=f"不得用于{'、'.join(words.value)}", ok=ok
        )  # fmt: skip
