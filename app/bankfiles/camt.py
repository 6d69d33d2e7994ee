"""ISO 20022 camt.053 (BankToCustomerStatement, 001.02 and newer): the statements of an account in a file.

Booked entries only. A batch (批量入账) whose details give amounts that come to the entry is as many lines. Entities and
document types in the XML are refused, not expanded.
"""

import re
from collections.abc import Iterator
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.bankfiles.reading import FileRead, masked
from app.imports.sheet import SheetRefused
from ledger.banking.statement import BankLine, Statement
from ledger.calendar import DAY
from ledger.errors import NotMoney
from ledger.money import parse_yuan, yuan

NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(\d{2})\}Document")
OLDEST = 2
CURRENCY = "CNY"


def read_camt(content: bytes) -> FileRead:
    """Return the statements of a file, oldest first, and the account numbers that they name.

    Raises:
        SheetRefused: no camt.053 of a version that we read, a currency other than CNY, or something missing in it.
        StatementRefused: a statement does not add up.
    """
    try:
        document = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SheetRefused(f"不是可读的 XML 文件：{error}") from None
    version = NAMESPACE.fullmatch(document.tag)
    if version is None or int(version[1]) < OLDEST:
        raise SheetRefused("不是 camt.053 对账单（需 camt.053.001.02 或更新的版本）")
    found = list(document.iterfind("{*}BkToCstmrStmt/{*}Stmt"))
    if not found:
        raise SheetRefused("camt.053 文件中没有对账单（Stmt）")
    statements = sorted(map(_statement, found), key=lambda one: (one.start, one.end))
    numbers = {_text(one, "{*}Acct/{*}Id/{*}IBAN") or _text(one, "{*}Acct/{*}Id/{*}Othr/{*}Id") for one in found}
    return FileRead(statements=tuple(statements), accounts=frozenset(numbers - {""}))


def _statement(found: Element) -> Statement:
    balances = {_text(one, "{*}Tp/{*}CdOrPrtry/{*}Cd"): one for one in found.iterfind("{*}Bal")}
    opening = balances.get("OPBD", balances.get("PRCD"))
    closing = balances.get("CLBD")
    if opening is None or closing is None:
        raise SheetRefused("camt.053 对账单缺少期初余额（OPBD 或 PRCD）或期末余额（CLBD）")
    began = _day(found, "{*}FrToDt/{*}FrDtTm") or _day(opening, "{*}Dt/*")
    ended = _day(closing, "{*}Dt/*")
    if began is None or ended is None:
        raise SheetRefused("camt.053 对账单缺少起止日期")
    if "OPBD" not in balances and found.find("{*}FrToDt") is None:
        began += DAY  # the balance of the day before
    lines = tuple(line for entry in found.iterfind("{*}Ntry") for line in _lines(entry))
    return Statement(start=began, end=ended + DAY, opening_fen=_fen(opening), closing_fen=_fen(closing), lines=lines)


def _lines(entry: Element) -> Iterator[BankLine]:
    """Yield the line of a booked entry, or those of its details where these give amounts."""
    if (_text(entry, "{*}Sts/{*}Cd") or _text(entry, "{*}Sts")) != "BOOK":
        return
    day = _day(entry, "{*}BookgDt/*") or _day(entry, "{*}ValDt/*")
    if day is None:
        raise SheetRefused("camt.053 对账单有一笔没有记账日期（BookgDt）")
    whole, details = _fen(entry), list(entry.iterfind("{*}NtryDtls/{*}TxDtls"))
    serial = _text(entry, "{*}AcctSvcrRef") or _text(entry, "{*}NtryRef")
    parts = [_part(detail, whole) for detail in details]
    if len(parts) < 2 or None in parts:
        about = details[0] if len(details) == 1 else entry
        count = _text(entry, "{*}NtryDtls/{*}Btch/{*}NbOfTxs")
        yield _line(entry, about, day, whole, serial, f"批量 {count} 笔" if count and len(details) != 1 else "")
        return
    split = [part for part in parts if part is not None]
    if sum(split) != whole:
        raise SheetRefused(f"camt.053 对账单 {day} 的批量 {yuan(whole)} 与其明细之和 {yuan(sum(split))} 不等")
    for number, (detail, fen) in enumerate(zip(details, split, strict=True), start=1):
        yield _line(entry, detail, day, fen, f"{serial}/{number}" if serial else "", "")


def _line(entry: Element, about: Element, day: date, fen: int, serial: str, note: str) -> BankLine:
    party = "Dbtr" if fen > 0 else "Cdtr"
    name = _text(about, f"{{*}}RltdPties/{{*}}{party}/{{*}}Nm") or _text(about, f"{{*}}RltdPties/{{*}}{party}/{{*}}Pty/{{*}}Nm")
    said = [one.text.strip() for one in about.iterfind("{*}RmtInf/{*}Ustrd") if one.text]
    said = said or [_text(about, "{*}AddtlTxInf") or _text(entry, "{*}AddtlNtryInf")]
    references = (_text(about, f"{{*}}Refs/{{*}}{one}") for one in ("EndToEndId", "InstrId", "TxId"))
    reference = next((one for one in references if one and one != "NOTPROVIDED"), "")
    return BankLine(
        day=day, fen=fen, serial=serial, reference=reference, counterparty=masked(name),
        text=masked(" ".join(filter(None, (*said, note)))),
    )  # fmt: skip


def _part(detail: Element, whole: int) -> int | None:
    """Return a detail's own amount, signed as it says or as its entry, or None if it gives none."""
    given = detail.find("{*}Amt")
    given = detail.find("{*}AmtDtls/{*}TxAmt/{*}Amt") if given is None else given
    if given is None:
        return None
    sign = {"CRDT": 1, "DBIT": -1}.get(_text(detail, "{*}CdtDbtInd"), 1 if whole > 0 else -1)
    return sign * _amount(given)


def _fen(found: Element) -> int:
    amount, sign = found.find("{*}Amt"), {"CRDT": 1, "DBIT": -1}.get(_text(found, "{*}CdtDbtInd"))
    if amount is None or sign is None:
        raise SheetRefused("camt.053 对账单有一笔没有金额（Amt）或借贷标志（CdtDbtInd）")
    return sign * _amount(amount)


def _amount(found: Element) -> int:
    text, currency = (found.text or "").strip(), found.get("Ccy")
    if currency != CURRENCY:
        raise SheetRefused(f"camt.053 对账单的币种是 {currency}，只支持人民币（CNY）")
    try:
        return parse_yuan(text)
    except NotMoney as refusal:
        raise SheetRefused(f"camt.053 对账单的金额 {refusal}") from None


def _day(found: Element, path: str) -> date | None:
    text = _text(found, path)
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise SheetRefused(f"camt.053 对账单的日期 {text} 无法读取") from None


def _text(found: Element, path: str) -> str:
    return (found.findtext(path) or "").strip()
