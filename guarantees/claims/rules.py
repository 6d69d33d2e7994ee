"""Filing rules (申报要求): how many dunnings and which papers a pool's claims need, from a day on, by which document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guarantees.errors import FilingRuleRefused
from guarantees.pool import Pool
from guarantees.queries import lock
from guarantees.tables import filing_rule
from ledger.posting import take_sequence

PAPERS = ("借款合同", "借款凭证", "催收通知书", "入户核查", "银行损失认定", "用途检查")
"""The papers of a claim: contract, note of debt, dunning letters, household check, the bank's loss, the check of use."""
USUAL_DUNNINGS = 2
MOST_DUNNINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingRule:
    """What a claim filed from a day on needs; a pool for which none was agreed asks for nothing."""

    valid_from: date
    dunnings: int
    papers: tuple[str, ...]
    source: str


NOTHING = FilingRule(valid_from=date.min, dunnings=0, papers=(), source="")


def rule_on(session: Session, one: Pool, day: date) -> FilingRule:
    """Return the rule in force on a day: the latest, of one day the one agreed last."""
    return max(
        (found for found in rules_of(session, one) if found.valid_from <= day), key=lambda r: r.valid_from, default=NOTHING
    )


def rules_of(session: Session, one: Pool) -> list[FilingRule]:
    """Return all rules of a pool, the one agreed last first."""
    rows = session.execute(
        select(filing_rule)
        .where(filing_rule.c.book_id == one.book.id, filing_rule.c.bank == one.bank)
        .order_by(filing_rule.c.seq.desc())
    )
    return [
        FilingRule(valid_from=row.valid_from, dunnings=row.dunnings, papers=tuple(row.papers), source=row.source) for row in rows
    ]


def agree(session: Session, one: Pool, rule: FilingRule, actor: str) -> bool:
    """Agree a rule for a pool from its day on; agreeing what is in force anyway changes nothing. Tell whether it is new.

    Raises:
        FilingRuleRefused: a number of dunnings out of range, a paper that there is not, one named twice, or no document.
    """
    _require_sound(one, rule)
    lock(session, [one])
    if next((found for found in rules_of(session, one) if found.valid_from == rule.valid_from), None) == rule:
        return False
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    session.execute(
        insert(filing_rule).values(
            book_id=one.book.id, seq=seq, bank=one.bank, valid_from=rule.valid_from, dunnings=rule.dunnings,
            papers=list(rule.papers), source=rule.source, actor=actor,
        )
    )  # fmt: skip
    return True


def unknown_papers(papers: Sequence[str]) -> list[str]:
    """Return those papers that are no papers of a claim."""
    return [paper for paper in papers if paper not in PAPERS]


def _require_sound(one: Pool, rule: FilingRule) -> None:
    if not 0 <= rule.dunnings <= MOST_DUNNINGS:
        raise FilingRuleRefused(one.book.code, one.bank, f"催收次数应在 0 到 {MOST_DUNNINGS} 之间")
    if unknown := unknown_papers(rule.papers):
        raise FilingRuleRefused(one.book.code, one.bank, f"没有材料 {'、'.join(unknown)}，应为：{'、'.join(PAPERS)}")
    if len(set(rule.papers)) != len(rule.papers):
        raise FilingRuleRefused(one.book.code, one.bank, "材料重复")
    if not rule.source.strip():
        raise FilingRuleRefused(one.book.code, one.bank, "须写明依据文件")
