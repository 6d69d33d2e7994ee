"""Commands about a station's agreement and its waterfall (还贷瀑布): what was agreed, what each rung got, money for sources."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import opened
from app.screen import out, say
from guarantees.advance import PoolAdvance
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.money import parse_yuan, yuan
from solar.agreeing import Agreed, Contribution, agree, contribute
from solar.agreement import Phase, Share, Source, from_text
from solar.correcting import Corrected, correct
from solar.errors import AgreementRefused
from solar.pouring import Pour
from solar.queries import agreements, later_contributions, stands
from solar.stations import Station, stations
from solar.waterfall import Rung

Meter = Annotated[str, typer.Argument(help="The station's meter (电表号).")]
Actor = Annotated[str, typer.Option("--actor", help="Who does it (经办人).")]
On = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day of the money (日期).")]


def agree_(
    meter: Meter,
    file: Annotated[Path, typer.Argument(help="The agreement as JSON: phases, floor, sources, reserve (分配协议).")],
    document: Annotated[str, typer.Option("--document", help="The document's number (文号).")],
    why: Annotated[str, typer.Option("--why", help="Why it is made or changed (理由).")],
    actor: Actor,
    valid_from: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="By default today.")] = None,
) -> None:
    """Record an agreement on a station's income from a day on (签订分配协议); the latest holds, none is changed."""
    terms = from_text(meter, file.read_text(encoding="utf-8"))
    with opened() as system, unit_of_work(system.engine) as session:
        start = valid_from.date() if valid_from else business_date(session)
        made = agree(session, [Agreed(meter=meter, valid_from=start, document=document, why=why, terms=terms)], actor)
    say(f"{meter}: agreed from {start} ({document})" if made else f"{meter}: that stands already, nothing changed")


def contribute_(
    meter: Meter,
    source: Annotated[Source, typer.Argument(help="reserve (平滑准备金) or company (企业补足).")],
    amount: Annotated[str, typer.Argument(help="Yuan, such as 600.00.")],
    reference: Annotated[str, typer.Option("--serial", help="The payer's serial number (流水号).")],
    on: On,
    actor: Actor,
) -> None:
    """Book money from outside for a station's reserve, or of the company that makes good (缴存)."""
    paid = Contribution(meter=meter, source=source, reference=reference, paid_on=on.date(), fen=parse_yuan(amount))
    with opened() as system, unit_of_work(system.engine) as session:
        made = contribute(session, [paid], actor)
    say(f"{meter}: {yuan(paid.fen)} for the {source}" if made else f"{meter}: {reference} is booked already, nothing changed")


def correct_(
    meter: Meter,
    reference: Annotated[str, typer.Argument(help="The receipt's serial number (流水号).")],
    on: On,
    actor: Actor,
    coal: Annotated[str, typer.Option("--coal", help="Yuan of the grid (标杆电费).")] = "0",
    subsidy: Annotated[str, typer.Option("--subsidy", help="Yuan of the nation (国家补贴).")] = "0",
) -> None:
    """Replace a receipt by what it should have said, and pour its days anew (更正到账); without money it never came."""
    right = Corrected(
        meter=meter, reference=reference, received_on=on.date(), coal_fen=parse_yuan(coal), subsidy_fen=parse_yuan(subsidy)
    )
    with opened() as system, unit_of_work(system.engine) as session:
        made = correct(session, right, actor, PoolAdvance())
    say(f"{meter}: {reference} corrected; {len(made)} days poured anew (重新分配)")
    for one in made:
        say(f"  {one.facts.day}: {_told(one)}")


def waterfall(
    meter: Meter,
    since: Annotated[datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="From this day on.")] = None,
) -> None:
    """Show what was agreed on a station, what it holds, and what each rung got, day by day (还贷瀑布)."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = stations(session, [meter]).get(meter)
        if one is None:
            raise AgreementRefused(meter, "没有登记的电站")
        _print_agreements(session, one)
        _print_rungs(session, one, since.date() if since else date.min)


def _print_agreements(session: Session, one: Station) -> None:
    for agreed in agreements(session, [one])[one.meter]:
        terms = agreed.terms
        shares = " → ".join(_shares(phase) for phase in terms.phases)
        sources = ", ".join(terms.sources) or "none"
        say(
            f"from {agreed.valid_from} ({agreed.document}, {agreed.actor}, {agreed.why}): {shares}; floor (保底) "
            f"{yuan(terms.floor_fen)}; sources (补足来源) {sources}; reserve (准备金) {yuan(terms.reserve_fen)}; "
            f"settles on (划转) {terms.settles}"
        )


def _shares(phase: Phase) -> str:
    return "/".join(f"{share} {phase.percents[share]}%" for share in Share if share in phase.percents)


def _print_rungs(session: Session, one: Station, since: date) -> None:
    stand = stands(session, [one], since)[one.meter]
    table = Table()
    for heading in ("day (日期)", "rung (项目)", "fen (元)", "interest (利息)", "principal (本金)"):
        table.add_column(heading)
    for day, rungs in sorted(stand.poured.items()):
        for rung in (rung for rung in Rung if rung in rungs and rungs[rung][0]):
            fen, interest, principal = rungs[rung]
            table.add_row(*(Text(cell) for cell in (str(day), rung.label, yuan(fen), yuan(interest), yuan(principal))))
        stand.move(rungs)
    for _, source, fen in later_contributions(session, one, since):
        stand.add(source, fen)
    out.print(table)
    say(
        f"held (留存) {yuan(stand.held_fen)}; reserve (准备金) {yuan(stand.reserve_fen)}; "
        f"company (企业) {yuan(stand.company_fen)}; "
        f"open advance (垫付未还) {yuan(stand.pool_open_fen)}; owed to the company (应还企业) {yuan(stand.company_open_fen)}"
    )


def _told(one: Pour) -> str:
    return ", ".join(f"{rung.label} {yuan(fen)}" for rung, (fen, *_) in one.delta.items())
