"""Refusals of the close."""

from collections.abc import Sequence
from datetime import date, datetime


class CloseError(Exception):
    """The base of every refusal of the close."""


class DaySkipped(CloseError):
    """A close of a day that is not the next one."""

    def __init__(self, asked: date, business_date: date) -> None:
        self.asked, self.business_date = asked, business_date
        super().__init__(
            f"{asked} can't be closed before {business_date}; run 'fupin close --through {asked}' to close both in order"
        )


class CloseRunning(CloseError):
    """Another process is closing."""

    def __init__(self) -> None:
        super().__init__("another close is running; wait for it or look at 'fupin status'")


class NotAtRest(CloseError):
    """A night that was tried as one at rest and is none; it is closed whole."""


class StepFailed(CloseError):
    """A step that could not be done: it left no trace, the steps before it stay done."""

    def __init__(self, closing: date, step: str, reason: str, *, passing: bool, failed_at: datetime | None = None) -> None:
        self.closing, self.step, self.reason, self.passing = closing, step, reason, passing
        when = f" at {failed_at:%Y-%m-%d %H:%M:%S}" if failed_at else ""
        then = (
            "the cause may pass by itself (可能自行恢复): run 'fupin close' again"
            if passing
            else "mend the cause (排除原因), then run 'fupin close --resume'"
        )
        super().__init__(
            f"the close (日终) of {closing} stopped{when} in step {step}: {reason}; "
            f"the steps before it are done, this one left no trace; {then}"
        )


class NothingToResume(CloseError):
    """A resumption while no close was begun and left unfinished."""

    def __init__(self) -> None:
        super().__init__("no close was left unfinished (没有中断的日终); run 'fupin close' to close the open day")


class StepsChanged(CloseError):
    """A close that was begun with other steps than it is to be finished with."""

    def __init__(self, closing: date, begun: Sequence[str]) -> None:
        super().__init__(
            f"the close (日终) of {closing} was begun with the steps {', '.join(begun)}, in this order; "
            "finish it with the version of the program that began it"
        )


class LeadLost(Exception):
    """Work of a scheduler that leads no more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"scheduler {name} does not lead any more (不再主控); its job goes on at the scheduler that leads now")
