"""Statement files of banks (对账单文件): layouts, encodings, what a row may say, camt.053, and the import as a whole."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.bankfiles.camt import read_camt
from app.bankfiles.importing import Imported, import_statement
from app.bankfiles.layout import Layout, LayoutRefused, read_layout, recognised, remembered
from app.bankfiles.reading import FileRead, Given, read_rows
from app.imports.sheet import SheetRefused
from ledger import business_day
from ledger.banking import registration
from ledger.banking.errors import StatementRefused
from ledger.banking.items import BankAccount
from ledger.banking.queries import lines_of, statements
from ledger.banking.statement import BankLine
from ledger.books import Book
from registry.cipher import Cipher
from registry.identity import masked_account

NUMBER = "6217000012345678"
MARCH = Given(first=date(2017, 3, 1), last=date(2017, 3, 31))
USUAL = ["交易日期", "借方发生额", "贷方发生额", "余额", "对方户名", "摘要", "交易流水号"]
ROWS = [
    ["2017-03-02", "", "1,000.00", "1,000.00", "惠民县财政局", "财政拨款", "9001"],
    ["2017-03-05", "40.50", "", "959.50", "惠民农商行", "代偿", "9002"],
]
LINES = (
    BankLine(day=date(2017, 3, 2), fen=1_000_00, serial="9001", counterparty="惠民县财政局", text="财政拨款"),
    BankLine(day=date(2017, 3, 5), fen=-40_50, serial="9002", counterparty="惠民农商行", text="代偿"),
)


@pytest.fixture
def account(session: Session, city: dict[str, Book], cipher: Cipher) -> BankAccount:
    business_day.flip(session, date(2017, 6, 30))
    hidden = cipher.hide(NUMBER, masked_account(NUMBER))
    sealed = registration.SealedNumber(sealed=hidden.sealed, mark=hidden.mark, masked=hidden.masked)
    return registration.register(session, city["RCF"], "HMRCB", sealed, "出纳")


def read(*table: Sequence[object], given: Given = MARCH, layouts: Sequence[Layout] = ()) -> FileRead:
    return read_rows(list(table), layouts, given, None)


def csv_file(folder: Path, *table: Sequence[object], name: str = "三月.csv", encoding: str = "gb18030") -> Path:
    quoted = [",".join(f'"{cell}"' for cell in row) for row in table]
    path = folder / name
    path.write_bytes("\r\n".join(quoted).encode(encoding))
    return path


def taken(
    session: Session, cipher: Cipher, account: BankAccount, path: Path, layout: Layout | None = None, given: Given = MARCH
) -> Imported:
    return import_statement(session, cipher, account, path, given, "出纳", layout)


# Rows


def test_usual_headings_are_recognised_and_the_banks_credit_is_our_debit() -> None:
    found = read(USUAL, *ROWS)
    (one,) = found.statements
    assert (one.lines, one.opening_fen, one.closing_fen) == (LINES, 0, 959_50)
    assert (one.start, one.end) == (date(2017, 3, 1), date(2017, 4, 1))
    assert found.layout == recognised(USUAL)


def test_titles_above_sums_below_and_the_newest_first() -> None:
    above = [["惠民农商行对账单"], ["账号：****5678", "", "2017年3月"]]
    found = read(*above, USUAL, *ROWS[::-1], ["合计", "40.50", "1,000.00"])
    assert found.statements[0].lines == LINES


@pytest.mark.parametrize(
    ("headings", "rows"),
    [
        (["日期", "金额"], [["20170302", "1000"], ["2017年3月5日", "-40.50"]]),
        (["日期", "金额(元)", "借贷标志"], [["2017/3/2 10:22:33", "￥1,000.00", "贷"], ["2017.3.5", "40.5", "借"]]),
        (["记账日期", "发生额", "收支方向"], [["20170302 102233", "1000", "收入"], ["2017-03-05T10:22", "40.50", "支出"]]),
        (["交易日期", "收入（元）", "支出（元）"], [[datetime(2017, 3, 2, 10, 22), 1000, "-"], [date(2017, 3, 5), 0, 40.5]]),  # noqa: DTZ001
        (["日期", "借方", "贷方"], [["2017-03-02", "", "1000"], ["2017-03-05", "", "-40.50"]]),
    ],
)
def test_the_ways_in_which_banks_write_days_and_amounts(headings: list[str], rows: list[list[object]]) -> None:
    balances = Given(first=date(2017, 3, 1), last=date(2017, 3, 31), opening_fen=0, closing_fen=959_50)
    (one,) = read(headings, *rows, given=balances).statements
    assert [(line.day, line.fen) for line in one.lines] == [(line.day, line.fen) for line in LINES]


def test_every_bad_row_is_named_with_its_reason() -> None:
    bad = [
        ["2017-02-30", "", "1", "1", "", "", ""],
        ["2017-03-02", "1", "1", "1", "", "", ""],
        ["2017-03-02", "", "", "1", "", "", ""],
        ["2017-03-02", "", "1.234", "", "", "", ""],
    ]
    found = read(USUAL, *bad)
    assert [(error.row, error.column, error.reason) for error in found.errors] == [
        (2, "交易日期", "没有这一天"),
        (3, "整行", "收入和支出不能同时有金额"),
        (4, "整行", "没有金额"),
        (5, "贷方发生额", "金额超过两位小数"),
        (5, "余额", "不能为空"),
    ]
    (broken,) = read(USUAL, ROWS[0], [*ROWS[1][:3], "959.51", *ROWS[1][4:]]).errors
    assert (broken.row, broken.reason) == (3, "余额应为上一笔的 1,000.00 加本笔 -40.50，即 959.50")
    (late,) = read(USUAL, *ROWS, ["2017-03-01", "", "1.00", "960.50", "", "", ""]).errors
    assert late.reason == "日期先后不一，无法逐笔核对余额"


def test_a_file_without_balances_or_known_headings_is_told_what_to_add() -> None:
    with pytest.raises(SheetRefused, match=r"--opening 和 --closing .*本期发生额 10\.00"):
        read(["日期", "金额"], ["2017-03-02", "10"])
    with pytest.raises(SheetRefused, match="--map"):
        read(["甲", "乙"], ["2017-03-02", "10"])
    with pytest.raises(StatementRefused, match="不在 2017-03-01 至 2017-03-31 之内"):
        read(USUAL, ["2017-04-01", *ROWS[0][1:]])


def test_days_without_movement_since_the_last_statement_belong_to_this_one() -> None:
    for held, start in ((date(2017, 2, 11), date(2017, 2, 11)), (None, date(2017, 3, 2)), (date(2017, 3, 9), date(2017, 3, 2))):
        (one,) = read_rows([USUAL, *ROWS], [], Given(), held).statements
        assert (one.start, one.end) == (start, date(2017, 3, 6))


def test_account_and_identity_numbers_in_texts_are_masked() -> None:
    (one,) = read(
        USUAL, ["2017-03-02", "", "1", "1", "张三", "付6217000012345678备371621199001011234", "900100010001"]
    ).statements
    assert one.lines[0].text == "付************5678备**************1234"
    assert one.lines[0].serial == "900100010001"


# Layouts


def written(folder: Path, content: str) -> Path:
    path = folder / "格式.toml"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('income = "收"\noutgo = "付"', "date"),
        ('date = "日"', "income 和 outgo"),
        ('date = "日"\nincome = "收"', "income 和 outgo"),
        ('date = "日"\nincome = "收"\noutgo = "付"\namount = "额"', "不能都写"),
        ('date = "日"\namount = "日"', "两种含义"),
        ('date = "日"\nincome = "收"\noutgo = "付"\ndirection = "向"', "amount"),
        ('date = "日"\namount = "额"\ncolour = "红"', "只能写明"),
        ("date = 3", "只能写明"),
        ("date", "无法读取"),
    ],
)
def test_a_layout_that_says_too_little_or_too_much_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(LayoutRefused, match=reason):
        read_layout(written(tmp_path, content))


def test_a_layout_is_given_once_and_remembered(session: Session, cipher: Cipher, account: BankAccount, tmp_path: Path) -> None:
    odd = ["何日", "来", "去", "剩"]
    layout = read_layout(written(tmp_path, 'date = "何日"\nincome = "来"\noutgo = "去"\nbalance = "剩"'))
    march = csv_file(tmp_path, odd, ["2017-03-02", "10", "", "10"])
    with pytest.raises(SheetRefused, match="--map"):
        taken(session, cipher, account, march)
    assert taken(session, cipher, account, march, layout).layout == layout
    assert remembered(session, "HMRCB") == [layout]
    april = csv_file(tmp_path, odd, ["2017-04-02", "", "1", "9"], name="四月.csv")
    assert taken(session, cipher, account, april, given=Given(last=date(2017, 4, 30))).taken[0].lines == 1
    with pytest.raises(SheetRefused, match="没有 --map 写明的各列"):
        taken(session, cipher, account, csv_file(tmp_path, USUAL, *ROWS), layout)


# The import as a whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_both_encodings_and_excel_give_the_same_lines_and_twice_changes_nothing(
    session: Session, cipher: Cipher, account: BankAccount, tmp_path: Path, encoding: str
) -> None:
    path = csv_file(tmp_path, USUAL, *ROWS, encoding=encoding)
    assert [one.lines for one in taken(session, cipher, account, path).taken] == [2]
    assert tuple(item.line for item in lines_of(session, account)) == LINES
    workbook = Workbook()
    for row in (USUAL, *ROWS):
        workbook.active.append(row)
    workbook.save(tmp_path / "三月.xlsx")
    for again in (path, tmp_path / "三月.xlsx"):
        assert taken(session, cipher, account, again).taken == ()
    assert len(statements(session, account)) == 1


def test_a_file_of_another_account_and_a_bad_one_leave_nothing(
    session: Session, cipher: Cipher, account: BankAccount, tmp_path: Path
) -> None:
    own = csv_file(tmp_path, [*USUAL, "账号"], *([*row, NUMBER] for row in ROWS), name="own.csv")
    other = csv_file(tmp_path, [*USUAL, "账号"], *([*row, "6217000099990000"] for row in ROWS), name="other.csv")
    with pytest.raises(SheetRefused, match=r"账号 \*{12}0000 不是登记的专户 \*{12}5678"):
        taken(session, cipher, account, other)
    bad = csv_file(tmp_path, USUAL, ROWS[0], ["2017-03-40", *ROWS[1][1:]], name="bad.csv")
    assert len(taken(session, cipher, account, bad, recognised(USUAL)).errors) == 1
    assert statements(session, account) == []
    assert remembered(session, "HMRCB") == []
    assert taken(session, cipher, account, own).taken[0].lines == 2


def test_no_account_number_is_stored_in_clear(session: Session, cipher: Cipher, account: BankAccount) -> None:
    (row,) = session.execute(text("SELECT * FROM ledger.bank_account")).all()
    assert NUMBER not in str(row)
    assert cipher.open(row.number_sealed) == NUMBER
    assert row.number_masked == "************5678"


# camt.053


def entry(fen: int, day: str, *, more: str = "", status: str = "<Sts><Cd>BOOK</Cd></Sts>") -> str:
    return (
        f'<Ntry><Amt Ccy="CNY">{abs(fen) / 100:.2f}</Amt><CdtDbtInd>{"CRDT" if fen > 0 else "DBIT"}</CdtDbtInd>{status}'
        f"<BookgDt><Dt>{day}</Dt></BookgDt>{more}</Ntry>"
    )


def balance(code: str, fen: int, day: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{abs(fen) / 100:.2f}</Amt>'
        f"<CdtDbtInd>{'CRDT' if fen >= 0 else 'DBIT'}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def camt(*statements_: str, version: str = "08", prolog: str = "") -> bytes:
    whole = "".join(f"<Stmt><Id>1</Id><Acct><Id><Othr><Id>{NUMBER}</Id></Othr></Id></Acct>{one}</Stmt>" for one in statements_)
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    return f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<Document xmlns="{namespace}"><BkToCstmrStmt>{whole}</BkToCstmrStmt></Document>'.encode()


MARCH_XML = (
    balance("OPBD", 0, "2017-03-01")
    + balance("CLBD", 959_50, "2017-03-31")
    + entry(
        1_000_00, "2017-03-02",
        more="<AcctSvcrRef>9001</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>GS2017001</EndToEndId></Refs><RltdPties><Dbtr><Pty>"
        "<Nm>惠民县财政局</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>财政拨款</Ustrd></RmtInf></TxDtls></NtryDtls>",
    )
    + entry(-40_50, "2017-03-05", more="<NtryRef>9002</NtryRef><AddtlNtryInf>代偿</AddtlNtryInf>")
    + entry(77, "2017-03-31", status="<Sts><Cd>PDNG</Cd></Sts>")
)  # fmt: skip


def test_camt_gives_the_lines_that_the_bank_booked() -> None:
    found = read_camt(camt(MARCH_XML))
    (one,) = found.statements
    assert found.accounts == {NUMBER}
    assert (one.start, one.end, one.opening_fen, one.closing_fen) == (date(2017, 3, 1), date(2017, 4, 1), 0, 959_50)
    assert one.lines == (
        BankLine(
            day=date(2017, 3, 2), fen=1_000_00, serial="9001", reference="GS2017001", counterparty="惠民县财政局", text="财政拨款"
        ),
        BankLine(day=date(2017, 3, 5), fen=-40_50, serial="9002", text="代偿"),
    )


def test_camt_of_the_oldest_version_has_its_own_shapes() -> None:
    plain = entry(
        100, "2017-03-02", status="<Sts>BOOK</Sts>",
        more="<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>财政局</Nm></Dbtr></RltdPties></TxDtls></NtryDtls>",
    )  # fmt: skip
    content = camt(balance("PRCD", 0, "2017-02-28") + balance("CLBD", 100, "2017-03-31") + plain, version="02")
    (one,) = read_camt(content).statements
    assert (one.start, one.lines[0].counterparty) == (date(2017, 3, 1), "财政局")


def test_a_batch_is_as_many_lines_if_its_details_come_to_it() -> None:
    def batch(*details: str) -> bytes:
        more = f"<AcctSvcrRef>9003</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>{''.join(details)}</NtryDtls>"
        return camt(
            balance("OPBD", 500, "2017-03-01") + balance("CLBD", 400, "2017-03-31") + entry(-100, "2017-03-02", more=more)
        )  # fmt: skip

    new = '<TxDtls><Refs><EndToEndId>A1</EndToEndId></Refs><Amt Ccy="CNY">0.70</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>'
    old = '<TxDtls><AmtDtls><TxAmt><Amt Ccy="CNY">0.30</Amt></TxAmt></AmtDtls></TxDtls>'
    lines = read_camt(batch(new, old)).statements[0].lines
    assert [(line.fen, line.serial, line.reference) for line in lines] == [(-70, "9003/1", "A1"), (-30, "9003/2", "")]
    (whole,) = read_camt(batch()).statements[0].lines
    assert (whole.fen, whole.serial, whole.text) == (-100, "9003", "批量 2 笔")
    with pytest.raises(SheetRefused, match=r"批量 -1\.00 与其明细之和 -1\.40 不等"):
        read_camt(batch(new, new))


BOMB = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "refusal", "reason"),
    [
        (
            camt(MARCH_XML.replace("959.50", "959.51")),
            StatementRefused,
            r"应为 959\.50，对账单的期末余额是 959\.51，相差 0\.01 元",
        ),
        (camt(MARCH_XML, version="01"), SheetRefused, "camt.053.001.02 或更新"),
        (camt(MARCH_XML).replace(b"camt.053", b"camt.054"), SheetRefused, "不是 camt.053"),
        (camt(), SheetRefused, "没有对账单"),
        (camt(MARCH_XML.replace("CLBD", "CLAV")), SheetRefused, "期末余额（CLBD）"),
        (camt(MARCH_XML.replace('Ccy="CNY">40.50', 'Ccy="USD">40.50')), SheetRefused, "USD"),
        (camt(MARCH_XML.replace("2017-03-05", "2017-03-35")), SheetRefused, "日期 2017-03-35"),
        (camt(MARCH_XML.replace("40.50", "40.505")), SheetRefused, "超过两位小数"),
        (camt(MARCH_XML.replace("<CdtDbtInd>DBIT</CdtDbtInd>", "")), SheetRefused, "CdtDbtInd"),
        (camt(MARCH_XML.replace("<BookgDt><Dt>2017-03-05</Dt></BookgDt>", "")), SheetRefused, "BookgDt"),
        (camt(MARCH_XML, prolog=BOMB), SheetRefused, "EntitiesForbidden"),
        (b"<Document>", SheetRefused, "不是可读的 XML"),
    ],
)
def test_camt_that_can_not_be_trusted_is_refused(content: bytes, refusal: type[Exception], reason: str) -> None:
    with pytest.raises(refusal, match=reason):
        read_camt(content)


def test_camt_of_two_months_is_taken_once_and_all_or_nothing(
    session: Session, cipher: Cipher, account: BankAccount, tmp_path: Path
) -> None:
    april = balance("OPBD", 959_50, "2017-04-01") + balance("CLBD", 960_50, "2017-04-30") + entry(100, "2017-04-03")
    path = tmp_path / "对账单.xml"
    path.write_bytes(camt(april, MARCH_XML))
    assert [one.lines for one in taken(session, cipher, account, path).taken] == [2, 1]
    assert taken(session, cipher, account, path).taken == ()
    path.write_bytes(camt(april.replace("959.50", "959.40").replace("960.50", "960.40")))
    with pytest.raises(StatementRefused, match=r"与上一份对账单 2017-03-31 的余额 959\.50 不符"):
        taken(session, cipher, account, path)
