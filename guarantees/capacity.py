"""Capacity (放大倍数): what a pool may still cover, checked race-free when loans are made and when people spend its money."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from guarantees.errors import CapacityExceeded, NoPool, Suspended
from guarantees.fuse import as_percent, blown
from guarantees.pool import COVERED_PRODUCTS
from guarantees.queries import NO_LOAD, available_fen, behind_loans, loads, lock, pools
from ledger.books import BookKind
from ledger.money import yuan
from ledger.vouchers.spending import spent
from ledger.vouchers.voucher import Voucher
from loans.applications.application import Application


class PoolCapacity:
    """The pools' answer to `loans.DisbursementCheck`: outstanding plus new principal within leverage × available cash."""

    def admit(self, session: Session, applications: Sequence[Application]) -> None:
        """Hold the pools of a batch and refuse it if one can't carry its part.

        Raises:
            NoPool: a county and bank have none.
            Suspended: a pool's fuse has blown.
            CapacityExceeded: the cap would be passed.
        """
        wanted: dict[tuple[str, str], int] = {}
        for a in applications:
            if a.covered and a.product in COVERED_PRODUCTS:
                key = (a.book.county, a.book.bank or "")
                wanted[key] = wanted.get(key, 0) + a.fen
        if not wanted:
            return
        by_place = behind_loans(session)
        missing = sorted(wanted.keys() - by_place.keys())
        if missing:
            raise NoPool(*missing[0])
        lock(session, (by_place[place] for place in wanted))
        for where, event in blown(session, (by_place[place] for place in wanted)).items():
            one = next(p for p in by_place.values() if (p.book.id, p.bank) == where)
            raise Suspended(one.book.county, one.bank, event.value_date, as_percent(event.ratio))
        found = loads(session)
        for place, fen in sorted(wanted.items()):
            one = by_place[place]
            room = one.cap_fen(available_fen(session, one)) - found.get((one.book.id, one.bank), NO_LOAD).principal_fen
            if fen > room:
                raise CapacityExceeded(*place, fen, room)


class PoolSpending:
    """The pools' answer to `ledger.vouchers.VoucherCheck`: what is approved and what the loans need stays."""

    def objections(self, session: Session, voucher: Voucher) -> list[str]:
        """Return which bank's pool a voucher would leave with too little; the pools are held."""
        taken = spent(session, voucher) if voucher.book.kind is BookKind.COMPENSATION else {}
        mine = [one for one in pools(session).values() if one.book.id == voucher.book.id and taken.get(one.bank, 0) > 0]
        if not mine:
            return []
        lock(session, mine)
        behind, found = loads(session), []
        for one in mine:
            left = available_fen(session, one) - taken[one.bank]
            principal = behind.get((one.book.id, one.bank), NO_LOAD).principal_fen
            if left < 0 or principal > one.cap_fen(left):
                found.append(f"{one.bank} 的风险补偿金支出后可用 {yuan(left)} 元，不足以覆盖贷款余额 {yuan(principal)} 元")
        return found
