"""Papers about funds and the books themselves: pools, claims, relending, accounts at banks, reports, vouchers."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app import papers
from app.issuing.loan_papers import covered_sheets, is_demo
from app.issuing.question import Asked, Known
from app.reports.asking import Wish, report_of
from guarantees.claims.claim import Claim
from guarantees.claims.queries import claims
from guarantees.pool import Pool
from guarantees.queries import pools
from ledger.banking.queries import accounts
from ledger.banking.sheets import sheet_of, signers
from ledger.books import Book, BookKind, book_named, books
from ledger.calendar import DAY, working_days_after
from ledger.journal import BookCode, Side
from ledger.money import yuan
from ledger.officers import supervisor_on
from ledger.queries import NOTHING, account_titles, entries, entry_referenced, turnovers
from ledger.reports.report import Report
from loans.life import Horizon
from loans.queries import contracts, events_of
from loans.relending.queries import pledges
from loans.relending.register import register
from loans.replay import replay
from registry.households import borrowers
from registry.identity import masked_name
from registry.reference import bank_names, county_names
from statements.claim_papers import ClaimFigures, ClaimPaper, ClaimStep
from statements.figures import Voucher
from statements.fund_papers import FundLine, FundStatement
from statements.ledger_papers import (
    BalanceHandedOver,
    HandedOver,
    Handover,
    OpenPosting,
    Receipt,
    ReconciliationPaper,
    ReportColumn,
    ReportPaper,
    ReportPart,
    ReportRow,
)
from statements.notices import BankInquiry, InquiryLine, LendingNotice
from statements.relending_papers import DrawFigures, FundedLoan, PledgedAsset, PledgeList, RelendingRegister

if TYPE_CHECKING:
    from loans.relending.pledge import Pledge

CASH, APPROVED = "1004", "2015.01"
PURPOSES = {"fund.contributed": "缴存", "guarantees.paid": "代偿", "guarantees.passed": "追偿"}
STEPS = {
    "filed": "申请",
    "checked": "审核",
    "returned": "退回",
    "approved": "批准",
    "paid": "拨付",
    "cancelled": "撤销",
    "shared": "追偿分成",
    "passed": "划回",
    "lost": "核销",
}
NO_ACCOUNT = "未登记专户账号"


def fund_statement(session: Session, asked: Asked, known: Known) -> FundStatement:
    """风险补偿金专户对账单."""
    one, first, last = _pool(session, asked), asked.day("from"), asked.day("to")
    book = one.book
    if first > last:
        raise asked.refused("起始日晚于截止日")
    opening = _cash(session, one, CASH, first - DAY, known)
    left, lines = opening, []
    for day, voucher, kind, narration, fen in _movements(session, one, first, last, known):
        left += fen
        who = bank_names(session)[one.bank] if kind != "fund.contributed" else "财政"
        lines.append(
            FundLine(
                day=day, voucher=voucher, counterparty=who, purpose=PURPOSES.get(kind, "其他"), narration=narration,
                in_fen=max(fen, 0), out_fen=max(-fen, 0), balance_fen=left,
            )
        )  # fmt: skip
    carried = sum(
        sheet.closing_fen for sheet in covered_sheets(session, book.county, one.bank, last, known) if not sheet.compensated_fen
    )
    return FundStatement(
        issuer=papers.ISSUER, account=book.name, account_number=_account(session, book, one.bank),
        bank=bank_names(session)[one.bank],
        county=county_names(session)[book.county], approval=one.terms.approval, first_day=first, last_day=last,
        reply_by=working_days_after(last, papers.REPLY_WITHIN_WORKING_DAYS), opening_fen=opening, lines=tuple(lines),
        closing_fen=_cash(session, one, CASH, last, known), approved_unpaid_fen=-_cash(session, one, APPROVED, last, known),
        covered_fen=carried, leverage=one.terms.leverage, share_ppb=one.share_ppb, demo=is_demo(book),
    )  # fmt: skip


def lending_notice(session: Session, asked: Asked, known: Known) -> LendingNotice:
    """暂停、恢复放贷通知书: the decision and its reason are a person's, the figures the books'."""
    one, day = _pool(session, asked), asked.day("as_of")
    if asked["what"] not in ("暂停", "恢复"):
        raise asked.refused("what 须为 暂停 或 恢复")
    sheets = [s for s in covered_sheets(session, one.book.county, one.bank, day, known) if not s.compensated_fen]
    carried = sum(sheet.closing_fen for sheet in sheets)
    overdue = sum(s.closing_fen for s in sheets if max(s.overdue_principal_days, s.overdue_interest_days))
    available = _cash(session, one, CASH, day, known) + _cash(session, one, APPROVED, day, known)
    return LendingNotice(
        issuer=papers.ISSUER, bank=bank_names(session)[one.bank], county=county_names(session)[one.book.county],
        stops=asked["what"] == "暂停", from_day=day + DAY, available_fen=available, covered_fen=carried,
        cap_fen=one.cap_fen(available), overdue_fen=overdue, overdue_hundredths=overdue * 10_000 // carried if carried else 0,
        reason=asked["reason"], demo=is_demo(one.book),
    )  # fmt: skip


def claim(paper: ClaimPaper, session: Session, asked: Asked, known: Known) -> ClaimFigures:
    """Return the figures of one of the papers of a claim."""
    book = book_named(session, BookCode(asked["book"]))
    one = claims(session, [(book.id, asked["number"])], known).get((book.id, asked["number"]))
    if one is None:
        raise asked.refused(f"{book.code} 没有代偿 {asked['number']}")
    taken = one.steps
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[(one.loan_book_id, one.loan_id)]
    filed = next(step.value_date for step in reversed(taken) if step.kind == "filed")
    happened = [event for event in events_of(session, [loan.key], known)[loan.key] if event.value_date <= filed]
    life = replay(loan.terms, happened, Horizon(filed, filed))
    person = borrowers(session, [(loan.county, loan.borrower)])[(loan.county, loan.borrower)]
    sheet = next(iter(papers.sheets_of(session, book_named(session, loan.book), (filed, filed), known, {}, {loan.contract})))[0]
    last = taken[-1].value_date
    return ClaimFigures(
        paper=paper, issuer=papers.ISSUER, bank=bank_names(session)[one.pool.bank], county=county_names(session)[book.county],
        number=one.number, day=last, state=one.state, borrower=masked_name(person.name), id_number=person.id_masked,
        contract=loan.contract, product=sheet.product, principal_fen=papers.whole(loan.terms.principal_fen),
        drawn_on=loan.terms.drawn_on,
        maturity=loan.terms.maturity, days_past_due=life.standing.days_past_due(filed),
        claim_after_days=one.pool.claim_after_days, pass_on_days=one.pool.terms.pass_on_days,
        basis_fen=one.basis_fen, share_ppb=one.pool.share_ppb, gov_fen=one.gov_fen,
        bank_fen=one.basis_fen - one.gov_fen, available_fen=_available(session, one, last, known), filed_by=one.filed_by,
        approved_by=one.approved_by or "", paid_on=one.paid_on, shared_fen=one.shared_fen, passed_fen=one.passed_fen,
        lost_fen=one.lost_fen, steps=tuple(
            ClaimStep(day=step.value_date, kind=STEPS.get(step.kind, step.kind), fen=step.fen, actor=step.actor) for step in taken
        ), demo=is_demo(book),
    )  # fmt: skip


def relending_register(session: Session, asked: Asked, known: Known) -> RelendingRegister:  # noqa: ARG001 - as of a close
    """扶贫再贷款使用台账: as of a close, which fixes what was known."""
    book = book_named(session, BookCode(asked["book"]))
    found = register(session, book, asked.day("as_of"))
    return RelendingRegister(
        issuer=papers.ISSUER, book=book.name, day=found.day, cap_ppb=found.cap_ppb, document=found.rule.document,
        draws=tuple(
            DrawFigures(
                number=s.draw.number, form=s.draw.form.label, fen=s.draw.fen, rate_ppb=s.draw.rate_ppb, drawn_on=s.draw.drawn_on,
                ends_on=s.draw.ends_on, balance_fen=s.balance_fen, pledged_fen=s.pledged_fen, earned_fen=s.earned_fen,
                cost_fen=s.cost_fen, idle=f"{yuan(s.idle.fen)} 元，自 {s.idle.since}" if s.idle else "",
                loans=tuple(
                    FundedLoan(
                        contract=o.contract, product=o.product, borrower=o.borrower, id_number=o.id_masked,
                        household=o.household or "", lent_fen=o.lent_fen, rate_ppb=o.rate_ppb, drawn_on=o.drawn_on,
                        maturity=o.maturity, balance_fen=o.balance_fen, fen=o.fen, since=o.since,
                    )
                    for o in s.lines
                ),
            )
            for s in found.sheets
        ),
        demo=is_demo(book),
    )  # fmt: skip


def pledge_list(session: Session, asked: Asked, known: Known) -> PledgeList:
    """再贷款质押清单."""
    book, day = book_named(session, BookCode(asked["book"])), asked.day("as_of")
    held: list[Pledge] = [one for one in pledges(session, [book.id], known) if one.start <= day < one.until]
    return PledgeList(
        issuer=papers.ISSUER, book=book.name, day=day, demo=is_demo(book),
        assets=tuple(
            PledgedAsset(
                draw=o.draw, serial=o.serial, asset=o.asset.label, face_fen=o.face_fen, rate_ppb=o.rate_ppb, value_fen=o.fen,
                start=o.start, end=o.end,
            )
            for o in held
        ),
    )  # fmt: skip


def bank_inquiry(session: Session, asked: Asked, known: Known) -> BankInquiry:
    """银行询证函: the funds' accounts at a bank, and the loans that it keeps."""
    bank, day, lines = asked["bank"], asked.day("as_of"), []
    mine = books(session)
    held = [one for one in pools(session).values() if one.bank == bank]
    for one in held:
        number = _account(session, one.book, bank)
        lines.append(
            InquiryLine(kind=f"{one.book.name}存款", account=number, balance_fen=_cash(session, one, CASH, day, known), note="")
        )
    for book in mine:
        if book.kind is BookKind.LOANS and book.bank == bank:
            fen = sum(sheet.closing_fen for sheet in covered_sheets(session, book.county, bank, day, known))
            lines.append(
                InquiryLine(kind=f"{county_names(session)[book.county]}贷款本金", account="", balance_fen=fen, note="贷款备查账")
            )
    if not lines:
        raise asked.refused(f"银行 {bank} 没有可询证的余额")
    return BankInquiry(
        issuer=papers.ISSUER, bank=bank_names(session)[bank], day=day, lines=tuple(lines), demo=is_demo(*mine),
        reply_by=working_days_after(day, papers.REPLY_WITHIN_WORKING_DAYS),
    )  # fmt: skip


