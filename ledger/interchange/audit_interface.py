"""The national audit interface (会计核算软件数据接口, GB/T 24589.1): a book's year as 公共档案.xml and 总账.xml.

Elements and what they hold are listed in `docs/audit-interface.md`, their order in `docs/audit-interface.xsd`. Both files
are written as they are read, so a year of any size costs the same memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind
from ledger.calendar import DAY, next_month
from ledger.journal import Dimensions, JournalEntry, Side
from ledger.money import decimal_yuan
from ledger.queries import DIMENSIONS, NOTHING, StoredEntry, entries, turnovers
from ledger.tables import account, journal_entry, posting
from ledger.vouchers.queries import vouchers
from ledger.vouchers.voucher import Voucher

COMMON, GENERAL_LEDGER = "公共档案", "总账"
STANDARD = "GB/T 24589.1-2010"
ITEMS = dict(zip(DIMENSIONS, ("县区", "银行", "产品", "承担方", "利息种类", "贷款序号", "项目"), strict=True))
"""Auxiliary items (辅助项) by dimension; item N of a line is the N-th of these."""
SEPARATOR = "|"
"""Stands between the parts of an extended field (结构分隔符)."""
_FUND = {"1": "资产", "2": "负债", "3": "净资产", "4": "收入", "5": "支出", "9": "表外"}
_LOANS = {"1": "资产", "2": "负债", "3": "共同", "4": "所有者权益", "6": "损益", "9": "表外"}
_Fields = Mapping[str, object]
_Record = tuple[str, _Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Who keeps the book (会计核算单位): its name and the code of its organisation, as the standard asks for them."""

    name: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class _Account:
    code: str
    title: str
    side: str

    @property
    def direction(self) -> str:
        """Its normal direction (余额方向); an account of either side counts as one of debit."""
        return "贷" if self.side == "C" else "借"


