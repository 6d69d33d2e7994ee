"""An agreement (分配协议) on a station's income, as data: the shares by phase, the floor of the household, and the waterfall.

A station without one splits by the percentage it was registered with, has no sources, and pays the loan ahead with all else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ledger.money import split_by_shares
from loans.events import Prepayment
from solar.errors import AgreementRefused


class Share(StrEnum):
    """Whose part of the income it is, in the order in which parts are rounded; the last one takes the difference."""

    LOAN = "loan"  # 还贷
    MAINTENANCE = "maintenance"  # 运维
    COOPERATIVE = "cooperative"  # 合作社
    VILLAGE = "village"  # 村集体
    HOUSEHOLD = "household"  # 农户


class Source(StrEnum):
    """Who helps when the share does not pay what is due."""

    RESERVE = "reserve"  # 平滑准备金
    COMPANY = "company"  # 企业补足
    POOL = "pool"  # 基金垫付, interest-free


class Settles(StrEnum):
    """When the loan's share goes to the bank."""

    ARRIVAL = "arrival"  # in the night of the day on which it comes
    DUE = "due"  # on the loan's due dates; until then it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Shares in per cent from a year after connection on (1 is the first), or once the loan and all help for it are repaid."""

    percents: Mapping[Share, int]
    from_year: int = 1
    after_loan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What household, company, bank and county agreed on a station.

    Attributes:
        phases: the shares; the latest year that has begun holds, and once the loan is repaid one for then, if there is any.
        floor_fen: what the household gets of a calendar year at least, month by month, before the loan gets its share.
        sources: who helps, in order; later surplus refills them in the reverse order.
        reserve_fen: up to how much surplus refills the reserve.
        settles: when the loan's share goes to the bank.
        late_subsidy_refills: the share of national subsidy, which pays for months that are over, refills the sources on the day
            on which it comes and is not held for the next due date.
        surplus: what goes beyond the dues and the refills does to the loan; none: the household gets it.
        deferred_until: in writing, principal that stays unpaid up to this day moves to later instalments (宽限).
    """

    phases: tuple[Phase, ...]
    floor_fen: int = 0
    sources: tuple[Source, ...] = ()
    reserve_fen: int = 0
    settles: Settles = Settles.ARRIVAL
    late_subsidy_refills: bool = False
    surplus: Prepayment | None = Prepayment.AHEAD
    deferred_until: date | None = None

    def phase_on(self, connected_on: date, day: date, *, repaid: bool) -> Phase:
        """Return the phase of a day."""
        year = day.year - connected_on.year + ((day.month, day.day) >= (connected_on.month, connected_on.day))
        begun = [one for one in self.phases if not one.after_loan and one.from_year <= max(1, year)]
        after = [one for one in self.phases if one.after_loan]
        return after[0] if repaid and after else max(begun, key=lambda one: one.from_year)

    def floor_by(self, connected_on: date, day: date) -> int:
        """Return what the household is to have got of a day's calendar year by the end of its month, in fen."""
        first = connected_on.month if connected_on.year == day.year else 1
        return self.floor_fen * (day.month - first + 1) // 12


def simple(loan_percent: int, owner: Share = Share.HOUSEHOLD) -> Agreement:
    """Return what a station without an agreement obeys: a share for the loan, the rest for its owner."""
    return Agreement(phases=(Phase(percents={Share.LOAN: loan_percent, owner: 100 - loan_percent}),))


def split(whole_fen: int, phase: Phase, floor_short_fen: int = 0) -> dict[Share, int]:
    """Split cash by a phase; what the household lacks of its floor is taken from the loan's share, as far as that goes."""
    order = [share for share in Share if phase.percents.get(share)]
    fractions = [Fraction(phase.percents[share], 100) for share in order]
    parts = dict.fromkeys(Share, 0) | dict(zip(order, split_by_shares(whole_fen, fractions), strict=True))
    moved = min(parts[Share.LOAN], max(0, floor_short_fen - parts[Share.HOUSEHOLD]))
    parts[Share.LOAN] -= moved
    parts[Share.HOUSEHOLD] += moved
    return parts


def require_sound(meter: str, one: Agreement) -> None:
    """Refuse an agreement that can't be kept.

    Raises:
        AgreementRefused: shares that are not 100 % in all, phases that leave the first year out or stand twice, a share for a
            loan that is repaid, negative amounts, a source named twice, or a reserve without its amount.
    """
    reasons = {
        "各方比例之和应为 100%": any(sum(p.percents.values()) != 100 or min(p.percents.values()) < 0 for p in one.phases),
        "分配阶段应从第 1 年起，且不得重复": not _phases_fit(one),
        "贷款还清后不应再有还贷比例": any(p.after_loan and p.percents.get(Share.LOAN) for p in one.phases),
        "保底收入和准备金额度不得为负": one.floor_fen < 0 or one.reserve_fen < 0,
        "补足来源不得重复": len(set(one.sources)) != len(one.sources),
        "平滑准备金须约定额度": (Source.RESERVE in one.sources) != (one.reserve_fen > 0),
    }
    for reason, broken in reasons.items():
        if broken:
            raise AgreementRefused(meter, reason)


def _phases_fit(one: Agreement) -> bool:
    years = [phase.from_year for phase in one.phases if not phase.after_loan]
    return 1 in years and len(set(years)) == len(years) and min(years) == 1 and len(one.phases) - len(years) <= 1


_AGREEMENT = TypeAdapter(Agreement)


def to_json(one: Agreement) -> dict[str, Any]:
    """Return an agreement as JSON values."""
    stored: dict[str, Any] = _AGREEMENT.dump_python(one, mode="json")
    return stored


def from_json(stored: Mapping[str, Any]) -> Agreement:
    """Return the agreement that `to_json` stored."""
    return _AGREEMENT.validate_python(stored)


def from_text(meter: str, text: str) -> Agreement:
    """Return the agreement that a JSON text says.

    Raises:
        AgreementRefused: it says none; where and why.
    """
    try:
        return _AGREEMENT.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise AgreementRefused(meter, f"文件不成立：{'.'.join(map(str, first['loc']))} {first['msg']}") from error
