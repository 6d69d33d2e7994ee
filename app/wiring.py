"""Wiring: hands upper packages to the protocols of lower ones, and lists the night's steps and the ties in one place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Engine
from sqlalchemy.orm import Session

import guarantees.claims
import guarantees.fuse
import guarantees.liability
import guarantees.queries
import guarantees.tables
import guarantees.ties
import ledger.banking.queries
import ledger.banking.ties
import ledger.business_day
import ledger.reports.ties
import ledger.sealing.ties
import ledger.ties
import loans.applications.tables
import loans.applications.ties
import loans.queries
import loans.relending.tables
import loans.subsidy.reports
import loans.subsidy.tables
import loans.subsidy.ties
import loans.suspicions.tables
import loans.tables
import loans.ties
import registry.households
import solar.stations
import solar.sweeping
import solar.tables
import solar.ties
from app.access import second_factor
from app.migrate import migrate
from app.settings import Settings
from guarantees.advance import PoolAdvance
from guarantees.capacity import PoolCapacity, PoolSpending
from ledger import snapshots
from ledger.banking.month_check import ReconciliationCheck
from ledger.books import Book, BookKind, books, hold_books
from ledger.calendar import DAY
from ledger.closing import NightsClosed, PeriodCheck
from ledger.db import APP_ROLE, engine_as
from ledger.reports.catalogue import Catalogue, catalogue
from ledger.sealing.chain import JOURNAL, Chain
from ledger.sealing.seal import seal
from ledger.server import embedded
from ledger.ties import Check
from ledger.vouchers.queries import VouchersPosted
from ledger.vouchers.soundness import VoucherCheck
from ledger.vouchers.spending import PromisedStays
from ledger.vouchers.tables import voucher_step
from loans import accrual, ageing, repricing, settlement
from loans.disbursement import DisbursementCheck
from loans.quarantine.setting_aside import work_without_broken
from loans.relending.night import night as relending_night
from loans.rest import rest, rests
from loans.suspicions.lists import any_listed
from registry.cipher import Cipher, load_cipher
from scheduling.close import Step
from solar.unburdened import VillageStationsUnburdened

LOAN_EVENTS = Chain("loans", loans.tables.event)
CHAINS = (
    JOURNAL,
    Chain("vouchers", voucher_step, named_by="serial"),
    LOAN_EVENTS,
    Chain("applications", loans.applications.tables.application_event),
    Chain("relending", loans.relending.tables.draw_event),
    Chain("subsidy", loans.subsidy.tables.step),
    Chain("claims", guarantees.tables.claim_event),
    Chain("advances", guarantees.tables.advance),
    Chain("agreements", solar.tables.agreement, named_by="document"),
    Chain("contributions", solar.tables.contribution),
    Chain("pool_terms", guarantees.tables.pool_terms, named_by="bank"),
    Chain("fuses", guarantees.tables.fuse_event, named_by="bank"),
    Chain("guarantors", guarantees.tables.guarantor_receipt),
    Chain("claim_papers", guarantees.tables.claim_paper),
    Chain("filing_rules", guarantees.tables.filing_rule, named_by="source"),
    Chain("dunnings", loans.suspicions.tables.dunning),
)
"""What is sealed (封签), per book: all facts that take the book's sequence."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system: its database, as the application role, and the key to identity numbers."""

    engine: Engine
    cipher: Cipher
    settings: Settings


@contextmanager
def system(settings: Settings) -> Iterator[System]:
    """Open the system: start the embedded PostgreSQL unless an address is set, migrate, and connect as the application."""
    with database(settings) as url, _connected(url, settings) as opened:
        yield opened


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Yield the address of the database as it is: the one that is set, or the embedded PostgreSQL's, started if need be."""
    if settings.sqlalchemy_url is not None:
        yield settings.sqlalchemy_url
        return
    with embedded(settings.data) as url:
        yield url


@contextmanager
def _connected(url: str, settings: Settings) -> Iterator[System]:
    migrate(url)
    cipher = load_cipher(settings.key_path, create=_has_no_secrets(url))
    engine = engine_as(url, APP_ROLE)
    try:
        yield System(engine, cipher, settings)
    finally:
        engine.dispose()


def _has_no_secrets(url: str) -> bool:
    """Tell whether no identity number is sealed yet, so that a new key harms nobody."""
    engine = engine_as(url, APP_ROLE)
    try:
        with Session(engine) as session:
            kept = (
                registry.households.any_sealed,
                any_listed,
                ledger.banking.queries.any_sealed,
                solar.stations.any_sealed,
                second_factor.any_sealed,
            )
            return not any(any_kept(session) for any_kept in kept)
    finally:
        engine.dispose()


def begin(session: Session, first: date) -> None:
    """Begin the books: the first business day, and all days before it closed."""
    ledger.business_day.begin(session, first)
    loans.queries.begin(session, first - DAY)


def disbursement_checks() -> tuple[DisbursementCheck, ...]:
    """Return who is asked before loans are made."""
    return PoolCapacity(), VillageStationsUnburdened()


def voucher_checks() -> tuple[VoucherCheck, ...]:
    """Return who is asked before a voucher is posted."""
    return PromisedStays(), PoolSpending()


def period_checks() -> tuple[PeriodCheck, ...]:
    """Return who is asked before a month closes."""
    return NightsClosed(), VouchersPosted(), ReconciliationCheck(), TiesHold()


class TiesHold:
    """A month closes only when everything ties, whichever book asks: books of one event stand or fall together."""

    def __init__(self) -> None:
        """Ask once, however many books are closed."""
        self._broken: list[str] | None = None

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:  # noqa: ARG002 - a PeriodCheck
        """Return each tie that does not hold."""
        if self._broken is None:
            self._broken = [f"{one.check}：应为 {one.expected}，实为 {one.actual}" for one in verify(session) if not one.ok]
        return self._broken


