"""`fupin claim` as staff meet it: a claim from its rule to a late recovery, dry runs, refusals."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from test_claims import overdue

from app.cli import main
from guarantees.claims.rules import PAPERS

__all__ = ["overdue"]

Run = Callable[..., str]


@pytest.fixture
def run(
    overdue: Engine, server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run the program on a copy of the books with overdue loans; return all that it says."""
    overdue.dispose()
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS claims_cli WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE claims_cli TEMPLATE claims"))
    address = admin.url.set(database="claims_cli").render_as_string(hide_password=False)
    admin.dispose()
    for name in [name for name in os.environ if name.startswith(("FUPIN_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    for name, value in {"DATABASE_URL": address, "FUPIN_KEY_FILE": str(tmp_path / "key"), "COLUMNS": "250"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def made(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["fupin", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = "".join(capsys.readouterr())
        assert (end.value.code or 0) == code, said
        return said

    return made


def test_a_claim_from_its_rule_to_a_late_recovery(run: Run, tmp_path: Path) -> None:
    names = "、".join(PAPERS)
    rule = (
        "claim",
        "rule",
        "--book",
        "RCF-371621",
        "--bank",
        "HMRCB",
        "--from",
        "2018-01-01",
        "--dunnings",
        "2",
        "--papers",
        names,
    )
    assert "2 dunnings, 6 papers" in run(*rule, "--source", "惠财〔2018〕1号", "--by", "处长")
    assert "有效催收 0 次" in run("claim", "file", "C1", "D1", "--by", "甲", code=1)
    rows = "".join(f"惠民县,HMRCB,C1,CS{n},2018-0{n}-02,上门,承诺还款,甲,是,催〔2018〕{n}号\n" for n in (4, 5))
    (tmp_path / "催收.csv").write_text(
        f"县区,银行代码,借据号,流水号,日期,方式,结果,催收人,签收,文书号\n{rows}", encoding="utf-8-sig"
    )
    run("import", "dunnings", "催收.csv")
    assert f"缺少材料：{names}" in run("claim", "file", "C1", "D1", "--by", "甲", code=1)
    for paper in PAPERS:
        lodged = ("claim", "paper", "C1", "--paper", paper, "--sha256", "ab" * 32, "--pages", "2", "--by", "甲")
        assert "已登记" in run(*lodged)
        assert "已有" in run(*lodged)
    ready = run("claim", "ready", "C1")
    assert "95 days of more than 90" in ready
    assert "2 of 2" in ready
    assert "2021-05-02" in ready
    assert "材料齐全" in ready
    assert "试算" in run("claim", "file", "C1", "D1", "--by", "甲", "--dry-run")
    assert "没有这个编号" in run("claim", "show", "D1", code=1)
    filed = run("claim", "file", "C1", "D1", "--by", "甲")
    assert "D1: 申请; of (基数) 50,507.50 the pool bears (代偿) 35,355.25" in filed
    run("claim", "return", "D1", "--by", "乙", "--reason", "缺页")
    run("claim", "undo", "D1", "--by", "乙")
    assert "通过须说明理由" in run("claim", "check", "D1", "--by", "乙", code=1)
    assert "已审核" in run("claim", "check", "D1", "--by", "乙", "--reason", "已核实")
    assert "批准" in run("claim", "approve", "D1", "--by", "丙")
    assert "已代偿" in run("claim", "pay", "D1", "--by", "丁")
    assert "已核实" in run("claim", "show", "D1")
    assert "1 claims" in run("claim", "list", "--book", "RCF-371621")
    assert "应划回 0.00 元" in run("claim", "pass", "D1", "--yuan", "1", "--serial", "HB1", "--by", "甲", code=1)
    repaid = "县区,银行代码,借据号,流水号,日期,金额(元),类型\n惠民县,HMRCB,C1,P1,2018-06-18,1000,还款\n"
    (tmp_path / "还款.csv").write_text(repaid, encoding="utf-8-sig")
    run("import", "repayments", "还款.csv")
    run("close", "--through", "2018-06-26")
    assert "late (逾期) 0" in run("claim", "list", "--due", "--as-of", "2018-06-25")
    assert "late (逾期) 1" in run("claim", "list", "--late", "--as-of", "2018-06-28", "--csv", "迟.csv")
    assert "RCF-371621,D1,C1,2018-06-18,2018-06-25,700.00,700.00,,3" in (tmp_path / "迟.csv").read_text(encoding="utf-8-sig")
    assert "部分收回" in run("claim", "pass", "D1", "--yuan", "700", "--serial", "HB1", "--by", "甲")
    assert "已核销" in run("claim", "write-off", "D1", "--by", "丙", "--dry-run")
    run("claim", "write-off", "D1", "--by", "丙")
    run("claim", "undo", "D1", "--by", "丙")
    assert "不能撤销" in run("claim", "cancel", "D1", "--by", "甲", "--reason", "撤回", code=1)
