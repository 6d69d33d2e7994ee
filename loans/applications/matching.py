"""Matching (审批核对): a loan about to be drawn against the application that was approved for it, fact by fact."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from ledger.money import percent, yuan
from loans.applications.application import Application
from loans.applications.state import APPROVAL_DAYS, ApplicationState, Standing
from loans.policy.eligibility import Finding
from loans.policy.parameters import Limit
from loans.products import product_name
from loans.terms import Floating, Unit

RULE = "审批"


def approved(application: Application, state: ApplicationState | None, required: Limit[bool] | None) -> Iterator[Finding]:
    """Yield whether a loan may be drawn under what became of its application.

    Without an application the policy decides (`required`); where there is one, it must be approved by the day of drawing,
    not lapsed, for at least as much, and for the same product, borrower, rate and maturity.
    """
    demanded = required is not None and required.value
    if state is None:
        if demanded and required:
            yield Finding(rule=RULE, source=required.source, found="没有贷款申请", limit="放款前经他人审批", ok=False)
        return
    source = required.source if demanded and required else f"贷款申请 {state.filed.reference}"
    standing, last = state.standing_on(application.drawn_on), state.last
    yield Finding(
        rule=RULE, source=source, found=f"{standing.label}（{last.day} {last.kind.label}），放款日 {application.drawn_on}",
        limit=f"放款日在批准日至其后 {APPROVAL_DAYS} 天内",
        ok=standing is Standing.APPROVED and application.drawn_on >= last.day,
    )  # fmt: skip
    most = state.application.fen
    yield Finding(
        rule=RULE, source=source, found=f"金额 {yuan(application.fen)} 元", limit=f"不超过批准的 {yuan(most)} 元",
        ok=application.fen <= most,
    )  # fmt: skip
    for (name, value, found), (_, agreed, wanted) in zip(_facts(application), _facts(state.application), strict=True):
        yield Finding(rule=RULE, source=source, found=f"{name} {found}", limit=f"与申请一致：{wanted}", ok=value == agreed)


def _facts(application: Application) -> Iterator[tuple[str, object, str]]:
    """Yield what must be as applied for: its name, its value, and the value as staff read it."""
    yield "产品", application.product, product_name(application.product)
    yield "借款人", application.borrower, application.borrower
    yield "建档立卡号", application.household, application.household or "无"
    yield "年利率", application.rate_ppb, percent(application.rate_ppb)
    yield "利率方式", *_floats(application.floating)
    yield "到期日", application.maturity, str(application.maturity)
    yield "贴息", application.subsidised, "是" if application.subsidised else "否"
    yield "风险补偿", application.covered, "是" if application.covered else "否"
    yield "续贷原借据", application.renews, application.renews or "无"


def _floats(floating: Floating | None) -> tuple[object, str]:
    """Return what a rate follows; the days of its resets move with the day of drawing, so they are no part of it."""
    if floating is None:
        return None, "固定"
    reset = replace(floating.reset, cycle=replace(floating.reset.cycle, anchor=date.min))
    every = f"{reset.cycle.every} 个月" if reset.cycle.unit is Unit.MONTHS else f"{reset.cycle.every} {reset.cycle.unit}"
    return (floating.reference, reset), f"{floating.reference} 加 {percent(int(reset.spread_ppb))}，每 {every}重定价"
