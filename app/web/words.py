"""Words: what codes are called on the pages, and how amounts, rates, names and free text are shown there."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from functools import singledispatch

from app.papers import CHARGES, METHODS
from ledger.audit import REVEALED
from ledger.books import BookKind
from ledger.money import percent, round_half_up, yuan
from loans.events import (
    CostAdvanced,
    Disbursed,
    Extended,
    GraceGranted,
    Inherited,
    LoanEvent,
    Prepayment,
    RateSet,
    Reclassified,
    Refunded,
    Repaid,
    Restructured,
    Reversed,
    SubsidyRefused,
    TakenOver,
    WrittenOff,
)
from loans.products import product_name, products
from loans.terms import CompoundBase, Cycle, DayCount, GraceKind, LoanTerms, StreamKind, Unit
from loans.terms.rates import references
from registry.errors import BadIdentity
from registry.identity import checked_id, masked_id, masked_name
from statements.charts import FEN_PER_WAN

ENTRY_KINDS: Mapping[str, str] = {
    "fund.contributed": "拨入专项资金",
    "loans.disbursed": "发放贷款",
    "loans.taken_over": "接管贷款",
    "loans.extended": "展期",
    "loans.restructured": "债务重组",
    "loans.rate_set": "利率重定价",
    "loans.grace_granted": "宽限",
    "loans.misuse_found": "认定挪用",
    "loans.inherited": "借款人变更",
    "loans.subsidy_refused": "不予贴息",
    "loans.repaid": "收回贷款本息",
    "loans.cost_advanced": "垫付费用",
    "loans.refunded": "退还暂收款",
    "loans.written_off": "核销",
    "loans.charged": "结息",
    "loans.rounded": "结息尾差",
    "loans.aged": "转逾期、转非应计",
    "loans.accrued": "计提利息",
    "loans.caught_up": "补齐隔离期间",
    "relending.drawn": "借入再贷款",
    "relending.repaid": "归还再贷款",
    "relending.accrued": "计提再贷款利息",
    "relending.interest_paid": "支付再贷款利息",
    "subsidy.approved": "批准贴息",
    "subsidy.paid": "拨付贴息",
    "subsidy.returned": "退回贴息",
    "subsidy.repaid": "重付贴息",
    "subsidy.refunded": "收回贴息",
    "subsidy.ahead": "预拨贴息",
    "guarantees.approved": "代偿审批",
    "guarantees.paid": "支付代偿款",
    "guarantees.received": "收到风险补偿款",
    "guarantees.cancelled": "撤销代偿",
    "guarantees.shared": "追偿款分成",
    "guarantees.passed": "划回追偿款",
    "guarantees.lost": "确认代偿损失",
    "guarantees.liability": "风险补偿责任变动",
    "guarantees.advanced": "垫付光伏还贷",
    "guarantees.refilled": "收回光伏垫付",
    "solar.generated": "光伏应收电费",
    "solar.corrected": "更正光伏应收电费",
    "solar.received": "光伏电费到账",
    "solar.swept": "光伏收益还贷",
    "solar.contributed": "缴存补足资金",
    "ledger.voucher": "手工凭证",
    "ledger.year_closed": "年度结转",
    "ledger.opening": "期初余额",
    "ledger.loaded": "历史凭证",
}

BOOK_KINDS: Mapping[str, str] = {
    BookKind.COMPENSATION: "风险补偿金专账",
    BookKind.SUBSIDY: "贴息资金专账",
    BookKind.SOLAR: "光伏收益代管专账",
    BookKind.LOANS: "贷款备查账",
    BookKind.ARCHIVE: "存档账套",
}

LOAN_STATES: Mapping[str, str] = {
    "all": "全部",
    "open": "未结清",
    "overdue": "逾期",
    "non-accrual": "非应计",
    "settled": "已结清",
    "written-off": "已核销",
}

ACCRUAL_STATES: Mapping[str, str] = {"accruing": "应计", "non_accrual": "非应计", "written_off": "已核销"}

STREAM_KINDS: Mapping[str, str] = {
    StreamKind.CONTRACT: "合同利息",
    StreamKind.PENALTY: "罚息",
    StreamKind.COMPOUND: "复利",
}

PAYERS: Mapping[str, str] = {
    "borrower": "借款人", "government": "财政", "province": "省级财政", "city": "市级财政", "county": "县级财政",
}  # fmt: skip

EVENTS: Mapping[str, str] = {
    "disbursed": "放款",
    "taken_over": "接管",
    "rate_set": "利率重定价",
    "extended": "展期",
    "restructured": "债务重组",
    "grace_granted": "宽限",
    "misuse_found": "认定挪用",
    "inherited": "借款人变更",
    "subsidy_refused": "不予贴息",
    "cost_advanced": "垫付费用",
    "repaid": "还款",
    "refunded": "退款",
    "written_off": "核销",
    "reclassified": "五级分类调整",
    "reversed": "冲正",
}

COMPOUND_BASES: Mapping[str, str] = {
    CompoundBase.INTEREST: "应收未收利息",
    CompoundBase.INTEREST_AND_PENALTY: "应收未收利息及罚息",
}

DAY_COUNTS: Mapping[str, str] = {
    DayCount.ACT_360: "实际天数 / 360",
    DayCount.ACT_365: "实际天数 / 365",
    DayCount.ACT_ACT: "实际天数 / 当年天数",
    DayCount.THIRTY_360: "每月 30 天 / 360",
    DayCount.MONTHS: "对年对月计息，零头天数 / 360",
}

GRACES: Mapping[str, str] = {
    GraceKind.PRINCIPAL_DEFERRED: "延期还本",
    GraceKind.INTEREST_DEFERRED: "延期付息",
    GraceKind.INTEREST_CAPITALISED: "利息转本",
    GraceKind.INTEREST_FREE: "免息",
}

PREPAYMENTS: Mapping[str, str] = {
    Prepayment.SHORTER: "提前还款缩短期限",
    Prepayment.SMALLER: "提前还款减少每期还款额",
    Prepayment.AHEAD: "预存下期",
}

UNITS: Mapping[str, str] = {Unit.DAYS: "天", Unit.MONTHS: "个月", Unit.YEARS: "年"}

_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent with two decimals; a dash if there is no whole."""
    if not whole:
        return "—"
    hundredths = round_half_up(Fraction(part * 10_000, whole))
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def wan(fen: int) -> str:
    """Return an amount in 万元 with two decimals, rounded: beside the exact amount, for reading at a glance."""
    hundredths = round_half_up(Fraction(100 * fen, FEN_PER_WAN))
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100:,}.{abs(hundredths) % 100:02d}"