def voucher(session: Session, asked: Asked, known: Known) -> Voucher:  # noqa: ARG001 - an entry never changes
    """记账凭证."""
    return papers.voucher(session, BookCode(asked["book"]), asked["reference"])


def receipt(session: Session, asked: Asked, known: Known) -> Receipt:  # noqa: ARG001 - the same
    """资金收付回单: of an entry that moves money of a fund's account once."""
    book = book_named(session, BookCode(asked["book"]))
    stored = entry_referenced(session, book.id, asked["reference"])
    cash = [p for p in stored.entry.postings if p.account.split(".")[0] == CASH]
    if len(cash) != 1:
        raise asked.refused(f"{asked['reference']} 有 {len(cash)} 笔专户收付，须恰好一笔")
    comes_in = (cash[0].side is Side.DEBIT) == (cash[0].fen > 0)
    bank = cash[0].dimensions.bank or ""
    ours = (book.name, _account(session, book, bank), bank_names(session).get(bank, ""))
    theirs = ("财政" if stored.entry.kind == "fund.contributed" else bank_names(session).get(bank, "—"), "—", "—")
    payer, payee = (theirs, ours) if comes_in else (ours, theirs)
    return Receipt(
        issuer=papers.ISSUER, day=stored.entry.value_date, voucher=f"{stored.entry.word}-{stored.number}",
        reference=stored.entry.reference,
        payer=payer[0], payer_account=payer[1], payer_bank=payer[2], payee=payee[0], payee_account=payee[1], payee_bank=payee[2],
        fen=abs(cash[0].fen), purpose=PURPOSES.get(stored.entry.kind, "其他"), narration=stored.entry.narration,
        demo=is_demo(book),
    )  # fmt: skip


