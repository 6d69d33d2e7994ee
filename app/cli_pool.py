"""Commands about compensation pools (风险补偿金): terms, the queue, the special account's money, other guarantors."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import Day, day_of, opened
from app.imports.cells import CellRefused, share_ppb_cell
from app.screen import out, say
from guarantees import agreement, guarantors, movements, queue
from guarantees.claims.claim import Claim
from guarantees.claims.queries import claim_numbered
from guarantees.errors import ClaimRefused, NoPool, TermsRefused
from guarantees.movements import Movement, MovementKind
from guarantees.pool import Pool
from guarantees.queries import pools, terms_of_pools
from guarantees.terms import Advances, InterestTo, LossBasis, PoolTerms, RecoveryOrder, Share
from ledger.books import book_named
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import parse_yuan, percent, yuan

app = typer.Typer(help="Compensation pools: terms, queue, money, fuse, forecast (风险补偿金).", no_args_is_help=True)

BookOf = Annotated[str, typer.Option("--book", help="A fund's book, such as RCF-371621 (账套).")]
BankOf = Annotated[str, typer.Option("--bank", help="The bank's code (银行).")]
By = Annotated[str, typer.Option("--by", help="Who does it (经办人).")]
Reason = Annotated[str, typer.Option("--reason", help="Why (事由).")]
Document = Annotated[str, typer.Option("--document", help="Number of the document (文号).")]
Serial = Annotated[str, typer.Argument(help="The bank's serial number (流水号).")]
Amount = Annotated[str, typer.Argument(help="Yuan, such as 1,234.56 (金额).")]
Number = Annotated[str, typer.Argument(help="The claim's number (代偿编号).")]


@dataclass(frozen=True, slots=True)
class Place:
    """A pool in an open session."""

    session: Session
    pool: Pool


@contextmanager
def at(book: str, bank: str) -> Iterator[Place]:
    """Open the system at a county's pool; what is done is kept if nothing is refused.

    Raises:
        NoPool: there is none.
    """
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        found = pools(session).get((mine.id, bank))
        if found is None:
            raise NoPool(mine.county, bank)
        yield Place(session, found)


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings."""
    table = Table(title=Text(title))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


@app.callback()
def pool() -> None:
    """Compensation pools (风险补偿金)."""


@app.command()
def terms(book: BookOf, bank: BankOf) -> None:
    """Show all terms that a county and a bank agreed, with who booked them and why (约定)."""
    with at(book, bank) as place:
        agreed, now = terms_of_pools(place.session)[place.pool.book.id, bank], place.pool.terms
    headings = ("序号", "生效日", "分担比例", "放大倍数", "代偿等待", "预警/熔断", "损失范围", "追偿顺序", "划回期限", "光伏垫付",
                "专户利息", "专户批准文号", "文号", "事由", "经办")  # fmt: skip
    print_table(f"{book}/{bank} 风险补偿金约定", headings, [_cells(one, now) for one in agreed])


def _cells(one: PoolTerms, now: PoolTerms) -> tuple[str, ...]:
    shares = [f"{part.name} {percent(part.ppb)}" for part in one.shares]
    return (
        f"{one.seq}{' *' if one == now else ''}", str(one.from_date), "、".join([*shares, f"银行 {percent(one.bank_ppb)}"]),
        str(one.leverage), f"{one.claim_after_days} 天", f"{percent(one.warn_ppb)}/{percent(one.fuse_ppb)}",
        _WORDS[one.loss_basis], _WORDS[one.recovery_order], f"{one.pass_on_days} 个工作日", _WORDS[one.advances],
        _WORDS[one.interest], one.approval, one.document, one.reason, one.actor,
    )  # fmt: skip


_WORDS: dict[str, str] = {
    LossBasis.PRINCIPAL: "本金", LossBasis.WITH_INTEREST: "本金和合同利息", RecoveryOrder.PRO_RATA: "按代偿比例",
    RecoveryOrder.FUND_FIRST: "风险补偿金优先", RecoveryOrder.BANK_FIRST: "银行优先", Advances.NONE: "不得垫付",
    Advances.SOLAR: "可以垫付", InterestTo.FUND: "留存", InterestTo.TREASURY: "缴财政",
}  # fmt: skip

