"""Terms (贷款条款): a contract as data, in values that a reader of contracts knows; `loans.schedule` makes lines of them."""

from loans.terms.cycles import MOST_MONTHS, QUARTERS, Cycle, MonthEnd, Stub, Unit
from loans.terms.daycount import DayCount
from loans.terms.loan import (
    NON_ACCRUAL_AFTER_DAYS,
    OPEN_END,
    OVER_90_DAYS,
    UP_TO_90_DAYS,
    Component,
    CompoundBase,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    Step,
    StreamKind,
)
from loans.terms.quarters import charge_fen, interest_fen, is_settlement_day, last_settlement_before, settlement_days
from loans.terms.rates import Floating, RateStep, Reset, floating_steps
from loans.terms.rolling import AT_MATURITY, NEVER, Calendar, Convention, Rolling
from loans.terms.rounding import TO_FEN, Mode, Place, Residue, Rounding

__all__ = [
    "AT_MATURITY", "MOST_MONTHS", "NEVER", "NON_ACCRUAL_AFTER_DAYS", "OPEN_END", "OVER_90_DAYS", "QUARTERS", "TO_FEN",
    "UP_TO_90_DAYS", "Calendar", "Component", "CompoundBase", "Convention", "Cycle", "DayCount", "Floating", "Grace", "GraceKind",
    "LoanTerms", "Method", "Mode", "MonthEnd", "Place", "RateStep", "Reset", "Residue", "Rolling", "Rounding", "Step",
    "StreamKind", "Stub", "Unit", "charge_fen", "floating_steps", "interest_fen", "is_settlement_day",
    "last_settlement_before", "settlement_days",
]  # fmt: skip
