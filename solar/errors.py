"""Refusals of the solar package; staff read them, so they are in Chinese."""

from datetime import date


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


class NoTariff(SolarError):
    """A tariff class or coal price that is not known for a day."""

    def __init__(self, what: str, day: date) -> None:
        self.what, self.day = what, day
        super().__init__(f"{day} 没有“{what}”的电价")


class DebtRefused(SolarError):
    """A loan on a village station, which must be free of debt."""

    def __init__(self, named: str, since: date, document: str) -> None:
        self.named, self.since, self.document = named, since, document
        super().__init__(
            f"{named}：{document}规定，自 {since:%Y-%m} 起村级扶贫电站不得负债建设，电站资产和收益不得抵押、质押，不能放款"
        )


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


class NoSun(SolarError):
    """A region and day of which no yield is assumed."""

    def __init__(self, region: str, day: date) -> None:
        self.region, self.day = region, day
        super().__init__(f"{region} 在 {day} 没有日照参数")


class SizingRefused(SolarError):
    """A roof, a loan or a share that can't be sized."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"测算：{reason}")