Percent = Annotated[str | None, typer.Option(help="Per cent (百分数).")]
Days = Annotated[int | None, typer.Option(help="Days (天数).")]


@app.command()
def agree(
    book: BookOf,
    bank: BankOf,
    document: Document,
    reason: Reason,
    by: By,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (生效日).")],
    tier: Annotated[list[str] | None, typer.Option(help="A tier of government, such as 省级=20 (政府分担).")] = None,
    guarantor: Annotated[list[str] | None, typer.Option(help="Another guarantor, such as 光伏公司=10 (其他分担方).")] = None,
    approval: Annotated[str | None, typer.Option(help="Approval of the special account (专户批准文号).")] = None,
    leverage: Annotated[int | None, typer.Option(help="Multiple of available cash (放大倍数).")] = None,
    claim_after: Days = None,
    pass_on: Days = None,
    warn: Percent = None,
    fuse: Percent = None,
    worse: Percent = None,
    basis: Annotated[LossBasis | None, typer.Option(help="What a claim covers (损失范围).")] = None,
    recovery: Annotated[RecoveryOrder | None, typer.Option(help="Who recovers first (追偿顺序).")] = None,
    advances: Annotated[Advances | None, typer.Option(help="Advances of solar instalments (光伏垫付).")] = None,
    interest: Annotated[InterestTo | None, typer.Option(help="Whose the account's interest is (专户利息).")] = None,
) -> None:
    """Book terms from a day on (签订约定); what is left out stays as it is in force."""
    with at(book, bank) as place:
        now = place.pool.terms
        rates = {"warn_ppb": warn, "fuse_ppb": fuse, "worse_ppb": worse}
        plain = {
            "approval": approval, "leverage": leverage, "claim_after_days": claim_after, "pass_on_days": pass_on,
            "loss_basis": basis, "recovery_order": recovery, "advances": advances, "interest": interest,
            **{name: _ppb(bank, given) for name, given in rates.items() if given is not None},
        }  # fmt: skip
        shares = now.shares
        if tier or guarantor:
            tiers = [_share(bank, one, government=True) for one in tier or ()]
            kept = [one for one in shares if one.government] if not tier else tiers
            shares = (*kept, *(_share(bank, one, government=False) for one in guarantor or ()))
        changed = {name: value for name, value in plain.items() if value is not None}
        wanted = replace(now, from_date=since.date(), shares=shares, document=document, reason=reason, **changed)  # type: ignore[arg-type]
        made = agreement.agree(place.session, place.pool, wanted, by)
    say(f"{book}/{bank}: terms {made.seq} from (自) {made.from_date}, {document}")


def _share(bank: str, given: str, *, government: bool) -> Share:
    name, _, value = given.partition("=")
    return Share(name.strip(), _ppb(bank, value), government)


def _ppb(bank: str, given: str) -> int:
    try:
        return share_ppb_cell(given)
    except CellRefused as refusal:
        raise TermsRefused(bank, f"{given}：{refusal}") from refusal


@app.command("withdraw-terms")
def withdraw_terms(
    seq: Annotated[int, typer.Argument(help="Which (序号).")], book: BookOf, bank: BankOf, reason: Reason, by: By
) -> None:
    """Take terms back that are not yet past and that no claim stands on (撤销约定)."""
    with at(book, bank) as place:
        agreement.withdraw(place.session, place.pool, seq, reason, by)
    say(f"{book}/{bank}: terms {seq} withdrawn (已撤销)")


@app.command("queue")
def queue_(book: BookOf, bank: BankOf) -> None:
    """List the approved claims that wait for money, in the order in which they are paid (排队)."""
    with at(book, bank) as place:
        found = queue.line(place.session, place.pool)
    rows = [(str(p.number), p.claim.number, yuan(p.claim.gov_fen), yuan(p.lacking_fen)) for p in found]
    print_table(f"{book}/{bank} 代偿排队", ("位次", "代偿编号", "应付", "尚缺"), rows)
    waiting = sum(p.lacking_fen > 0 for p in found)
    say(f"{len(found)} claims to pay (待拨付), {waiting} of them wait for money (排队)")


