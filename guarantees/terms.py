"""Terms of a pool (风险补偿金约定): dated, signed by county and bank, and never changed: later ones follow them.

They are in force from their first day until others begin. A claim keeps those of its filing day for its whole life.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from guarantees.errors import TermsRefused
from ledger.money import PPB

MOST_LEVERAGE, MOST_DAYS = 100, 3650


class LossBasis(StrEnum):
    """What of a loan a claim covers; penalty and compound interest never."""

    PRINCIPAL = "principal"
    WITH_INTEREST = "principal+interest"  # and the borrower's own unpaid contract interest


class RecoveryOrder(StrEnum):
    """Who gets what is collected after a payout."""

    PRO_RATA = "pro-rata"  # as the payout
    FUND_FIRST = "fund-first"
    BANK_FIRST = "bank-first"


class Advances(StrEnum):
    """Whether the pool may advance what the sun did not earn of an instalment; where no document allows it, it is misuse."""

    NONE = "none"
    SOLAR = "solar"


class InterestTo(StrEnum):
    """To whom the special account's interest belongs."""

    FUND = "fund"
    TREASURY = "treasury"


@dataclass(frozen=True, slots=True)
class Share:
    """A party's share of losses in parts per billion: a tier of government (省级, 市级, 县级) or another guarantor."""

    name: str
    ppb: int
    government: bool = True

    @property
    def part(self) -> Fraction:
        """The share as a fraction."""
        return Fraction(self.ppb, PPB)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """What a county and a bank agreed from a day on; `shares` leave the rest to the bank, rates are in ppb.

    The pool warns at `warn_ppb` and suspends at `fuse_ppb` of loans overdue beyond 90 days (不良率); after a lifting it trips
    again only when the ratio has worsened by more than `worse_ppb`.
    """

    from_date: date
    shares: tuple[Share, ...]
    leverage: int
    claim_after_days: int = 90
    approval: str = ""  # number under which the special account was approved (专户批准文号)
    warn_ppb: int = 30_000_000
    fuse_ppb: int = 50_000_000
    worse_ppb: int = 0
    loss_basis: LossBasis = LossBasis.WITH_INTEREST
    recovery_order: RecoveryOrder = RecoveryOrder.PRO_RATA
    pass_on_days: int = 5  # working days in which a recovery is passed to the pool
    advances: Advances = Advances.NONE
    interest: InterestTo = InterestTo.FUND
    document: str = ""
    reason: str = ""
    seq: int = 0
    actor: str = ""

    @property
    def government_ppb(self) -> int:
        """Government's shares together."""
        return sum(one.ppb for one in self.shares if one.government)

    @property
    def government(self) -> Fraction:
        """Government's shares together, as a fraction."""
        return Fraction(self.government_ppb, PPB)

    @property
    def bank_ppb(self) -> int:
        """What the bank bears itself."""
        return PPB - sum(one.ppb for one in self.shares)


def require_sound(bank: str, terms: PoolTerms) -> None:
    """Refuse terms that make no sense.

    Raises:
        TermsRefused: a share or a limit is out of range, a name is missing or there twice, or no document is named.
    """
    names = [one.name.strip() for one in terms.shares]
    rules = (
        (bool(terms.document.strip()) and bool(terms.reason.strip()), "约定须有文号和事由"),
        (all(names) and len(set(names)) == len(names) and "银行" not in names, "分担方名称为空或重复"),
        (all(0 < one.ppb <= PPB for one in terms.shares), "分担比例应大于 0，不超过 100%"),
        (terms.government_ppb > 0 or terms.advances is Advances.SOLAR, "政府分担比例应大于 0，只垫付光伏还贷的资金池除外"),
        (terms.bank_ppb >= 0, "分担比例合计超过 100%"),
        (1 <= terms.leverage <= MOST_LEVERAGE, f"放大倍数应在 1 到 {MOST_LEVERAGE} 之间"),
        (0 <= terms.claim_after_days <= MOST_DAYS, f"代偿等待天数应在 0 到 {MOST_DAYS} 之间"),
        (0 < terms.warn_ppb <= terms.fuse_ppb <= PPB, "预警线应大于 0，不高于熔断线"),
        (0 <= terms.worse_ppb <= PPB, "再次熔断的恶化幅度应在 0 到 100% 之间"),
        (0 <= terms.pass_on_days <= MOST_DAYS, f"划回期限应在 0 到 {MOST_DAYS} 个工作日之间"),
    )
    for holds, reason in rules:
        if not holds:
            raise TermsRefused(bank, reason)


def in_force(found: Sequence[PoolTerms], day: date, before_seq: int | None = None) -> PoolTerms:
    """Return the terms in force on a day, as booked before a sequence if one is given; before the first, the first."""
    known = [one for one in found if one.from_date <= day and (before_seq is None or one.seq < before_seq)]
    return max(known or [min(found, key=_order)], key=_order)


def _order(one: PoolTerms) -> tuple[date, int]:
    return one.from_date, one.seq
