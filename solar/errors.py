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


class AgreementRefused(SolarError):
    """An agreement on a station's income, or money for its sources, that can't be."""

    def __init__(self, meter: str, reason: str) -> None:
        self.meter, self.reason = meter, reason
        super().__init__(f"电站 {meter} 的分配协议：{reason}")


class CorrectionRefused(SolarError):
    """A correction of cash that was already used and can't be made."""

    def __init__(self, meter: str, reason: str) -> None:
        self.meter, self.reason = meter, reason
        super().__init__(f"电站 {meter} 更正：{reason}")
