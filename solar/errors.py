"""Refusals of the solar package; staff read them, so they are in Chinese."""


class SolarError(Exception):
    """The base of every refusal of the solar package."""


class StationRefused(SolarError):
    """A station that can't be registered."""

    def __init__(self, meter: str, reason: str) -> None:
        self.meter, self.reason = meter, reason
        super().__init__(f"电站 {meter}：{reason}")


class SettlementRefused(SolarError):
    """A reading or a receipt that does not fit what is known."""

    def __init__(self, meter: str, reason: str) -> None:
        self.meter, self.reason = meter, reason
        super().__init__(f"电表 {meter}：{reason}")
