"""Opening (启用): a city's books begin on a day, after a plan that names its banks, its counties and their pools.

A plan is a TOML file that people write; a later plan with more counties or banks opens those too.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from app import wiring
from guarantees import queries
from guarantees.agreement import open_pool
from guarantees.claims.rules import MOST_DUNNINGS, PAPERS, USUAL_DUNNINGS, FilingRule, agree, rules_of, unknown_papers
from ledger.books import BookKind, books, fund_book_code, loan_book_code, open_book
from ledger.business_day import peek
from ledger.errors import AppointmentRefused
from ledger.initialisation.charts import FUND_CHART, LOAN_CHART, accounts_named
from ledger.money import PPB
from ledger.officers import appoint
from registry import reference
from registry.errors import UnknownRegion

FIRST_YEAR = 2000
FUND_NAMES = {
    BookKind.COMPENSATION: "风险补偿金专账",
    BookKind.SUBSIDY: "贴息资金专账",
    BookKind.SOLAR: "光伏收益代管专账",
}


class PlanRefused(Exception):
    """A plan from which no books can begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A lender; only a rural one may draw relending (扶贫再贷款)."""

    code: str
    name: str
    rural: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """A county, the banks that lend there, and the terms of its pool with each (domain.md 8)."""

    name: str
    banks: tuple[str, ...]
    share_percent: int = 70
    leverage: int = 10
    claim_after_days: int = 90
    dunnings: int = USUAL_DUNNINGS  # 催收 that a claim needs
    papers: tuple[str, ...] = PAPERS  # 代偿材料 that it needs
    supervisor: str = ""  # 会计主管 of its funds' books; none: to be appointed later


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What begins: the first business day, banks and counties, the charts; `mark` is added to the books' names."""

    first: date
    banks: tuple[Bank, ...]
    counties: tuple[County, ...]
    mark: str = ""
    fund_chart: str = FUND_CHART
    loan_chart: str = LOAN_CHART


def read_plan(path: Path) -> Plan:
    """Return the plan that a TOML file holds.

    Raises:
        PlanRefused: it is no such file, or something in it is missing, unknown or twice there.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanRefused(f"{path.name} 不是 TOML 文件：{error}") from None
    try:
        plan = Plan(
            first=found.pop("first"), mark=found.pop("mark", ""), fund_chart=found.pop("fund_chart", FUND_CHART),
            loan_chart=found.pop("loan_chart", LOAN_CHART),
            banks=tuple(Bank(**row) for row in found.pop("bank")),
            counties=tuple(County(**{**row, **_lists(row)}) for row in found.pop("county")),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise PlanRefused(f"{path.name} 缺少项目或有不认识的项目：{error}") from None
    if found:
        raise PlanRefused(f"{path.name} 有不认识的项目：{'、'.join(found)}")
    _require_sound(plan)
    return plan


def _lists(row: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Return what a county's row lists: its banks, and the papers of a claim if it names them."""
    names = ("banks", "papers") if "papers" in row else ("banks",)
    found = {}
    for name in names:
        codes = row[name]
        if not isinstance(codes, list):
            raise TypeError(name)
        found[name] = tuple(codes)
    return found


def open_books(session: Session, plan: Plan) -> int:
    """Begin the books of a plan, or open what is new in it; return how many books were opened.

    Raises:
        PlanRefused: a county is unknown on the first day, the first day lies after the business date, or a bank or a pool is
            there already under other terms.
    """
    today = peek(session)
    if today is not None and plan.first > today:
        raise PlanRefused(f"账套已启用，营业日为 {today}，启用日 {plan.first} 不能晚于它")
    before = len(books(session))
    wiring.begin(session, plan.first)
    reference.load(session)
    _register_banks(session, plan)
    codes = {county.name: _code(session, county.name, plan.first) for county in plan.counties}
    for county in plan.counties:
        for kind, title in FUND_NAMES.items():
            code, accounts = fund_book_code(kind, codes[county.name]), accounts_named(session, plan.fund_chart, kind)
            name = f"{county.name}{title}{plan.mark}"
            open_book(session, code, kind, name, codes[county.name], None, plan.fund_chart, accounts)
    names = {bank.code: bank.name for bank in plan.banks}
    for county in plan.counties:
        for bank_code in county.banks:
            title = f"{names[bank_code]}{county.name}贷款备查账"
            code, accounts = (
                loan_book_code(codes[county.name], bank_code),
                accounts_named(session, plan.loan_chart, BookKind.LOANS),
            )
            open_book(session, code, BookKind.LOANS, title, codes[county.name], bank_code, plan.loan_chart, accounts)
    _agree_pools(session, plan, codes)
    _appoint(session, plan, codes)
    return len(books(session)) - before


