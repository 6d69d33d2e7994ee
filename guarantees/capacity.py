"""Capacity (放大倍数): what a pool may still cover, checked race-free when loans are made."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from guarantees.errors import CapacityExceeded, NoPool
from guarantees.pool import COVERED_PRODUCTS
from guarantees.queries import available_fen, covered, lock, pools
from loans.applications.application import Application


class PoolCapacity:
    """The pools' answer to `loans.DisbursementCheck`: outstanding plus new principal within leverage × available cash."""

    def admit(self, session: Session, applications: Sequence[Application]) -> None:
        """Hold the pools of a batch and refuse it if one can't carry its part.

        Raises:
            NoPool: a county and bank have none.
            CapacityExceeded: the cap would be passed.
        """
        wanted: dict[tuple[str, str], int] = {}
        for a in applications:
            if a.covered and a.product in COVERED_PRODUCTS:
                key = (a.book.county, a.book.bank or "")
                wanted[key] = wanted.get(key, 0) + a.fen
        if not wanted:
            return
        by_place = {(one.book.county, one.bank): one for one in pools(session).values()}
        missing = sorted(wanted.keys() - by_place.keys())
        if missing:
            raise NoPool(*missing[0])
        lock(session, (by_place[place] for place in wanted))
        load = covered(session)
        for place, fen in sorted(wanted.items()):
            one = by_place[place]
            room = one.cap_fen(available_fen(session, one)) - load.get(place, (0, 0))[0]
            if fen > room:
                raise CapacityExceeded(*place, fen, room)
