"""`fupin solar` as an operator meets it: an agreement from a file, money for its sources, the waterfall, a correction, sizing."""

import json
import xml.etree.ElementTree as ET
from datetime import date

import pytest
from roofs import E8, METER, comes, reads, roof
from test_cli_bank import Desk
from test_cli_bank import desk as desk  # noqa: PLC0414 - a fixture

from app import wiring
from app.settings import Settings
from ledger.books import BookKind, books
from ledger.db import unit_of_work
from solar.agreement import to_json

BY = ("--actor", "甲")
ON = ("--on", "2017-03-01")


@pytest.fixture
def sunny(desk: Desk) -> Desk:
    """The desk with one roof, no agreement yet."""
    with wiring.system(Settings()) as system, unit_of_work(system.engine) as session:
        mine = {book.kind.value: book for book in books(session) if book.county == "371621"}
        assert BookKind.SOLAR.value in mine
        roof(session, mine, None)
    return desk


def test_a_roof_from_its_agreement_to_a_correction(sunny: Desk) -> None:
    run = sunny.run
    (sunny.folder / "协议.json").write_text(json.dumps(to_json(E8), ensure_ascii=False), encoding="utf-8")
    (sunny.folder / "错.json").write_text('{"phases": 1}', encoding="utf-8")
    agree = ("solar", "agree", METER, "协议.json", "--document", "惠光扶〔2017〕1号", "--why", "签订", *BY)
    assert "文件不成立：phases" in run("solar", "agree", METER, "错.json", "--document", "D", "--why", "W", *BY, code=1)
    assert "M1: agreed from 2017-03-01" in run(*agree)
    assert "stands already" in run(*agree)
    paid_in = ("solar", "contribute", METER, "reserve", "600.00", "--serial", "Z1", *ON, *BY)
    assert "M1: 600.00 for the reserve" in run(*paid_in)
    assert "booked already" in run(*paid_in)
    with wiring.system(Settings()) as system, unit_of_work(system.engine) as session:
        reads(session, date(2017, 2, 1), 400)
        comes(session, date(2017, 2, 1), date(2017, 3, 1), coal=10_000)
    run("close")
    shown = run("solar", "waterfall", METER)
    assert "from 2017-03-01 (惠光扶〔2017〕1号, 甲, 签订): loan 85%/household 15% → " in shown
    assert "held (留存) 85.00; reserve (准备金) 600.00" in shown
    fixed = run("solar", "correct", METER, "201702A", *ON, "--coal", "157.96", *BY)
    assert "1 days poured anew (重新分配)\n  2017-03-01: 留存 49.27" in fixed
    assert "held (留存) 134.27" in run("solar", "waterfall", METER, "--since", "2017-03-01")
    assert "没有登记的电站" in run("solar", "waterfall", "M9", code=1)
    assert "all ok" in run("verify")
    assert "0 roofs below 80%" in run("solar", "alerts")


def test_sizing_says_what_e8_says_and_draws_it(desk: Desk) -> None:
    said = desk.run("solar", "size", "--term", "8", "--svg", "loan.svg")
    for cells in (("13", "0.00", "17"), ("11", "5,234.31", "12"), ("10", "10,070.99", "10")):
        assert all(cell in said for cell in cells)
    assert "8 years, 无贴息: does not carry it (不可行); least share (最低比例) none" in said
    assert "8 years, 全程贴息: does not carry it (不可行); least share (最低比例) 99%" in said
    assert "18" in desk.run("solar", "size", "--share", "100", "--tariff", "0.3949")
    assert "more than 25" in desk.run("solar", "size", "--tariff", "0.3949")
    picture = ET.fromstring((desk.folder / "loan.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    points = [line.get("points", "").split() for line in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(line) for line in points] == [14, 14, 14]
    assert "位数过多" in desk.run("solar", "size", "--tariff", "0.39491", code=1)
    assert "不是数字" in desk.run("solar", "size", "--kw", "five", code=1)
    assert "没有日照参数" in desk.run("solar", "size", "--region", "43", code=1)
