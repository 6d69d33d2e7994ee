"""Kinds of papers (单证种类): what each is asked, and what gathers its figures; one list for everybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from app.issuing import fund_papers, loan_papers
from app.issuing.question import Asked, Known, QuestionRefused
from statements.claim_papers import ClaimPaper

Gather: TypeAlias = Callable[[Session, Asked, Known], Any]
NO_BANK = "JG"
"""The bureau's own papers (机关) are numbered under this."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of paper: its title, the words that it is asked, and what gathers its figures as known at sequences.

    `again` says whether figures as known when it was issued can be gathered later; of matches with a bank they can't.
    """

    title: str
    asks: tuple[str, ...]
    gather: Gather
    optional: tuple[str, ...] = ()
    again: bool = True


_CLAIMS = {
    "claim-application": ClaimPaper.APPLICATION,
    "claim-calculation": ClaimPaper.CALCULATION,
    "claim-approval": ClaimPaper.APPROVAL,
    "claim-notice": ClaimPaper.NOTICE,
    "claim-share": ClaimPaper.SHARE,
    "claim-write-off": ClaimPaper.WRITE_OFF,
    "claim-recovery": ClaimPaper.RECOVERY,
}

KINDS: Mapping[str, Kind] = {
    "loan-statement": Kind("贷款对账单", ("bank", "from", "to"), loan_papers.bank_statement),
    "borrower-statement": Kind("借款人对账单", ("book", "contract", "from", "to"), loan_papers.borrower_statement),
    "repayment-plan": Kind("还款计划表", ("book", "contract", "as_of"), loan_papers.repayment_plan),
    "demand": Kind("贷款催收通知书", ("book", "contract", "as_of"), loan_papers.demand, again=False),
    "extension": Kind("贷款展期协议", ("book", "contract"), loan_papers.extension),
    "subsidy-list": Kind("扶贫小额信贷贴息清单", ("book", "number"), loan_papers.subsidy_list),
    "subsidy-approval": Kind("贴息资金拨付审批表", ("book", "number"), loan_papers.subsidy_approval),
    "publicity": Kind("公示结果证明", ("book", "number", "from", "to", "objections", "outcome"), loan_papers.publicity),
    "monthly": Kind("扶贫小额信贷月报", ("month_end",), loan_papers.monthly),
    "class-migration": Kind("贷款五级分类迁徙表", ("bank", "from", "to"), loan_papers.class_migration),
    "fund-statement": Kind("风险补偿金专户对账单", ("book", "bank", "from", "to"), fund_papers.fund_statement),
    "lending-notice": Kind("暂停、恢复放贷通知书", ("book", "bank", "as_of", "what", "reason"), fund_papers.lending_notice),
    **{name: Kind(paper.value, ("book", "number"), partial(fund_papers.claim, paper)) for name, paper in _CLAIMS.items()},
    "relending-register": Kind("扶贫再贷款使用台账", ("book", "as_of"), fund_papers.relending_register),
    "pledge-list": Kind("再贷款质押清单", ("book", "as_of"), fund_papers.pledge_list),
    "bank-inquiry": Kind("银行询证函", ("bank", "as_of"), fund_papers.bank_inquiry),
    "voucher": Kind("记账凭证", ("book", "reference"), fund_papers.voucher, again=False),
    "receipt": Kind("资金收付回单", ("book", "reference"), fund_papers.receipt),
    "report": Kind("账簿报表", ("name", "book", "from", "to"), fund_papers.report, ("account",)),
    "reconciliation": Kind("银行存款余额调节表", ("book", "bank", "as_of"), fund_papers.reconciliation, again=False),
    "handover": Kind("会计工作交接清单", ("book", "as_of", "giver", "taker"), fund_papers.handover),
}


def kind_named(name: str) -> tuple[str, Kind]:
    """Return a kind by its name or its title.

    Raises:
        QuestionRefused: there is none.
    """
    for code, kind in KINDS.items():
        if name in (code, kind.title):
            return code, kind
    raise QuestionRefused(name, f"没有这种单证；可选：{'、'.join(f'{code} {kind.title}' for code, kind in KINDS.items())}")


def asked_of(kind: Kind, words: Mapping[str, str]) -> Asked:
    """Return words as what is asked of a kind.

    Raises:
        QuestionRefused: one is missing, or says nothing to it.
    """
    missing = [name for name in kind.asks if name not in words]
    unknown = sorted(words.keys() - {*kind.asks, *kind.optional})
    if missing or unknown:
        said = f"缺少 {'、'.join(missing)}" if missing else f"不需要 {'、'.join(unknown)}"
        raise QuestionRefused(kind.title, f"{said}；须写 {' '.join(f'{name}=…' for name in kind.asks)}")
    return Asked(kind.title, dict(sorted(words.items())))


def bank_of(asked: Asked) -> str:
    """Return the bank under which a paper is numbered: the one asked about, or the loan book's; otherwise the bureau's own."""
    if "bank" in asked.words:
        return asked["bank"]
    parts = asked.words.get("book", "").split("-", 2)
    return parts[2] if parts[0] == "LB" and len(parts) == 3 else NO_BANK
