"""`fupin report` as an operator meets it: the list, the screen wide and narrow, files, refusals, figures that don't tie."""

import csv
from dataclasses import replace

import pytest
from openpyxl import load_workbook
from test_cli_bank import Desk, desk  # noqa: F401 - a fixture

from app import cli_report
from ledger.ties import Check


def test_reports_are_listed_and_shown_and_written_to_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    listed = desk.run("report", "list")
    assert "trial-balance" in listed
    assert "往来核对表" in listed
    wide = desk.run("report", "balance-sheet", "--book", "RCF-371621")
    assert "资产负债表　惠民县风险补偿金专账　2017年3月1日" in wide
    assert "300.00" in next(line for line in wide.splitlines() if "资产合计" in line)
    said = desk.run(
        "report", "科目余额表", "--consolidated", "RCF,ISF", "--from", "2017-03", "--xlsx", "a.xlsx", "--csv", "a.csv"
    )
    assert said.split() == ["wrote", "a.xlsx", "wrote", "a.csv"]
    assert load_workbook(desk.folder / "a.xlsx").active["E4"].value == 300
    with (desk.folder / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert ["1004", "其他财政存款", "", "", "300.00", "", "300.00", "", "300.00", ""] in list(csv.reader(file))
    assert "人民币" in desk.run("report", "final-accounts", "--book", "RCF-371621")
    refused = desk.run("report", "trial-balance", code=1)
    assert refused.splitlines()[-1:] == ["refused (拒绝): 科目余额表：须指明一个账套，或合并的账套类别"]
    assert "没有报表 gone；可选：trial-balance 科目余额表" in desk.run("report", "gone", code=1)
    assert "没有账套 RCF-1" in desk.run("report", "trial-balance", "--book", "RCF-1", code=1)
    assert "晚于营业日" in desk.run("report", "trial-balance", "--book", "RCF-371621", "--as-of", "2017-03-02", code=1)
    monkeypatch.setattr(cli_report.out, "_width", 60)
    narrow = desk.run("report", "fund-register")
    assert "\n惠民县风险补偿金专账　惠民农村商业银行\n  财政拨入 300.00\n  期末余额 300.00\n  可用余额 300.00\n" in narrow


def test_figures_that_do_not_tie_are_named_and_end_with_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    made = cli_report.report_of
    broken = (Check(check="资产=负债", expected="1", actual="2"),)
    monkeypatch.setattr(cli_report, "report_of", lambda *asked: replace(made(*asked), checks=broken))
    said = desk.run("report", "balance-sheet", code=1)
    assert "不相符：资产=负债：0.01 与 0.02" in said
    assert "does not tie (不相符): 资产=负债: 1 and 2 fen" in said
