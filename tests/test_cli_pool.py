"""`fupin pool` as an operator meets it: terms, money of the special account, queue, fuse, guarantors, forecast."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import forget, widen
from test_cli_bank import AT, PLAN, Desk

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the command line brings its own server", allow_module_level=True)

DOCUMENT = ("--document", "惠财〔2017〕5号", "--reason", "三方协议", "--by", "会计甲")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with a county's books begun on 2017-03-01 and a pool of 300 yuan."""
    for name in [name for name in os.environ if name.startswith(("FUPIN_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FUPIN_DATA", str(tmp_path / "data"))
    widen(monkeypatch)
    monkeypatch.chdir(tmp_path)
    made = Desk(tmp_path, capsys, monkeypatch)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "到账.csv").write_bytes(
        "县区,银行代码,资金,流水号,日期,金额(元)\r\n惠民县,HMRCB,风险补偿金,GS1,2017-03-01,300\r\n".encode("gb18030")
    )
    made.run("begin", "plan.toml")
    made.run("import", "fund-receipts", "到账.csv")
    yield made
    forget(tmp_path / "data")


def test_a_pool_from_its_terms_to_its_forecast(desk: Desk) -> None:
    assert "启用时约定" in desk.run("pool", "terms", *AT)
    agreed = (
        "--from",
        "2017-03-02",
        "--tier",
        "市级=20",
        "--tier",
        "县级=50",
        "--guarantor",
        "光伏公司=10",
        "--interest",
        "treasury",
    )
    assert "from (自) 2017-03-02" in desk.run("pool", "agree", *AT, *agreed, "--warn", "2.5", "--leverage", "8", *DOCUMENT)
    shown = desk.run("pool", "terms", *AT)
    for word in ("市级 20.00%、县级 50.00%、光伏公司 10.00%、银行 20.00%", "2.50%/5.00%", "缴财政", "会计甲"):
        assert word in shown
    assert "x：不是数字" in desk.run("pool", "agree", *AT, "--from", "2017-03-02", "--tier", "县级=x", *DOCUMENT, code=1)
    assert "没有序号为 99 的约定" in desk.run("pool", "withdraw-terms", "99", *AT, "--reason", "x", "--by", "y", code=1)
    number = next(line.split("│")[1].strip() for line in shown.splitlines() if "会计甲" in line)
    assert "withdrawn (已撤销)" in desk.run("pool", "withdraw-terms", number, *AT, "--reason", "签错", "--by", "会计甲")

    assert "专户利息 1.23" in desk.run("pool", "move", "interest", "L1", "1.23", *AT, "--by", "出纳")
    assert "was there (已登记)" in desk.run("pool", "move", "interest", "L1", "1.23", *AT, "--by", "出纳")
    assert "银行扣收手续费 55.00" in desk.run("pool", "move", "fee", "F1", "55", *AT, "--by", "出纳")
    assert "应退手续费" in desk.run("pool", "move", "refunded", "F2", "56", *AT, "--by", "出纳", code=1)
    assert "可用余额" in desk.run("pool", "move", "returned", "T1", "9999", *AT, "--by", "出纳", "--reason", "文1", code=1)
    assert "taken back (已撤销)" in desk.run("pool", "undo", "F1", "--book", AT[1], "--reason", "记错", "--by", "出纳")
    assert "专户利息" in desk.run("report", "fund-register", "--book", AT[1], "--as-of", "2017-03-01")

    assert "0 claims to pay (待拨付)" in desk.run("pool", "queue", *AT)
    assert "没有这个编号" in desk.run("pool", "parts", "D1", *AT, code=1)
    assert "没有这个编号" in desk.run("pool", "received", "D1", "光伏公司", "S1", "1", *AT, "--by", "x", code=1)
    assert "没有这个编号" in desk.run("pool", "undo-received", "D1", "S1", *AT, "--by", "x", code=1)
    assert "0 parts (笔)" in desk.run("pool", "guarantors", *AT)
    assert "not suspended (未熔断)" in desk.run("pool", "fuse", *AT)
    assert "未熔断，无须解除" in desk.run("pool", "ask-lift", *AT, *DOCUMENT, code=1)
    assert "没有待批准的解除申请" in desk.run("pool", "lift", *AT, "--by", "局长", code=1)
    assert "没有待批准的解除申请" in desk.run("pool", "drop-lift", *AT, "--reason", "x", "--by", "局长", code=1)
    assert "没有风险补偿金池" in desk.run("pool", "fuse", "--book", AT[1], "--bank", "X", code=1)

    assert "至少要有两个已日终的月末" in desk.run("pool", "forecast", *AT, code=1)
    desk.run("close", "--through", "2017-04-30")
    said = desk.run("pool", "forecast", *AT, "--svg", "预测.svg")
    assert "lasts for (可支撑) all of the months (全部月份)" in said
    assert "wrote 预测.svg" in said
    assert "<style>" in (desk.folder / "预测.svg").read_text(encoding="utf-8")
    assert "0 differ" in (told := desk.run("verify")) or "all" in told, sys.argv
