"""Commands about seals (封签): seal what is new, recompute what is sealed, and write heads down for a place outside."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.entrance import BookOption, opened
from app.heads import read_heads, write_heads
from app.screen import busy, err, out, say
from app.wiring import CHAINS
from ledger.books import book_named
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.sealing.queries import heads as heads_of
from ledger.sealing.seal import seal
from ledger.sealing.verify import Finding, off_chain
from ledger.sealing.verify import verify as recompute

app = typer.Typer(help="Seal what is recorded, and show what was changed afterwards (封签).", no_args_is_help=True)

HEADINGS = ("book (账套)", "chain (链)", "tables (表)", "sequence (序号)", "reference (流水号)", "what (问题)")


@app.command()
def run() -> None:
    """Seal what is not sealed yet (封签)."""
    with opened() as system, busy("sealing (封签)"), unit_of_work(system.engine) as session:
        counts = seal(session, CHAINS)
    named = "; ".join(f"{name} {count}" for name, count in counts.items())
    say(f"sealed {sum(counts.values())} rows (封签)" + (f": {named}" if named else ""))


@app.command()
def verify(
    book: BookOption = None,
    heads: Annotated[Path | None, typer.Option("--heads", help="Heads written down; they must lie on the chains.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Recompute every seal and name each row that does not fit (验签); exit 1 if there is one."""
    written = read_heads(heads) if heads is not None else []
    with opened() as system, busy("recomputing seals (验签)"), unit_of_work(system.engine) as session:
        chosen = book_named(session, BookCode(book)) if book is not None else None
        chains = list(recompute(session, CHAINS, chosen))
        mine = [head for head in written if chosen is None or head.book == chosen.code]
        found = [finding for chain in chains for finding in chain.findings] + list(off_chain(session, CHAINS, mine))
    sealed, waiting = sum(chain.sealed for chain in chains), sum(chain.waiting for chain in chains)
    if as_json:
        result = {"sealed": sealed, "waiting": waiting, "heads": len(mine), "findings": [asdict(one) for one in found]}
        out.print_json(json.dumps(result, ensure_ascii=False))
    else:
        _print_findings(found)
        held = f", {len(mine)} heads held against them (链头)" if heads is not None else ""
        verdict = f"{len(found)} do not fit (不符)" if found else "all fit (全部相符)"
        say(f"{sealed} seals recomputed (验签){held}; {waiting} rows not sealed yet (待封签); {verdict}")
    if found:
        raise typer.Exit(1)


@app.command()
def heads(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A CSV file; standard output if left out.")] = None,
) -> None:
    """Write down where every chain ends, to be kept where nobody of the house can change it (链头留存)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = heads_of(session, CHAINS)
    if output is None:
        write_heads(found, sys.stdout)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        write_heads(found, file)
    say(f"wrote {len(found)} heads to {output}", err)


def _print_findings(found: Sequence[Finding]) -> None:
    if not found:
        return
    table = Table(title=f"{len(found)} rows do not fit their seals (验签不符)")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for one in found:
        seq = "" if one.seq is None else str(one.seq)
        cells = (one.book, one.chain, one.tables, seq, one.reference or "", f"{one.fault} {one.fault.label}")
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
