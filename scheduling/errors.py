"""Refusals of the close."""

from datetime import date


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


class LeadLost(Exception):
    """Work of a scheduler that leads no more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"scheduler {name} does not lead any more (不再主控); its job goes on at the scheduler that leads now")