def write_year(session: Session, book: Book, year: int, unit: Unit, version: str, folder: Path) -> list[Path]:
    """Write a book's year as two files into a folder, and return their paths; `version` is the program's."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {COMMON: _common(session, book, year, unit, version), GENERAL_LEDGER: _general_ledger(session, book, year)}
    for root, records in files.items():
        with (folder / f"{root}.xml").open("w", encoding="utf-8", newline="\n") as file:
            file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n')
            file.writelines(_element(name, fields) for name, fields in records)
            file.write(f"</{root}>\n")
    return [folder / f"{root}.xml" for root in files]


def _common(session: Session, book: Book, year: int, unit: Unit, version: str) -> Iterator[_Record]:
    lends = book.kind is BookKind.LOANS
    yield "电子账簿", {
        "电子账簿编号": book.code, "电子账簿名称": book.name, "会计核算单位": unit.name, "组织机构代码": unit.code,
        "单位性质": "企业单位" if lends else "行政事业单位", "行业": "金融业" if lends else "公共管理", "开发单位": "fupin",
        "版本号": version, "本位币": "人民币", "会计年度": year, "标准版本号": STANDARD,
    }  # fmt: skip
    for first, last in _months(year):
        yield "会计期间", {
            "会计年度": year, "会计期间号": first.month,
            "会计期间起始日期": f"{first:%Y%m%d}", "会计期间结束日期": f"{last:%Y%m%d}",
        }  # fmt: skip
    for word in _words(session, book, year):
        yield "记账凭证类型", {"记账凭证类型编号": word, "记账凭证类型名称": f"{word}字凭证", "记账凭证类型简称": word}
    yield "币种", {"币种编码": "CNY", "币种名称": "人民币"}
    for number, name in enumerate(ITEMS.values(), start=1):
        yield "自定义档案项", {
            "档案编码": number, "档案名称": name, "档案描述": f"辅助核算：{name}", "是否有层级特征": 0, "档案编码规则": "",
        }  # fmt: skip
    for number, value in _values(session, book, year):
        yield "自定义档案项值", {
            "档案编码": number, "档案值编码": value, "档案值名称": value, "档案值描述": "", "档案值父节点": "", "档案值级次": 1,
        }  # fmt: skip


def _general_ledger(session: Session, book: Book, year: int) -> Iterator[_Record]:
    chart = [
        _Account(row.code, row.title, row.side)
        for row in session.execute(select(account).where(account.c.book_id == book.id).order_by(account.c.code))
    ]
    yield "总账基础信息", {
        "结构分隔符": SEPARATOR, "会计科目编号规则": "4-2", "现金流量项目编码规则": "",
        "凭证头可扩展字段结构": SEPARATOR.join(("流水号", "序号", "冲销序号")), "凭证头可扩展结构对应档案": "",
        "分录行可扩展字段结构": "", "分录行可扩展字段对应档案": "",
    }  # fmt: skip
    classes = _LOANS if book.kind is BookKind.LOANS else _FUND
    for one in chart:
        yield "会计科目", {
            "科目编号": one.code, "科目名称": one.title, "科目级次": one.code.count(".") + 1,
            "科目类型": classes.get(one.code[0], "其他"), "余额方向": one.direction,
        }  # fmt: skip
    for code, number, name in _items_of_accounts(session, book, year):
        yield "科目辅助核算", {
            "科目编号": code, "辅助项编号": number, "辅助项名称": name, "对应档案": "自定义档案项值",
            "辅助项描述": f"档案编码 {number}",
        }  # fmt: skip
    for fields in _balances(session, book, year, chart):
        yield "科目余额及发生额", fields
    people = {one.event: one for one in vouchers(session, book)}
    for stored in entries(session, book.id, since=date(year, 1, 1), until=date(year, 12, 31)):
        for fields in _lines(stored, people.get(stored.entry.event)):
            yield "记账凭证", fields


def _balances(session: Session, book: Book, year: int, chart: Sequence[_Account]) -> Iterator[_Fields]:
    """Yield what each account holds before and after each month, and what passed over it; accounts without any are left out."""
    found = turnovers(session, books=[book.id], until=date(year, 1, 1) - DAY)
    held = {one.code: found.get((book.id, one.code), NOTHING).balance_fen for one in chart}
    for first, last in _months(year):
        passed = turnovers(session, books=[book.id], since=first, until=last)
        for one in chart:
            before, turned = held[one.code], passed.get((book.id, one.code), NOTHING)
            after = held[one.code] = before + turned.balance_fen
            if before or turned != NOTHING:
                yield {
                    "科目编号": one.code, "期初余额方向": _direction(one, before), "期末余额方向": _direction(one, after),
                    "币种编码": "CNY", "计量单位": "", "会计年度": year, "会计期间号": first.month,
                    **_amounts("期初", "余额", abs(before)), **_amounts("借方", "金额", turned.debit_fen),
                    **_amounts("贷方", "金额", turned.credit_fen), **_amounts("期末", "余额", abs(after)),
                }  # fmt: skip


def _amounts(when: str, what: str, fen: int) -> _Fields:
    """Return a quantity, which we have not, and an amount in the original and in the home currency, which are one."""
    yuan = decimal_yuan(fen)
    return {f"{when}数量": "0.00", f"{when}原币{what}": yuan, f"{when}本币{what}": yuan}


def _direction(one: _Account, fen: int) -> str:
    return one.direction if not fen else "借" if fen > 0 else "贷"


def _lines(stored: StoredEntry, voucher: Voucher | None) -> Iterator[_Fields]:
    entry = stored.entry
    head = {
        "记账凭证日期": f"{entry.value_date:%Y%m%d}", "会计年度": entry.value_date.year, "会计期间号": entry.value_date.month,
        "记账凭证类型编号": entry.word, "记账凭证编号": stored.number,
    }  # fmt: skip
    tail = {
        "凭证头可扩展字段结构值": _extension(entry, stored.seq), "附件数": voucher.content.sheets if voucher else 0,
        "制单人": entry.maker, "审核人": entry.checker, "记账人": (voucher and voucher.poster) or entry.checker,
        "记账标志": 1, "作废标志": 0, "凭证来源系统": entry.kind,
    }  # fmt: skip
    for number, line in enumerate(entry.postings, start=1):
        debit, credit = (line.fen, 0) if line.side is Side.DEBIT else (0, line.fen)
        yield {
            **head, "记账凭证行号": number, "记账凭证摘要": entry.narration, "科目编号": line.account, **_items(line.dimensions),
            "币种编码": "CNY", "计量单位": "", **_amounts("借方", "金额", debit), **_amounts("贷方", "金额", credit),
            "汇率类型编号": "", "汇率": "1.0000", "单价": "0.00", **tail,
        }  # fmt: skip


def _items(dimensions: Dimensions) -> _Fields:
    named = {f"辅助项{number}编号": getattr(dimensions, name) for number, name in enumerate(DIMENSIONS, start=1)}
    return {field: value for field, value in named.items() if value is not None}


def _extension(entry: JournalEntry, seq: int) -> str:
    reference = entry.reference.replace(SEPARATOR, "｜")
    return SEPARATOR.join((reference, str(seq), "" if entry.reverses is None else str(entry.reverses)))


def _months(year: int) -> Iterator[tuple[date, date]]:
    for month in range(1, 13):
        first = date(year, month, 1)
        yield first, next_month(first) - DAY


def _words(session: Session, book: Book, year: int) -> list[str]:
    months = journal_entry.c.month.between(date(year, 1, 1), date(year, 12, 1))
    query = select(func.distinct(journal_entry.c.word)).where(journal_entry.c.book_id == book.id, months)
    return sorted(session.scalars(query))


def _values(session: Session, book: Book, year: int) -> Iterator[tuple[int, object]]:
    """Yield (number of the item, value) of all auxiliary items that lines of the year name."""
    for number, name in enumerate(DIMENSIONS, start=1):
        column = posting.c[name]
        query = select(column).distinct().where(_of_year(book, year), column.is_not(None)).order_by(column)
        yield from ((number, value) for value in session.scalars(query))


def _items_of_accounts(session: Session, book: Book, year: int) -> Iterator[tuple[str, int, str]]:
    """Yield (account, number of the item, its name) of all items that an account's lines of the year name."""
    columns = [func.count(posting.c[name]).label(name) for name in DIMENSIONS]
    query = select(posting.c.account, *columns).where(_of_year(book, year)).group_by(posting.c.account)
    for row in session.execute(query.order_by(posting.c.account)).mappings():
        for number, (name, title) in enumerate(ITEMS.items(), start=1):
            if row[name]:
                yield row["account"], number, title


def _of_year(book: Book, year: int) -> ColumnElement[bool]:
    return (posting.c.book_id == book.id) & posting.c.value_date.between(date(year, 1, 1), date(year, 12, 31))


def _element(name: str, fields: _Fields) -> str:
    inside = "".join(f"<{field}>{_text(str(value))}</{field}>" for field, value in fields.items())
    return f"<{name}>{inside}</{name}>\n"


def _text(value: str) -> str:
    """Return text as XML holds it; a character that XML can't hold becomes the replacement character."""
    if not value.isprintable():
        value = "".join(char if char.isprintable() or char in "\t\n\r" else "�" for char in value)
    return escape(value, {"\r": "&#13;"})