def report(session: Session, asked: Asked, known: Known) -> ReportPaper:
    """Any report of the ledger (总账、明细账、余额表 …) of one book, as known at its sequence."""
    book = book_named(session, BookCode(asked["book"]))
    wish = Wish(
        book=book.code, first=asked.day("from"), last=asked.day("to"), account=asked.words.get("account", ""),
        known_at=known[book.id]
    )  # fmt: skip
    made = report_of(session, asked["name"], wish)
    return ReportPaper(
        issuer=made.scope.name, title=made.heading, period=made.period, parts=tuple(_part(one) for one in made.walk()),
        demo=is_demo(book),
    )  # fmt: skip


def reconciliation(session: Session, asked: Asked, known: Known) -> ReconciliationPaper:  # noqa: ARG001 - of matches as they are
    """银行存款余额调节表."""
    book, day = book_named(session, BookCode(asked["book"])), asked.day("as_of")
    account = next((one for one in accounts(session, book.id) if one.bank == asked["bank"]), None)
    if account is None:
        raise asked.refused(f"{book.code} 在 {asked['bank']} 没有专户")
    found = sheet_of(session, account, day)
    maker, checker = signers(session, account, found)
    return ReconciliationPaper(
        issuer=papers.ISSUER, book=book.name, bank=bank_names(session)[asked["bank"]], account=account.number_masked, as_of=day,
        book_fen=found.book_fen, bank_fen=found.bank_fen, adjusted_book_fen=found.adjusted_book_fen,
        adjusted_bank_fen=found.adjusted_bank_fen, faults=found.faults, maker=maker or "", checker=checker or "",
        demo=is_demo(book),
        items=tuple(
            OpenPosting(group=o.group.value, day=o.day, text=o.text, fen=o.fen, days_open=o.days_open, overdue=o.overdue)
            for o in found.items
        ),
    )  # fmt: skip


