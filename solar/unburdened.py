"""Village stations stay free of debt (村级电站不得负债): the solar package's answer to `loans.DisbursementCheck`.

A purpose that names a village's station, by its words or by its meter, is one that the rule of the day forbids.
"""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from loans.applications.application import Application
from solar.errors import DebtRefused
from solar.stations import StationKind
from solar.tables import station
from solar.tariffs import tariffs

WORDS = ("村级光伏", "村级电站", "村级扶贫电站", "村集体光伏", "村集体电站", "村光伏", "联村电站", "村级联建电站")


class VillageStationsUnburdened:
    """Refuses loans that would burden a village's station or pledge its income."""

    def admit(self, session: Session, applications: Sequence[Application]) -> None:
        """Refuse a batch with a loan whose purpose names a village's station.

        Raises:
            DebtRefused: with the rule and what the purpose names.
        """
        rule = tariffs().debt_free
        ruled = [a for a in applications if a.drawn_on >= rule.since and a.purpose]
        if not ruled:
            return
        meters = session.scalars(select(station.c.meter).where(station.c.kind == StationKind.VILLAGE.value)).all()
        for a in ruled:
            if any(word in a.purpose for word in WORDS) or any(_names(a.purpose, meter) for meter in meters):
                raise DebtRefused(f"借据 {a.contract} 用途“{a.purpose}”", rule.since, rule.document)


def _names(purpose: str, meter: str) -> bool:
    """Tell whether a purpose names a meter, not a longer number that contains it."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(meter)}(?![0-9A-Za-z])", purpose) is not None