def grouped(number: int) -> str:
    """Return a count with its thousands apart."""
    return f"{number:,}"


def day(value: date | None) -> str:
    """Return a date as tables print it; a dash if there is none."""
    return f"{value:%Y-%m-%d}" if value else "—"


def without_ids(text: str) -> str:
    """Return a free text with every resident ID in it masked: people type them where they don't belong."""
    return _LONG_NUMBER.sub(lambda found: _masked_if_id(found[0]), text)


def person(code: str) -> str:
    """Return who made or checked something; the machine's own work is 系统."""
    return "系统" if code == "system" else without_ids(code)


def settles(terms: LoanTerms) -> str:
    """Return when contract interest falls due, as a contract says it."""
    if terms.settles_quarterly:
        return "每季末月 20 日结息"
    if terms.interest is None:
        return "到期一次付息"
    cycle: Cycle = terms.interest
    return f"自 {cycle.anchor} 起每 {cycle.every} {UNITS[cycle.unit]}付息"


def event_fen(event: LoanEvent) -> int | None:
    """Return the amount of an event, if it has one."""
    match event:
        case Disbursed() | Repaid() | CostAdvanced() | Refunded():
            return event.fen
        case TakenOver():
            return event.principal_fen
        case _:
            return None


@singledispatch
def event_note(event: LoanEvent) -> str:
    """Return what an event says besides its amount."""
    del event  # its kind and amount say all
    return ""


@event_note.register
def _(event: TakenOver) -> str:
    unpaid = sum(fen for _, _, fen in event.unpaid)
    return f"已结息至 {event.charged_until}（不含），带入欠息 {yuan(unpaid)} 元"


@event_note.register
def _(event: RateSet) -> str:
    return f"年利率 {percent(event.rate_ppb)}，其中财政 {percent(event.gov_ppb)}"


@event_note.register
def _(event: Extended) -> str:
    return f"展期至 {event.maturity}，年利率 {percent(event.rate_ppb)}，其中财政 {percent(event.gov_ppb)}"


@event_note.register
def _(event: Restructured) -> str:
    parts = [f"至 {event.maturity}", f"年利率 {percent(event.rate_ppb)}，其中财政 {percent(event.gov_ppb)}"]
    if event.method is not None:
        parts.append(METHODS[event.method])
    if event.every_months is not None:
        parts.append(f"每 {event.every_months} 个月一期")
    if event.principal_from is not None:
        parts.append(f"{event.principal_from} 前不还本")
    return "，".join(parts)


@event_note.register
def _(event: Inherited) -> str:
    return f"由 {event.from_borrower} 变更为 {event.borrower}，{'继续贴息' if event.subsidised else '停止贴息'}"


@event_note.register
def _(event: SubsidyRefused) -> str:
    return f"{yuan(event.fen)} 元转由借款人承担{'，停止贴息' if event.stops else ''}：{event.reason}"


@event_note.register
def _(event: Reclassified) -> str:
    return f"{event.risk_class.label}：{event.reason}"


@event_note.register
def _(event: GraceGranted) -> str:
    return f"至 {event.until}，{GRACES[event.grace]}"


@event_note.register
def _(event: Repaid) -> str:
    return "" if event.prepays is Prepayment.SHORTER else PREPAYMENTS[event.prepays]


@event_note.register
def _(event: WrittenOff) -> str:
    return f"其中风险补偿 {yuan(event.pool_fen)} 元，以后追回按 {percent(event.pool_share_ppb)} 归风险补偿金"


@event_note.register
def _(event: Reversed) -> str:
    return f"冲正 {event.of}"


