"""Claims (代偿) on the compensation pools: their verbs; a payout never extinguishes the debt, the bank keeps collecting."""

from guarantees.agreement import open_pool
from guarantees.claims.checking import check
from guarantees.claims.filing import cancel, file
from guarantees.claims.loss import write_off
from guarantees.claims.payment import approve, pay
from guarantees.claims.recovery import pass_on, share_recoveries
from guarantees.claims.undoing import undo

__all__ = ["approve", "cancel", "check", "file", "open_pool", "pass_on", "pay", "share_recoveries", "undo", "write_off"]