def handover(session: Session, asked: Asked, known: Known) -> Handover:
    """会计工作交接清单: vouchers by month with their numbers, and every balance."""
    book, day = book_named(session, BookCode(asked["book"])), asked.day("as_of")
    months: dict[tuple[date, str], list[int]] = {}
    for stored in entries(session, book.id, until=day):
        if stored.seq <= known[book.id]:
            months.setdefault((stored.entry.value_date.replace(day=1), stored.entry.word), []).append(stored.number)
    things = [
        HandedOver(
            kind="凭证",
            name=f"{month:%Y年%m月}记账凭证",
            quantity=f"{len(numbers)} 份",
            note=f"{word}-{min(numbers)} 至 {max(numbers)}",
        )
        for (month, word), numbers in sorted(months.items())
    ]
    titles = account_titles(session, book.id)
    found = turnovers(session, books=[book.id], until=day, up_to_seq={book.id: known[book.id]})
    sums = {str(account): turnover.balance_fen for (_, account), turnover in sorted(found.items()) if turnover.balance_fen}
    return Handover(
        issuer=papers.ISSUER, book=book.name, day=day, giver=asked["giver"], taker=asked["taker"],
        supervisor=supervisor_on(session, book, day) or "", things=tuple(things), demo=is_demo(book),
        balances=tuple(
            BalanceHandedOver(account=account, title=titles[account], debit_fen=max(fen, 0), credit_fen=max(-fen, 0))
            for account, fen in sums.items()
        ),
    )  # fmt: skip


def _part(made: Report) -> ReportPart:
    return ReportPart(
        title=made.heading, notes=made.notes, columns=tuple(ReportColumn(c.heading, c.kind.value) for c in made.columns),
        rows=tuple(
            ReportRow(row.role.value, tuple(cell.isoformat() if isinstance(cell, date) else cell for cell in row.cells))
            for row in made.rows
        ),
    )  # fmt: skip


def _pool(session: Session, asked: Asked) -> Pool:
    book = book_named(session, BookCode(asked["book"]))
    day = next((asked.day(name) for name in ("to", "as_of") if name in asked.words), None)
    found = pools(session, day).get((book.id, asked["bank"]))
    if found is None:
        raise asked.refused(f"{book.code} 与 {asked['bank']} 没有风险补偿金")
    return found


def _cash(session: Session, one: Pool, account: str, day: date, known: Known) -> int:
    """Return the balance of a pool's account at the close of a day, debits less credits."""
    found = turnovers(
        session, books=[one.book.id], accounts=[account], until=day, up_to_seq={one.book.id: known[one.book.id]}, by=("bank",)
    )
    return found.get((one.book.id, account, one.bank), NOTHING).balance_fen


def _available(session: Session, one: Claim, day: date, known: Known) -> int:
    return _cash(session, one.pool, CASH, day, known) + _cash(session, one.pool, APPROVED, day, known)


def _movements(session: Session, one: Pool, first: date, last: date, known: Known) -> Iterator[tuple[date, str, str, str, int]]:
    """Yield what moved a pool's cash in a period: day, voucher, kind of entry, narration and fen, in order of days."""
    found = [e for e in entries(session, one.book.id, since=first, until=last) if e.seq <= known[one.book.id]]
    for stored in sorted(found, key=lambda e: (e.entry.value_date, e.seq)):
        for p in stored.entry.postings:
            if p.account == CASH and p.dimensions.bank == one.bank:
                fen = p.fen if p.side is Side.DEBIT else -p.fen
                entry = stored.entry
                yield entry.value_date, f"{entry.word}-{stored.number}", entry.kind, entry.narration, fen


def _account(session: Session, book: Book, bank: str) -> str:
    return next((one.number_masked for one in accounts(session, book.id) if one.bank == bank), NO_ACCOUNT)
