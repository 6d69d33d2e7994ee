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
