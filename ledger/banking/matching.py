"""Matching (勾对): postings of 1004 with lines of statements of the same sum; and taking a match back, as another fact."""

from collections.abc import Collection, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.banking.errors import MatchRefused
from ledger.banking.items import BankAccount, BookItem, LineItem, LineKey, PostingKey
from ledger.banking.parameters import parameters
from ledger.banking.queries import hold, lessons, lines_named, lines_of, open_postings, postings_named
from ledger.banking.rules import Proposal, Rule, propose
from ledger.banking.tables import bank_match, bank_match_member, bank_unmatch
from ledger.money import yuan

Keys = tuple[Sequence[PostingKey], Sequence[LineKey]]


def match_by_rules(session: Session, account: BankAccount, actor: str) -> tuple[list[int], list[Proposal]]:
    """Make every match that the rules are sure of; return the numbers of these, and all proposals, the unsure ones included."""
    hold(session, account)
    found = proposals(session, account)
    made = _make(session, account, [(one.rule, one.reason, _keys(one)) for one in found if one.sure], actor)
    if made:
        audit.record(session, actor, "bank lines matched", f"{account.book}/{account.bank}", {"matches": made})
    return made, found


def proposals(session: Session, account: BankAccount) -> list[Proposal]:
    """Return what the rules propose about what is open now."""
    ours, theirs = open_postings(session, account), lines_of(session, account, only_open=True)
    return list(propose(ours, theirs, lessons(session, account), parameters()))


def match(
    session: Session, account: BankAccount, postings: Collection[PostingKey], lines: Collection[LineKey], reason: str, actor: str
) -> int:
    """Make a person's match and return its number; of one side only, its members must cancel each other out.

    Raises:
        MatchRefused: fewer than two members, one that is not the account's or is matched already, or unequal sums.
    """
    hold(session, account)
    wanted = (tuple(dict.fromkeys(postings)), tuple(dict.fromkeys(lines)))
    if len(wanted[0]) + len(wanted[1]) < 2:
        raise MatchRefused("至少要有两笔")
    ours, theirs = postings_named(session, account, wanted[0]), lines_named(session, account, wanted[1])
    found = {("分录", item.key) for item in ours} | {("对账单行", item.key) for item in theirs}
    named = [("分录", key) for key in wanted[0]] + [("对账单行", key) for key in wanted[1]]
    for what, key in named:
        if (what, key) not in found:
            raise MatchRefused(f"专户 {account.book}/{account.bank} 没有{what} {key[0]}/{key[1]}")
    items: list[BookItem | LineItem] = [*ours, *theirs]
    for item in items:
        if item.match is not None:
            raise MatchRefused(f"{item.day} 的 {yuan(item.fen)} 元（{item.key[0]}/{item.key[1]}）已在第 {item.match} 号勾对中")
    booked, banked = sum(item.fen for item in ours), sum(item.fen for item in theirs)
    if booked != banked:
        raise MatchRefused(f"账面 {yuan(booked)} 与对账单 {yuan(banked)} 不等，相差 {yuan(booked - banked)} 元")
    (number,) = _make(session, account, [(Rule.PERSON, reason, wanted)], actor)
    audit.record(session, actor, "bank lines matched", f"{account.book}/{account.bank}", {"matches": [number], "reason": reason})
    return number


def unmatch(session: Session, account: BankAccount, number: int, reason: str, actor: str) -> None:
    """Take a match back: its members are open again, and what it taught is forgotten.

    Raises:
        MatchRefused: no reason, no such match, or it was taken back before.
    """
    hold(session, account)
    if not reason.strip():
        raise MatchRefused("取消勾对须写明理由")
    own = (bank_match.c.book_id == account.book_id, bank_match.c.match_id == number, bank_match.c.bank == account.bank)
    if session.scalar(select(bank_match.c.match_id).where(*own)) is None:
        raise MatchRefused(f"专户 {account.book}/{account.bank} 没有第 {number} 号勾对")
    gone = (bank_unmatch.c.book_id == account.book_id, bank_unmatch.c.match_id == number)
    if session.scalar(select(bank_unmatch.c.match_id).where(*gone)) is not None:
        raise MatchRefused(f"第 {number} 号勾对已取消")
    session.execute(insert(bank_unmatch).values(book_id=account.book_id, match_id=number, reason=reason.strip(), actor=actor))
    audit.record(session, actor, "bank lines unmatched", f"{account.book}/{account.bank}", {"match": number, "reason": reason})


def _keys(one: Proposal) -> Keys:
    return [item.key for item in one.postings], [item.key for item in one.lines]


def _make(session: Session, account: BankAccount, wanted: Sequence[tuple[Rule, str, Keys]], actor: str) -> list[int]:
    """Insert matches and their members, and return their numbers."""
    if not wanted:
        return []
    heads = [
        {
            "book_id": account.book_id, "bank": account.bank, "rule": rule, "reason": reason, "members": sum(map(len, keys)),
            "actor": actor,
        }
        for rule, reason, keys in wanted
    ]  # fmt: skip
    returning = insert(bank_match).returning(bank_match.c.match_id, sort_by_parameter_order=True)
    numbers = list(session.scalars(returning, heads))
    rows = []
    for number, (_, _, (postings, lines)) in zip(numbers, wanted, strict=True):
        members: list[tuple[int | None, ...]] = [(seq, line, None, None) for seq, line in postings]
        members += [(None, None, statement, line) for statement, line in lines]
        rows += [
            {
                "book_id": account.book_id, "match_id": number, "position": position, "seq": seq, "line": line,
                "statement_id": statement, "number": row,
            }
            for position, (seq, line, statement, row) in enumerate(members, start=1)
        ]  # fmt: skip
    session.execute(insert(bank_match_member), rows)
    return numbers
