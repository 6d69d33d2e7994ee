"""The national audit interface: what the files say is what the books say, in the order that our schema sets down."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from conftest import ROOT, needs
from defusedxml import ElementTree as ET  # noqa: N817 - as everybody calls it
from sqlalchemy.orm import Session
from test_interchange import journal as journal  # noqa: PLC0414 - a fixture
from test_vouchers import CHECKER, KEEPER, MAKER, interest, through
from test_vouchers import rcf as rcf  # noqa: PLC0414 - a fixture

from ledger.books import Book
from ledger.interchange import audit_interface
from ledger.interchange.audit_interface import COMMON, GENERAL_LEDGER, Unit
from ledger.money import parse_yuan
from ledger.queries import DIMENSIONS, entries, trial_balance

SCHEMA = ROOT / "docs" / "audit-interface.xsd"
MAPPING = ROOT / "docs" / "audit-interface.md"
XS = "{http://www.w3.org/2001/XMLSchema}"
UNIT = Unit(name="惠民县财政局 <演示>", code="11371621")


def records(folder: Path, root: str, name: str) -> list[dict[str, str]]:
    found = ET.parse(folder / f"{root}.xml").getroot()
    assert found.tag == root
    return [{field.tag: field.text or "" for field in record} for record in found.iter(name) if record is not found]


def written(session: Session, book: Book, folder: Path, year: int = 2017) -> Path:
    audit_interface.write_year(session, book, year, UNIT, "0.1", folder)
    return folder


def signed(amount: str, direction: str) -> int:
    return parse_yuan(amount) * (1 if direction == "借" else -1)


@pytest.mark.parametrize("kind", ["RCF", "ISF", "PVA", "LB"])
def test_the_files_hold_to_the_schema(journal: Session, city: dict[str, Book], tmp_path: Path, kind: str) -> None:
    xmllint = needs("xmllint")
    for path in written(journal, city[kind], tmp_path).iterdir():
        subprocess.run([xmllint, "--noout", "--stream", "--schema", SCHEMA, path], check=True, capture_output=True)


def test_a_file_that_lacks_a_field_breaks_the_schema(journal: Session, city: dict[str, Book], tmp_path: Path) -> None:
    xmllint = needs("xmllint")
    path = written(journal, city["LB"], tmp_path) / f"{GENERAL_LEDGER}.xml"
    path.write_text(re.sub("<制单人>.*?</制单人>", "", path.read_text(), count=1))
    found = subprocess.run([xmllint, "--noout", "--schema", SCHEMA, path], check=False, capture_output=True)
    assert found.returncode != 0


def test_the_schema_and_the_document_name_the_same_fields() -> None:
    schema = ET.parse(SCHEMA).getroot()
    types = {t.get("name"): [e.get("name") for e in t.iter(f"{XS}element")] for t in schema.findall(f"{XS}complexType")}
    text = MAPPING.read_text()
    for record, fields in types.items():
        assert f"### {record}" in text
        section = text.split(f"### {record}\n", 1)[1].split("\n###", 1)[0]
        named = set(re.findall(r"`([^`]+)`", section))
        missing = [field for field in fields if field not in named and not re.fullmatch(r"辅助项\d+编号", field)]
        assert not missing, record


def test_every_field_stands_in_its_place_without_any_tool(journal: Session, city: dict[str, Book], tmp_path: Path) -> None:
    schema = ET.parse(SCHEMA).getroot()
    order = {t.get("name"): [e.get("name") for e in t.iter(f"{XS}element")] for t in schema.findall(f"{XS}complexType")}
    for path in written(journal, city["LB"], tmp_path).iterdir():
        for record in ET.parse(path).getroot():
            places = [order[record.tag].index(field.tag) for field in record]
            assert places == sorted(set(places)), record.tag


def test_the_trial_balance_read_from_the_vouchers_and_from_the_balances_is_ours(
    journal: Session, city: dict[str, Book], tmp_path: Path
) -> None:
    for book in city.values():
        folder = written(journal, book, tmp_path / book.code)
        ours = {line.account: line.turnover for line in trial_balance(journal, [book.id])}
        sums: dict[str, list[int]] = {}
        for line in records(folder, GENERAL_LEDGER, "记账凭证"):
            held = sums.setdefault(line["科目编号"], [0, 0])
            held[0] += parse_yuan(line["借方本币金额"])
            held[1] += parse_yuan(line["贷方本币金额"])
        assert sums == {account: [turned.debit_fen, turned.credit_fen] for account, turned in ours.items()}
        ends = {
            line["科目编号"]: signed(line["期末本币余额"], line["期末余额方向"])
            for line in records(folder, GENERAL_LEDGER, "科目余额及发生额")
            if line["会计期间号"] == "12"
        }
        assert ends == {account: turned.balance_fen for account, turned in ours.items() if turned.balance_fen}


def test_each_months_end_is_its_beginning_and_what_passed_and_the_next_begins_with_it(
    journal: Session, city: dict[str, Book], tmp_path: Path
) -> None:
    folder = written(journal, city["LB"], tmp_path)
    ends: dict[str, tuple[int, int]] = {}
    for line in records(folder, GENERAL_LEDGER, "科目余额及发生额"):
        before = signed(line["期初本币余额"], line["期初余额方向"])
        after = signed(line["期末本币余额"], line["期末余额方向"])
        assert after == before + parse_yuan(line["借方本币金额"]) - parse_yuan(line["贷方本币金额"])
        month, held = ends.get(line["科目编号"], (0, 0))
        assert before == held
        assert int(line["会计期间号"]) == month + 1 or not before
        ends[line["科目编号"]] = (int(line["会计期间号"]), after)
    assert len(ends) > 5


def test_a_later_year_begins_with_what_the_earlier_left(journal: Session, city: dict[str, Book], tmp_path: Path) -> None:
    folder = written(journal, city["RCF"], tmp_path, 2018)
    assert not records(folder, GENERAL_LEDGER, "记账凭证")
    held = {line["科目编号"]: line["期初本币余额"] for line in records(folder, GENERAL_LEDGER, "科目余额及发生额")}
    lines = trial_balance(journal, [city["RCF"].id])
    assert {code: parse_yuan(text) for code, text in held.items()} == {
        line.account: abs(line.turnover.balance_fen) for line in lines if line.turnover.balance_fen
    }


def test_lines_bear_their_auxiliary_items_and_each_value_is_listed(
    journal: Session, city: dict[str, Book], tmp_path: Path
) -> None:
    folder = written(journal, city["LB"], tmp_path)
    lines = records(folder, GENERAL_LEDGER, "记账凭证")
    listed = {(r["档案编码"], r["档案值编码"]) for r in records(folder, COMMON, "自定义档案项值")}
    declared = {(r["科目编号"], r["辅助项编号"]) for r in records(folder, GENERAL_LEDGER, "科目辅助核算")}
    used = {
        (line["科目编号"], str(number), line[f"辅助项{number}编号"])
        for line in lines
        for number in range(1, len(DIMENSIONS) + 1)
        if f"辅助项{number}编号" in line
    }
    assert {(number, value) for _, number, value in used} == listed
    assert {(account, number) for account, number, _ in used} == declared
    assert {"县区", "银行", "产品", "贷款序号"} <= {r["档案名称"] for r in records(folder, COMMON, "自定义档案项")}


def test_a_voucher_names_its_people_its_originals_and_what_it_reverses(session: Session, rcf: Book, tmp_path: Path) -> None:
    through(session, rcf, "利息", interest(sheets=3))
    folder = written(session, rcf, tmp_path, 2017)
    stored = list(entries(session, rcf.id))[-1]
    line = records(folder, GENERAL_LEDGER, "记账凭证")[-1]
    assert (line["制单人"], line["审核人"], line["记账人"]) == (MAKER, CHECKER, KEEPER)
    assert (line["附件数"], line["凭证来源系统"]) == ("3", "ledger.voucher")
    assert line["凭证头可扩展字段结构值"] == f"{stored.entry.reference}|{stored.seq}|"
    (keeper,) = records(folder, COMMON, "电子账簿")
    assert (keeper["会计核算单位"], keeper["组织机构代码"]) == (UNIT.name, UNIT.code)


def test_a_red_voucher_names_what_it_reverses(journal: Session, city: dict[str, Book], tmp_path: Path) -> None:
    red = next(stored for stored in entries(journal, city["RCF"].id) if stored.entry.reverses)
    lines = records(written(journal, city["RCF"], tmp_path), GENERAL_LEDGER, "记账凭证")
    marked = {line["凭证头可扩展字段结构值"]: line["借方本币金额"] for line in lines if line["借方本币金额"].startswith("-")}
    assert marked == {f"{red.entry.reference}|{red.seq}|{red.entry.reverses}": "-500000.00"}


def test_no_text_breaks_the_file(journal: Session, city: dict[str, Book], tmp_path: Path) -> None:
    folder = written(journal, city["RCF"], tmp_path)
    told = {line["记账凭证摘要"] for line in records(folder, GENERAL_LEDGER, "记账凭证")}
    assert {"a;b|c", "two\nlines\t\r\n", "  spaced  ", "=SUM(A1)"} <= told
    assert date(2017, 1, 2).strftime("%Y%m%d") in {line["记账凭证日期"] for line in records(folder, GENERAL_LEDGER, "记账凭证")}