def night_steps() -> tuple[Step, ...]:
    """Return the night's steps in order (house.md 4): what each writes, and what of its counts came in."""
    return (
        Step(
            "sweep", _setting_aside("sweep", _sweep), "光伏划转",
            writes=("solar/<meter>/swept/<date>", "loan/solar/<meter>/<date>", "solar/<meter>/<date>/advanced"),
            at_rest=_nothing("fen"),
        ),
        Step(
            "age", _setting_aside("age", lambda s, d: asdict(ageing.age(s, d))), "逾期处理",
            writes=("night/aged/<date>",), takes=("touched",), at_rest=_nothing("touched", "stopped"),
        ),
        Step(
            "settle", _setting_aside("settle", lambda s, d: asdict(settlement.settle(s, d))), "结息",
            writes=("night/charged/<date>", "night/rounded/<date>"), at_rest=_nothing("charges", "fen"),
        ),
        Step(
            "reprice", _setting_aside("reprice", lambda s, d: asdict(repricing.reprice(s, d))), "重定价",
            writes=("loan/<contract>/reset/<date>",), takes=("resets",), at_rest=_nothing("resets", "changed"),
        ),
        Step(
            "accrue", _setting_aside("accrue", lambda s, d: asdict(accrual.accrue(s, d))), "计提",
            writes=("night/accrued/<date>",), takes=("groups",),
            explains=("tonight_fen", "later_fen", "charged_fen", "quarantined", "frozen_fen"),
            at_rest=lambda s, d: asdict(rest(s, d)),
        ),
        Step(
            "relending", lambda s, d: asdict(relending_night(s, d)), "再贷款",
            writes=("night/relending/<date>", "relending/<draw>/interest/<date>", "relending/<draw>/repaid"),
        ),
        Step(
            "pools", _setting_aside("pools", _pools), "风险补偿金",
            writes=("night/liability/<date>", "claim/<claim>/shared/<date>", "guarantees.fuse_event (book, sequence)"),
            at_rest=_nothing("shared_fen", "liability_fen", "fuses"),
        ),
        Step("tie", _tie, "核对", takes=("ties",), at_rest=_nothing("ties", "differences")),
        Step(
            "snapshot", lambda s, _: {"taken": snapshots.take(s)}, "余额快照",
            writes=("ledger.snapshot (book, sequence)",), at_rest=_nothing("taken"),
        ),
        Step("seal", lambda s, _: seal(s, CHAINS), "封签", writes=("ledger.seal (book, chain, number)",)),
    )  # fmt: skip


def night_rests(session: Session, closing: date) -> bool:
    """Tell whether the night of a day is at rest (平静之夜): no loan moves, no station is to be poured, no terms begin."""
    if solar.sweeping.any_waiting(session, closing) or guarantees.queries.any_terms_begin(session, closing):
        return False
    return rests(session, closing)


def _nothing(*counts: str) -> Callable[[Session, date], Mapping[str, int]]:
    """Return what a step does that has nothing to do: it counts nought."""
    return lambda _, __: dict.fromkeys(counts, 0)


def _setting_aside(name: str, work: Callable[[Session, date], Mapping[str, int]]) -> Callable[[Session, date], Mapping[str, int]]:
    """Return the work of a step that sets aside the loans which break it (隔离), and goes on without them."""
    return lambda session, closing: work_without_broken(session, name, closing, work)


def verify(session: Session) -> Iterator[Check]:
    """Yield every tie of every package, re-derived."""
    yield from ledger.ties.checks(session)
    yield from ledger.reports.ties.checks(session)
    yield from ledger.sealing.ties.checks(session, CHAINS)
    yield from ledger.banking.ties.checks(session)
    yield from loans.ties.checks(session)
    yield from loans.applications.ties.checks(session)
    yield from loans.subsidy.ties.checks(session)
    yield from guarantees.ties.checks(session)
    yield from solar.ties.checks(session)


def reports() -> Catalogue:
    """Return every report of every package, in the order of their numbers."""
    found = {**catalogue(), **loans.subsidy.reports.reports()}
    return dict(sorted(found.items(), key=lambda one: one[1][0].number))


def _sweep(session: Session, closing: date) -> Mapping[str, int]:
    return {"fen": solar.sweeping.sweep_into_loans(session, closing, PoolAdvance())}


def _pools(session: Session, closing: date) -> Mapping[str, int]:
    all_pools = guarantees.queries.pools(session, closing).values()
    guarantees.queries.lock(session, all_pools)
    hold_books(session, [*{one.book.id for one in all_pools}, *(book.id for book in books(session, BookKind.LOANS))])
    shared = guarantees.claims.share_recoveries(session, closing)
    found = guarantees.queries.loads(session, closing)
    return {
        "shared_fen": shared,
        "liability_fen": guarantees.liability.follow(session, closing, found),
        "fuses": guarantees.fuse.follow(session, closing, found),
    }


def _tie(session: Session, _: date) -> Mapping[str, int]:
    """Hold the control accounts of principal against the loans; refuse the night if they differ.

    Raises:
        RuntimeError: a control account differs from its loans.
    """
    hold_books(session, [book.id for book in books(session, BookKind.LOANS)])  # loans and accounts are read one after the other
    checks = list(loans.ties.principal_checks(session))
    broken = [check for check in checks if not check.ok]
    if broken:
        raise RuntimeError(f"{broken[0].check}: expected {broken[0].expected}, found {broken[0].actual}")
    return {"ties": len(checks), "differences": 0}