@app.command()
def move(
    kind: Annotated[MovementKind, typer.Argument(help="What moves (收支).")],
    serial: Serial,
    amount: Amount,
    book: BookOf,
    bank: BankOf,
    by: By,
    on: Day = None,
    to: Annotated[str, typer.Option(help="Where a transfer goes: a bank of the same county (转入银行).")] = "",
    reason: Annotated[str, typer.Option(help="Document or reason (文号或事由).")] = "",
) -> None:
    """Book interest, a fee, its refund, a transfer, or what goes back to the treasury (专户收支)."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = Movement(
            kind=kind, book=book_named(session, BookCode(book)), bank=bank, serial=serial,
            day=day_of(on) or business_date(session), fen=parse_yuan(amount), reason=reason, to_bank=to,
        )  # fmt: skip
        fresh = movements.move(session, one, by)
    say(f"{book}/{bank} {serial}: {kind.label} {yuan(one.fen)}{'' if fresh else ', was there (已登记)'}")


@app.command()
def undo(serial: Serial, book: BookOf, reason: Reason, by: By) -> None:
    """Take a movement back in red, while nothing needs its money (撤销收支)."""
    with opened() as system, unit_of_work(system.engine) as session:
        movements.undo(session, book_named(session, BookCode(book)), serial, by, reason)
    say(f"{book} {serial}: taken back (已撤销)")


@app.command("guarantors")
def guarantors_(book: BookOf, bank: BankOf, only_open: Annotated[bool, typer.Option("--open")] = False) -> None:
    """List what other guarantors owe the bank of paid claims, and what they paid (其他分担方)."""
    with at(book, bank) as place:
        mine = (place.pool.book.id, bank)
        found = [one for one in guarantors.dues(place.session) if (one.claim.pool.book.id, one.claim.pool.bank) == mine]
    shown = [one for one in found if one.open_fen or not only_open]
    rows = [(d.claim.number, d.guarantor, str(d.since), yuan(d.fen), yuan(d.received_fen), yuan(d.open_fen)) for d in shown]
    print_table(f"{book}/{bank} 其他分担方", ("代偿编号", "分担方", "应付日", "应付", "已收", "尚欠"), rows)
    say(f"{len(shown)} parts (笔), still to come (尚欠) {yuan(sum(one.open_fen for one in shown))}")


@app.command()
def parts(number: Number, book: BookOf, bank: BankOf) -> None:
    """Show what each party bears of a claim (分担明细)."""
    with at(book, bank) as place:
        one = _claim(place, number)
    rows = [(part.name, "风险补偿金" if part.government else "", yuan(part.fen)) for part in one.pool.parts(one.basis_fen)]
    print_table(f"代偿 {number} 分担明细", ("分担方", "由何支付", "金额"), rows)
    say(f"basis (代偿基数) {yuan(one.basis_fen)}, the pool's (风险补偿金) {yuan(one.gov_fen)}")


@app.command()
def received(
    number: Number,
    guarantor: Annotated[str, typer.Argument(help="Who paid (分担方).")],
    serial: Serial,
    amount: Amount,
    book: BookOf,
    bank: BankOf,
    by: By,
    on: Day = None,
) -> None:
    """Record that another guarantor paid the bank its part of a claim (收到分担款)."""
    with at(book, bank) as place:
        day, fen = day_of(on) or business_date(place.session), parse_yuan(amount)
        fresh = guarantors.receive(place.session, _claim(place, number), guarantor, serial, day, fen, by)
    say(f"{number} {guarantor}: received (已收) {yuan(fen)}{'' if fresh else ', was there (已登记)'}")


@app.command("undo-received")
def undo_received(number: Number, serial: Serial, book: BookOf, bank: BankOf, by: By) -> None:
    """Take back that another guarantor paid (撤销收到分担款)."""
    with at(book, bank) as place:
        guarantors.undo(place.session, _claim(place, number), serial, by)
    say(f"{number} {serial}: taken back (已撤销)")


def _claim(place: Place, number: str) -> Claim:
    found = claim_numbered(place.session, place.pool, number)
    if found is None:
        raise ClaimRefused(number, "没有这个编号")
    return found