def _masked_if_id(number: str) -> str:
    try:
        return masked_id(checked_id(number))
    except BadIdentity:
        return number


def moment(value: datetime) -> str:
    """Return a moment to the second, in the time of the database's session."""
    return f"{value:%Y-%m-%d %H:%M:%S}"


COUNTS: Mapping[str, str] = {
    "touched": "经手", "stopped": "转非应计", "charges": "结息", "resets": "到期重定价", "changed": "利率变动", "groups": "组",
    "fen": "金额", "tonight_fen": "当日利息", "later_fen": "补记以前各日", "charged_fen": "已结息", "quarantined": "隔离（笔）",
    "frozen_fen": "冻结利息", "set_aside": "新隔离（笔）", "reallocated": "调整对应", "shared_fen": "追偿分成",
    "liability_fen": "责任变动", "fuses": "熔断变动", "ties": "核对", "differences": "不符", "taken": "快照",
    "journal": "凭证", "vouchers": "凭证流程", "loans": "贷款", "applications": "申请", "relending": "再贷款", "subsidy": "贴息",
    "claims": "代偿",
}  # fmt: skip
"""What the counts of the night's steps are called."""

ACTIONS: Mapping[str, str] = {
    "signed in": "登录", "signed out": "退出", "password accepted": "密码通过", "second factor accepted": "动态口令通过",
    "sign-in failed": "登录失败", "sign-in refused": "锁定期间尝试登录", "second factor enrolled": "绑定动态口令",
    "second factor forgotten": "解绑动态口令", "password changed": "修改密码",
    "password set by one-time link": "凭一次性链接设置密码",
    "staff added": "新增用户", "staff disabled": "停用用户", "one-time link made": "生成一次性链接",
    "role granted": "授予角色",
    "role ended": "收回角色", "page refused": "越权访问被拒", REVEALED: "查看全号", "voucher drafted": "凭证制单",
    "voucher edited": "凭证修改", "voucher attached": "凭证添加附件", "voucher detached": "凭证移除附件",
    "voucher submitted": "凭证提交",
    "voucher returned": "凭证退回", "voucher approved": "凭证审核", "voucher posted": "凭证记账", "voucher discarded": "凭证作废",
    "chief accountant appointed": "任命会计主管", "posted": "记账",
}  # fmt: skip
"""What actions of the audit log are called; one that is not here stands as it was written."""

AUDIT_DETAILS: Mapping[str, str] = {
    "address": "地址", "method": "方式", "reason": "事由", "role": "角色", "bank": "银行", "loan": "贷款", "references": "流水号",
    "locked": "锁定", "name": "姓名", "since": "自",
}  # fmt: skip
"""What the details of the audit log are called."""

PARAMETER_NAMES: Mapping[str, str] = {
    "registered": "限建档立卡户", "cap_fen": "余额上限",
    "subsidised_cap_fen": "贴息本金上限", "covered_cap_fen": "风险补偿本金上限",
    "max_months": "最长期限（月）", "max_extensions": "展期续贷次数", "extension_limits": "展期期限", "max_rate": "利率上限",
    "penalty_percent": "逾期罚息（%）", "misuse_percent": "挪用罚息（%）", "min_age": "最低年龄", "max_age": "最高年龄",
    "forbidden_purposes": "禁止用途", "approval_required": "放款前须审批",
}  # fmt: skip


def parameter(name: str, value: object) -> str:
    """Return the value of a parameter of policy as staff read it."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int) and name.endswith("_fen"):
        return f"{yuan(value)} 元"
    if name == "max_rate":
        return percent(value) if isinstance(value, int) else references()[str(value)].name
    if name == "extension_limits" and isinstance(value, list | tuple):
        return "、".join(
            f"{f'期限 {up_to} 个月内的' if up_to else '更长的'}可展 {f'原期限的 {of_term}%' if of_term else f'{months} 个月'}"
            for up_to, of_term, months in value
        )
    if isinstance(value, list | tuple):
        return (" 至 " if name.endswith("_percent") else "、").join(map(str, value))
    return str(value)


FILTERS = {
    "yuan": yuan, "wan": wan, "percent": percent, "grouped": grouped, "day": day, "without_ids": without_ids, "person": person,
    "masked_name": masked_name, "product": product_name, "moment": moment,
}  # fmt: skip
"""What templates call by name."""

NAMES = {
    "entry_kinds": ENTRY_KINDS, "book_kinds": BOOK_KINDS, "loan_states": LOAN_STATES, "accrual_states": ACCRUAL_STATES,
    "stream_kinds": STREAM_KINDS, "charge_kinds": CHARGES, "payers": PAYERS, "events": EVENTS, "methods": METHODS,
    "compound_bases": COMPOUND_BASES, "day_counts": DAY_COUNTS, "graces": GRACES,
    "settles": settles, "products": {product.code: product.name for product in products()},
    "actions": ACTIONS, "audit_details": AUDIT_DETAILS, "parameter_names": PARAMETER_NAMES,
    "parameter": parameter, "share": share, "event_fen": event_fen, "event_note": event_note, "count_names": COUNTS,
}  # fmt: skip
"""What templates know: the names of codes, and how to read an event."""