def _register_banks(session: Session, plan: Plan) -> None:
    for bank in plan.banks:
        reference.add_bank(session, bank.code, bank.name, rural=bank.rural)
    stored = reference.banks(session)
    for bank in plan.banks:
        _require(stored[bank.code] == (bank.name, bank.rural), f"银行 {bank.code} 已登记，名称或类别不同")


def _agree_pools(session: Session, plan: Plan, codes: Mapping[str, str]) -> None:
    funds = {book.county: book for book in books(session, BookKind.COMPENSATION)}
    wanted = [(county, bank_code) for county in plan.counties for bank_code in county.banks]
    for county, bank_code in wanted:
        open_pool(
            session, funds[codes[county.name]], bank_code, share_ppb=county.share_percent * PPB // 100,
            leverage=county.leverage, claim_after_days=county.claim_after_days,
        )  # fmt: skip
    agreed, begun = queries.terms_of_pools(session), queries.pools(session)
    for county, bank_code in wanted:
        key = funds[codes[county.name]].id, bank_code
        one = agreed[key][0]
        same = (one.government_ppb * 100, one.leverage, one.claim_after_days) == (
            county.share_percent * PPB, county.leverage, county.claim_after_days,
        )  # fmt: skip
        _require(same, f"{county.name} 与 {bank_code} 的风险补偿金约定已有，且内容不同")
        if not rules_of(session, begun[key]):
            rule = FilingRule(valid_from=plan.first, dunnings=county.dunnings, papers=county.papers, source="启用方案")
            agree(session, begun[key], rule, "system")


def _appoint(session: Session, plan: Plan, codes: Mapping[str, str]) -> None:
    """Appoint the chief accountants that a plan names, of all its counties' books, from its first day on."""
    chiefs = {codes[county.name]: county.supervisor for county in plan.counties if county.supervisor}
    for book in books(session):
        if book.county in chiefs:
            try:
                appoint(session, book, chiefs[book.county], plan.first, "system")
            except AppointmentRefused as refusal:
                raise PlanRefused(str(refusal)) from refusal


def _code(session: Session, county: str, day: date) -> str:
    try:
        return reference.county_code(session, county, day)
    except UnknownRegion as refusal:
        raise PlanRefused(str(refusal)) from refusal


def _require_sound(plan: Plan) -> None:
    """Refuse values of the wrong kind or out of range, things that are there twice, and banks that are not named."""
    _require(type(plan.first) is date and plan.first.year >= FIRST_YEAR, f"first 应为 {FIRST_YEAR} 年以后的日期，如 2017-01-01")
    _require(plan.mark == "" or _is_text(plan.mark), "mark 应为文字")
    _require(_is_text(plan.fund_chart) and _is_text(plan.loan_chart), "fund_chart、loan_chart 应为科目表名称")
    _require(bool(plan.banks) and bool(plan.counties), "至少要有一家银行和一个县区")
    for bank in plan.banks:
        _require(_is_code(bank.code), f"银行代码 {bank.code} 应为 2—12 位大写字母或数字")
        _require(_is_text(bank.name), f"银行 {bank.code} 没有名称")
        _require(isinstance(bank.rural, bool), f"银行 {bank.code} 的 rural 应为 true 或 false")
    known = {bank.code for bank in plan.banks}
    _require(len(known) == len(plan.banks), "银行代码重复")
    for county in plan.counties:
        _require(_is_text(county.name), f"县区名称 {county.name} 应为文字")
        _require(county.supervisor == "" or _is_text(county.supervisor), f"{county.name} 的 supervisor 应为姓名")
        strangers = [str(code) for code in county.banks if not isinstance(code, str) or code not in known]
        _require(not strangers, f"{county.name} 的银行 {'、'.join(strangers)} 未登记")
        _require(bool(county.banks) and len(set(county.banks)) == len(county.banks), f"{county.name} 的银行为空或重复")
        for term, least, most in _TERMS:
            value = getattr(county, term)
            _require(type(value) is int and least <= value <= most, f"{county.name} 的 {term} 应在 {least} 到 {most} 之间")
        unknown = [str(paper) for paper in county.papers if not isinstance(paper, str) or unknown_papers([paper])]
        _require(not unknown, f"{county.name} 的 papers 中没有材料 {'、'.join(unknown)}，应为：{'、'.join(PAPERS)}")
        _require(len(set(county.papers)) == len(county.papers), f"{county.name} 的 papers 重复")
    _require(len({county.name for county in plan.counties}) == len(plan.counties), "县区重复")


_TERMS = (("share_percent", 1, 100), ("leverage", 1, 100), ("claim_after_days", 0, 3650), ("dunnings", 0, MOST_DUNNINGS))
"""The terms of a pool that are numbers: the least and the most of each."""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_code(code: object) -> bool:
    return isinstance(code, str) and code.isascii() and code.isalnum() and code.upper() == code and 2 <= len(code) <= 12


def _require(condition: bool, reason: str) -> None:  # noqa: FBT001
    if not condition:
        raise PlanRefused(reason)
