"""`fupin bank` as an operator meets it: register, import, match, show, reconcile and sign, unmatch, undo."""

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import forget, widen

from app.cli import main

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the command line brings its own server", allow_module_level=True)

PLAN = """first = 2017-03-01
[[bank]]
code = "HMRCB"
name = "惠民农村商业银行"
rural = true
[[county]]
name = "惠民县"
banks = ["HMRCB"]
share_percent = 70
leverage = 10
claim_after_days = 90
"""
AT = ("--book", "RCF-371621", "--bank", "HMRCB")
HEADINGS = "交易日期,借方发生额,贷方发生额,余额,对方户名,摘要,交易流水号\r\n"


@dataclass
class Desk:
    """A folder, and the program run in it, in this process."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command that must end with a code, and return all it says."""
        self.monkeypatch.setattr(sys, "argv", ["fupin", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = "".join(self.capsys.readouterr())
        assert (end.value.code or 0) == code, said
        return said


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with a county's books begun on 2017-03-01 and two receipts, 100 and 200 yuan, of that day."""
    for name in [name for name in os.environ if name.startswith(("FUPIN_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FUPIN_DATA", str(tmp_path / "data"))
    widen(monkeypatch)
    monkeypatch.chdir(tmp_path)
    made = Desk(tmp_path, capsys, monkeypatch)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    receipts = "".join(f"惠民县,HMRCB,风险补偿金,GS{n},2017-03-01,{n}00\r\n" for n in (1, 2))
    (tmp_path / "到账.csv").write_bytes(f"县区,银行代码,资金,流水号,日期,金额(元)\r\n{receipts}".encode("gb18030"))
    made.run("begin", "plan.toml")
    made.run("import", "fund-receipts", "到账.csv")
    yield made
    forget(tmp_path / "data")


def test_a_special_account_from_its_registration_to_a_signed_sheet(desk: Desk) -> None:
    assert "尚未登记" in desk.run("bank", "import", "三月.csv", *AT, code=1)
    assert "没有这家银行" in desk.run("bank", "register", "--book", "RCF-371621", "--bank", "X", "--number", "62170000", code=1)
    assert "账号应为" in desk.run("bank", "register", *AT, "--number", "6217", code=1)
    assert "************5678" in desk.run("bank", "register", *AT, "--number", "6217000012345678")
    march = desk.folder / "三月.csv"
    march.write_bytes(
        (HEADINGS + "2017-03-01,,100,100,财政局,拨款,9001\r\n2017-03-01,,3,103,张三,退款,9002\r\n").encode("gb18030")
    )
    assert "statement 1 taken (对账单): 2 lines" in desk.run("bank", "import", "三月.csv", *AT)
    assert "未作任何更改" in desk.run("bank", "import", "三月.csv", *AT)
    assert "1 matches would be made (试运行)" in desk.run("bank", "match", *AT, "--dry-run")
    assert "1 matches made (已勾对)" in desk.run("bank", "match", *AT, "--by", "出纳")
    shown = desk.run("bank", "show", *AT)
    assert "金额日期" in shown
    assert "张*" in shown
    assert "张三" not in shown
    assert "2017-03-01" in desk.run("bank", "show")
    refused = desk.run("bank", "match", *AT, "--posting", "4/1", "--line", "1/2", code=1)
    assert "账面 200.00 与对账单 3.00 不等" in refused
    assert "编号应如 15/1" in desk.run("bank", "match", *AT, "--posting", "x", code=2)
    sheet = ("bank", "reconcile", *AT, "--as-of", "2017-03-01")
    assert "审核须由他人" in desk.run(*sheet, "--made-by", "甲", "--checked-by", "甲", code=1)
    assert "both sides (两边) 303.00; 2 open" in desk.run(*sheet, "--made-by", "甲", "--checked-by", "乙")
    desk.run(*sheet, "--csv", "表.csv")
    with (desk.folder / "表.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["项目"], row["金额(元)"], row["内容"]) for row in csv.DictReader(file)]
    assert rows == [
        ("账面余额", "300.00", ""),
        ("加：银行已收我未收", "3.00", ""),
        ("银行已收我未收", "3.00", "9002 张* 退款"),
        ("减：银行已付我未付", "0.00", ""),
        ("调节后账面余额", "303.00", ""),
        ("对账单余额", "103.00", ""),
        ("加：我已收银行未收", "200.00", ""),
        ("我已收银行未收", "200.00", "记-2 财政拨入专项资金"),
        ("减：我已付银行未付", "0.00", ""),
        ("调节后对账单余额", "303.00", ""),
        ("编制人", "", "甲"),
        ("审核人", "", "乙"),
    ]
    late = desk.run("bank", "reconcile", *AT, "--as-of", "2017-03-02", code=1)
    assert "缺少 2017-03-02 至 2017-03-02 的对账单" in late
    assert "已勾对" in desk.run("bank", "undo", "1", *AT, code=1)
    desk.run("bank", "unmatch", "1", *AT, "--reason", "对错了")
    desk.run("bank", "undo", "1", *AT)
    march.write_bytes((HEADINGS + "2017-03-01,,1.005,1,,,\r\n").encode("gb18030"))
    assert "金额超过两位小数" in desk.run("bank", "import", "三月.csv", *AT, code=1)
    assert (desk.folder / "三月-错误.csv").exists()
    assert "all ok" in desk.run("verify")
