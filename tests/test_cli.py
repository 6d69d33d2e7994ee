"""The command line as an operator meets it: one process per command, exit codes, sentences, files; killed and run again."""

import csv
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest
from conftest import forget
from forked import Forks
from sqlalchemy import text

from app.demo.portfolio import households, loans
from app.status import Status
from ledger.db import OWNER_ROLE, engine_as
from ledger.server import embedded
from registry.identity import uscc_check_digit

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the command line brings its own server", allow_module_level=True)

FUPIN = Path(sys.executable).parent / "fupin"
UNTIL = "2016-01-20"
HEADINGS = "县区,银行代码,资金,流水号,日期,金额(元)"


@cache
def forks() -> Forks:
    """Where commands are run."""
    return Forks()


@dataclass
class Desk:
    """A data folder and a folder of files, and the program run in it."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def around(self, environment: dict[str, str]) -> dict[str, str]:
        """Return the environment of a command."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FUPIN_", "DATABASE_"))}
        return ours | {"FUPIN_DATA": str(self.data), "COLUMNS": "200", **environment}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the program as it is installed."""
        return subprocess.Popen(
            [FUPIN, *arguments], cwd=self.folder, env=self.around(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run a command that must end with a code, and return all it says."""
        done = forks().run(arguments, self.folder, self.around(environment), timeout_s=60)
        out, err = done.out.decode(), done.err.decode()
        assert done.code == code, out + err
        assert "Traceback" not in err, err
        return out + err

    def journal(self) -> bytes:
        """Return the journal as CSV."""
        done = forks().run(("export", "csv"), self.folder, self.around({}), timeout_s=60)
        assert done.code == 0, done.err
        return done.out

    def write(self, name: str, *rows: str) -> str:
        """Write a file of fund receipts as a bank's system would, and return its name."""
        (self.folder / name).write_bytes("\r\n".join([HEADINGS, *rows]).encode("gb18030"))
        return name


@dataclass
class Shop(Desk):
    """A desk at which the demo was run until 2016-01-20."""

    said: str = ""
    undisturbed: bytes = b""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demo of twenty nights, and its journal."""
    made = Shop(tmp_path_factory.mktemp("shop"))
    made.said = made.run("demo", "--until", UNTIL, "--no-serve")
    with embedded(made.data):  # each command joins this server, which is quicker than its own
        made.undisturbed = made.journal()
        yield made
    forget(made.data)


def test_addresses_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for address in ("garbage", "mysql://a/b"):
        assert "DATABASE_URL is not the address of a PostgreSQL" in desk.run("status", code=1, DATABASE_URL=address)


def test_the_first_user_gets_a_link_and_never_a_password(shop: Shop) -> None:
    said = shop.run("user", "add", "安全员", "--role", "security-admin")
    assert re.search(r"http://127\.0\.0\.1:8000/welcome/[\w-]{32}", said)
    assert "不能兼任" in shop.run("user", "grant", "安全员", "--role", "maker", code=1)
    assert "不能兼任" in shop.run("user", "add", "二把手", "--role", "auditor", "--role", "maker", code=1)
    assert "银行经办须指明" in shop.run("user", "add", "李经办", "--role", "bank-clerk", "--bank", "NONE", code=1)
    assert "已被使用" in shop.run("user", "add", "安全员", code=1)
    shop.run("user", "disable", "安全员")
    listed = shop.run("user", "list")
    assert "disabled (停用)" in listed
    assert "1 users" in listed, "what was refused left nobody behind"


def test_a_port_in_use_is_refused_and_a_terminated_server_takes_its_database_along(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            said = desk.run("serve", "--port", port, code=1)
            assert f"port {port} can't be used" in said
            assert "are on http" not in said
        serving = desk.start("serve", "--port", port)
        line = serving.stdout.readline() if serving.stdout else b""
        assert f"http://127.0.0.1:{port}".encode() in line
        serving.terminate()
        serving.communicate(timeout=60)
        assert list(desk.data.glob("**/postmaster.pid")) == []
    finally:
        forget(desk.data)


def test_books_begin_from_a_plan_and_refuse_a_bad_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    plan = tmp_path / "plan.toml"
    plan.write_text('first = 2017-01-01\n[[bank]]\ncode = "HMRCB"\nname = "某行"\n[[county]]\nname = "某县"\nbanks = ["HMRCB"]\n')
    try:
        assert "某县" in desk.run("begin", "plan.toml", code=1)
        assert "begin PLAN.toml" in desk.run("close", code=1)
        plan.write_text(plan.read_text().replace("某县", "惠民县"))
        assert "opened 4 books (账套); the business date is 2017-01-01" in desk.run("begin", "plan.toml")
        assert "opened 0 books" in desk.run("begin", "plan.toml")
        assert "closed 2017-01-01" in desk.run("close")
        assert "all ok" in desk.run("verify")
        assert "No such file" in desk.run("begin", "none.toml", code=1)
    finally:
        forget(desk.data)


def test_the_demo_says_what_it_did_and_what_is_assumed(shop: Shop) -> None:
    assert "Closed 20 nights from 10 imported files." in shop.said
    assert "last closed (日终) 2016-01-20" in shop.said
    assert "33,420,000.00" in shop.said
    assert "everything else is assumed" in shop.said
    assert oct((shop.folder / "data.key").stat().st_mode)[-3:] == "600"
    assert not list(shop.data.rglob("*.key")), "the key never lies in the data"


def test_the_demo_run_again_finds_everything_done(shop: Shop, tmp_path: Path) -> None:
    said = shop.run("demo", "--until", UNTIL, "--no-serve")
    assert "Everything is done already (已全部完成); nothing was changed." in said


def test_status_as_json_has_the_agreed_keys(shop: Shop) -> None:
    found = json.loads(shop.run("status", "--json", "--as-of", UNTIL))
    assert set(found) == set(Status.__dataclass_fields__)
    agreed = {
        "as_of": UNTIL, "funds_contributed_fen": 3_342_000_000, "funds_balance_fen": 3_342_000_000, "loans_disbursed_fen": 0,
        "loans_balance_fen": 0, "relending_drawn_fen": 0, "relending_balance_fen": 0, "loans": 24, "loans_overdue": 0,
    }  # fmt: skip
    assert {name: found[name] for name in agreed} == agreed
    assert found["last_closed"] >= UNTIL


def test_verify_as_json_is_a_list_of_checks_that_all_hold(shop: Shop) -> None:
    checks = json.loads(shop.run("verify", "--json"))
    assert len(checks) > 100
    assert {tuple(check) for check in checks} == {("check", "expected", "actual", "ok")}
    assert {check["ok"] for check in checks} == {True}
    assert all(check["expected"] == check["actual"] for check in checks)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("import", "loans", "没有.csv"), 1, "refused (拒绝): 找不到文件 没有.csv"),
        (("export", "csv", "--book", "LB-0"), 1, "没有账套 LB-0"),
        (("import", "houses", "x.csv"), 2, "No such command 'houses'"),
        (("import", "undo", "9" * 30), 2, "Invalid value"),
        (("statement", "--bank", "HMRCB", "--from", "2016-02-01", "--to", "2016-01-01", "-o", "."), 2, "起始日晚于截止日"),
    ],
)
def test_a_refusal_is_one_sentence_and_code_1_wrong_usage_code_2(
    shop: Shop, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    assert sentence in shop.run(*arguments, code=code)


def test_a_bad_file_shows_its_errors_and_writes_them_beside_it(shop: Shop) -> None:
    name = shop.write("坏.csv", "惠民县,HMRCB,风险补偿金,B1,2016-01-20,1.005", "惠民县,HMRCB,奖金,,2016-01-20,1")
    said = shop.run("import", "fund-receipts", name, code=1)
    assert "坏.csv：3 处错误" in said
    assert "金额超过两位小数" in said
    assert "全部错误已写入 坏-错误.csv" in said
    with (shop.folder / "坏-错误.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[:3] for row in csv.reader(file)] == [
            ["行", "列", "值"], ["2", "金额(元)", "1.005"], ["3", "资金", "奖金"], ["3", "流水号", ""],
        ]  # fmt: skip


def test_a_file_is_imported_once_taken_in_part_when_asked_and_undone(shop: Shop) -> None:
    good = "惠民县,HMRCB,贴息资金,G1,2016-01-20,10.00"
    name = shop.write("半.csv", good, "惠民县,HMRCB,贴息资金,G2,2016-01-20,x")
    tried = shop.run("import", "fund-receipts", name, "--dry-run", "--accept-good-rows", code=1)
    assert "1 of 2 rows would be imported; nothing was written (试运行)" in tried
    batch = re.search(r"imported 1 of 2 rows as batch (\d+)", shop.run("import", "fund-receipts", name, "--accept-good-rows"))
    assert batch is not None
    assert f"此文件内容已导入过（批次 {batch[1]}），未作任何更改" in shop.run("import", "fund-receipts", name)
    assert f"undone: batch {batch[1]} (fund-receipts, 半.csv, 1 rows)" in shop.run("import", "undo", batch[1])
    assert f"批次 {batch[1]} 已撤销" in shop.run("import", "undo", batch[1], code=1)
    after = shop.journal().decode().splitlines()
    assert len([line for line in after if "G1" in line]) == 4, "an entry of two lines, and the same in red"


def test_close_closes_the_open_day_and_no_day_twice(shop: Shop) -> None:
    day = re.search(r"closed (\d{4}-\d\d-\d\d) in \d+ ms", shop.run("close"))
    assert day is not None
    assert f"{day[1]} is closed already (已日终); nothing was changed." in shop.run("close", "--through", day[1])


def test_a_failed_night_says_what_to_do_and_a_broken_loan_does_not_stop_one(shop: Shop) -> None:
    with embedded(shop.data) as url:
        owner = engine_as(url, OWNER_ROLE)
        spoilt = "UPDATE loans.standing SET principal_fen = principal_fen + :fen WHERE (book_id, loan_id) = (:book, :id) AND known_to_seq IS NULL"
        with owner.begin() as connection:
            book, sick, name = connection.execute(
                text("SELECT book_id, id, contract FROM loans.loan WHERE product = 'FMSC' LIMIT 1")
            ).one()
            connection.execute(text(spoilt), {"fen": 1, "book": book, "id": sick})
        assert "no close was left unfinished" in shop.run("close", "--resume", code=1)
        said = shop.run("close", code=1)
        assert re.search(r"stopped in step tie 核对: loans: 1303\.01 of .* expected .*run 'fupin close --resume'", said)
        assert re.search(r"stopped at .* in step tie 核对.*--resume", shop.run("close", code=1))
        said = shop.run("status")
        assert "failed (失败) in step tie 核对" in said
        assert "run 'fupin close --resume'" in said
        found = json.loads(shop.run("status", "--json"))["night"]
        assert (found["stage"], found["step"]) == ("failed", "tie")
        with owner.begin() as connection:
            connection.execute(text(spoilt), {"fen": -1, "book": book, "id": sick})
            connection.execute(
                text("UPDATE loans.stream SET day_count = 'lunar' WHERE (book_id, loan_id) = (:book, :id)"),
                {"book": book, "id": sick},
            )
        assert re.search(r"closed \d{4}", shop.run("close", "--resume"))
        said = shop.run("close", "--profile")
        assert "1 loans were set aside (隔离)" in said
        assert re.search(r"accrue +│ +[\d,.]+ │ +[\d.]+ % │ +[\d,.]+ │ +[\d,]+ │ +[1-9]", said)
        assert name in shop.run("quarantine", "list")
        assert "unknown day count lunar" in shop.run("quarantine", "show", name)
        assert "1 loans are set aside" in shop.run("status")
        assert "all ok" in shop.run("verify")
        with owner.begin() as connection:
            connection.execute(
                text("UPDATE loans.stream SET day_count = 'act/360' WHERE (book_id, loan_id) = (:book, :id)"),
                {"book": book, "id": sick},
            )
        owner.dispose()
    assert f"released (已解除隔离): {name}" in shop.run("quarantine", "release", name)
    assert "不在隔离中" in shop.run("quarantine", "release", name, code=1)
    assert "all ok" in shop.run("verify")


def test_the_register_of_relending_is_shown_and_written_of_closed_days_only(shop: Shop) -> None:
    said = shop.run("relending", "register", "--book", "LB-371621-HMRCB", "--as-of", UNTIL, "--csv", "台账.csv")
    assert "0 draws (借款), 0.00; allocated (已对应) 0.00, 100.00% used (使用率)" in said
    assert (
        "funded loans bear at most (利率上限) 4.35%; a draw is used within 90 days (扶贫再贷款管理规定（推定，待核实）)" in said
    )
    assert "wrote 台账.csv" in said
    with (shop.folder / "台账.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[2] for row in csv.reader(file)] == ["借款编号", "合计"]
    said = shop.run("relending", "register", "--book", "LB-371621-HMRCB", "--as-of", "2017-10-17", code=1)
    assert "2017-10-17 没有日终记录" in said


def test_the_journal_is_exported_to_a_file(shop: Shop) -> None:
    assert "wrote 账.journal" in shop.run("export", "hledger", "-o", "账.journal", "--book", "RCF-371621")
    text = (shop.folder / "账.journal").read_text(encoding="utf-8")
    assert text.startswith("; fupin journal, amounts in CNY")
    assert "RCF-371621" in text
    assert "LB-371621" not in text


def test_a_demo_that_was_killed_ends_with_the_same_books(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(tmp_path_factory.mktemp("killed"))
    process = desk.start("demo", "--until", UNTIL, "--no-serve")
    waited = time.monotonic() + 60
    while not list(desk.data.glob("demo/20160105-*")) and time.monotonic() < waited:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    closed = re.search(r"Closed (\d+) nights", desk.run("demo", "--until", UNTIL, "--no-serve"))
    assert closed is not None
    assert 1 <= int(closed[1]) < 20, "the first run did part of it"
    assert desk.journal() == shop.undisturbed
    assert not (desk.data / "postgres" / "postmaster.pid").exists(), "no server is left behind"
    forget(desk.data)


def test_verify_of_empty_books_is_good_or_a_sentence(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    process = desk.start("verify", "--json")
    out, err = (said.decode() for said in process.communicate(timeout=60))
    forget(desk.data)
    assert "Traceback" not in err
    assert process.returncode == 0 or "尚未启用" in out + err


def test_brackets_in_a_file_are_shown_as_they_are(shop: Shop) -> None:
    name = shop.write("括号.csv", *[f"惠民县,HMRCB,风险补偿金,K1,2016-01-20,{value}" for value in ("[red]x", "[/b]")])
    said = shop.run("import", "fund-receipts", name, code=1)
    assert "[red]x" in said
    assert "[/b]" in said


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("export", "csv", "-o", "没有/账.csv"), {}),
        (("status",), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}),
    ],
    ids=["no folder", "no server"],
)
def test_what_the_machine_refuses_is_a_sentence(shop: Shop, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    assert "refused (拒绝)" in shop.run(*arguments, code=1, **environment)


def test_a_sentence_is_one_line_for_a_program(shop: Shop) -> None:
    path = f"{'很长的名字' * 10}.csv"
    assert f"找不到文件 {path}" in shop.run("import", "loans", path, code=1, COLUMNS="80")


def test_verify_prints_what_does_not_hold_and_everything_when_asked(shop: Shop) -> None:
    short, long = shop.run("verify"), shop.run("verify", "--all")
    assert "checks, all ok (全部相符)" in short
    assert re.search(r"ledger \d+; loans \d+; guarantees \d+; solar \d+", short)
    assert "NOT OK" not in short
    assert len(long.splitlines()) > 100 > len(short.splitlines())


def test_a_row_that_is_there_already_is_told_apart_from_a_new_one(shop: Shop) -> None:
    row = "惠民县,HMRCB,贴息资金,N1,2016-01-20,10.00"
    shop.run("import", "fund-receipts", shop.write("新.csv", row))
    again = shop.write("又.csv", row, "惠民县,HMRCB,贴息资金,N2,2016-01-20,10.00")
    assert "imported 2 of 2 rows as batch" in (said := shop.run("import", "fund-receipts", again))
    assert "1 of them new (新增)" in said


def test_ctrl_c_ends_with_a_sentence_and_nothing_half_done(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    process = desk.start("demo", "--no-serve")  # its end is far away when the operator has seen enough
    waited = time.monotonic() + 60
    while not list(desk.data.glob("demo/20160111-*")) and time.monotonic() < waited:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped (已中断); run the same command again to go on" in err.decode()
    assert "Traceback" not in err.decode()
    assert not (desk.data / "postgres" / "postmaster.pid").exists(), "no server is left behind"
    forget(desk.data)


def test_a_loan_is_shown_with_how_each_fen_of_its_interest_came_about(shop: Shop) -> None:
    found = re.search(r"[A-Z]{2}\d{11}", shop.undisturbed.decode())
    assert found
    number = found[0]
    said = shop.run("loan", "show", number, "--as-of", UNTIL, "--explain")
    assert f"{number} in LB-" in said
    base = re.search(r"([\d,.]+) x (\d+) = ([\d,.]+) \(积数\) at ([\d.]+)%", said)
    assert base, said
    fen, days, product = (int(base[n].replace(",", "").replace(".", "")) for n in (1, 2, 3))
    assert fen * days == product
    exact = re.search(r"run up, not yet charged \(应计未结\): ([\d,]+\.\d{8})", said)
    assert exact
    assert Decimal(exact[1].replace(",", "")) == (Decimal(product) / 100 * Decimal(base[4]) / 100 / 360).quantize(
        Decimal("0.00000001"), ROUND_HALF_UP
    )
    refused = shop.run("loan", "show", "没有这笔", code=1)
    assert "refused (拒绝): 没有借据 没有这笔" in refused
    early = shop.run("loan", "show", number, "--as-of", "2015-12-31", code=1)
    assert "2015-12-31 尚无此笔贷款" in early


def test_policy_is_shown_and_a_loan_checked_rule_by_rule(shop: Shop) -> None:
    place = ("--county", "惠民县", "--bank", "HMRCB", "--product", "XEXD")
    shown = shop.run("policy", "show", *place, "--as-of", "2022-01-01")
    for said in ("cap (余额上限) │ 50,000.00 yuan (元)", "贷款市场报价利率 (LPR)", "银保监发〔2021〕6号（推定，待核实）"):
        assert said in re.sub(r" +", " ", shown)
    term = ("--from", UNTIL, "--to", "2017-01-20", "--purpose", "养羊")
    refused = shop.run("policy", "check", *place, "--amount", "60,000", "--rate", "4.35", "--household", "无此户", *term, code=1)
    assert "7 rules, 2 not ok (不符)" in refused
    assert "合计不超过 50,000.00 元" in refused
    assert "不在建档立卡系统中" in refused
    firm = (*place[:4], "--product", "FMSC")
    assert "5 rules, all ok (全部符合)" in shop.run("policy", "check", *firm, "--amount", "60000", "--rate", "4.35", *term)
    assert "不是数字" in shop.run("policy", "check", *firm, "--amount", "1", "--rate", "x", *term, code=2)


def test_applications_are_listed_with_who_filed_them_and_where_they_are(shop: Shop) -> None:
    assert "0 applications (贷款申请)" in shop.run("loan", "applications")
    headings = "县区,银行代码,借据号,产品,借款人,证件号码,金额(元),年利率(%),放款日期,到期日期,申请编号,申请日期,经办人"
    stem = "92371621MA3900009"
    row = f"惠民县,HMRCB,SQ{{0}},FMSC,演示企业,{stem}{uscc_check_digit(stem)},50000,4.35,{UNTIL},2017-01-20,Q{{0}},{UNTIL},甲"
    (shop.folder / "申请.csv").write_text("\n".join([headings, row.format(1), row.format(2)]), encoding="utf-8")
    shop.run("import", "applications", "申请.csv")
    verdict = f"县区,银行代码,借据号,流水号,日期,结论,审批人,理由\n惠民县,HMRCB,SQ1,P1,{UNTIL},拒绝,乙,无还款来源"
    (shop.folder / "审批.csv").write_text(verdict, encoding="utf-8")
    shop.run("import", "approvals", "审批.csv")
    everything, still_open = shop.run("loan", "applications"), shop.run("loan", "applications", "--open")
    assert "2 applications" in everything
    for said in ("SQ1", "declined", "已拒绝", "乙 拒绝", "50,000.00", "4.35%"):
        assert said in everything
    assert "1 applications" in still_open
    assert "SQ2" in still_open
    assert "SQ1" not in still_open
    assert "0 applications" in shop.run("loan", "applications", "--book", "RCF-371621")
    assert "refused (拒绝)" in shop.run("loan", "applications", "--book", "没有", code=1)


def test_a_suspicion_is_found_listed_and_decided_by_another_person(shop: Shop) -> None:
    one = next(loan for loan in loans(households()) if loan.household)
    heads = "县区,银行代码,借据号,产品,借款人,证件号码,建档立卡号,金额(元),年利率(%),放款日期,到期日期"
    row = (
        f"{one.place.name},{one.place.bank},Q1,XEXD,{one.borrower},{one.borrower_id},{one.household},1000,4.35,{UNTIL},2017-01-20"
    )
    (shop.folder / "lent.csv").write_bytes(f"{heads}\r\n{row}".encode("gb18030"))
    batch = re.search(r"as batch (\d+)", shop.run("import", "loans", "lent.csv", FUPIN_ACTOR="王经办"))
    row = f"死亡,{one.borrower_id},{one.borrower},2015-01-01,民政局"
    (shop.folder / "dead.csv").write_bytes(f"名单类型,身份证号,姓名,自日期,来源\r\n{row}".encode("gb18030"))
    assert "imported 1 of 1 rows" in shop.run("import", "match-lists", "dead.csv")
    said = shop.run("suspicion", "review")
    assert "借款人在比对名单中 (on_list): 1" in said
    assert re.search(r"1 new suspicions \(新增疑点\) in \d+ books", said)
    assert "0 new suspicions" in shop.run("suspicion", "review")
    listed = next(csv.DictReader(io.StringIO(shop.run("suspicion", "list", "--open", "--csv"))))
    assert [listed[name] for name in ("借据号", "规则", "时机", "处理")] == ["Q1", "借款人在比对名单中", "review", ""]
    assert one.borrower_id not in listed["内容"]
    answer = (listed["编号"], "--decision", "cleared", "--reason", "同名同姓")
    assert "经办了这笔贷款的发放" in shop.run("suspicion", "decide", *answer, "--by", "王经办", code=1)
    assert "没有这个编号" in shop.run("suspicion", "decide", "999999", *answer[1:], "--by", "李审计", code=1)
    assert "Q1, 借款人在比对名单中: 排除, 李审计" in shop.run("suspicion", "decide", *answer, "--by", "李审计")
    assert "0 suspicions (疑点), 0 undecided (未处理)" in shop.run("suspicion", "list", "--open")
    shown = shop.run("suspicion", "list", "--book", listed["账套"])
    assert "1 suspicions (疑点), 0 undecided (未处理)" in shown
    assert "李审计" in shown
    assert batch
    assert "undone" in shop.run("import", "undo", batch[1])
    assert "0 suspicions" in shop.run("suspicion", "list")


def test_a_voucher_goes_from_its_maker_to_its_checker_into_the_journal_and_onto_paper(shop: Shop) -> None:
    book = ("--book", "RCF-371621")
    lines = ("--date", "2016-01-15", "--debit", "1004 12.34 bank=HMRCB", "--credit", "4007.02 12.34 bank=HMRCB")
    by = ("--by", "甲")
    assert "draft (草稿)" in shop.run("voucher", "draft", "V1", *book, *by, *lines, "--narration", "专户利息", "--sheets", "1")
    (shop.folder / "回单.txt").write_text("银行回单", encoding="utf-8")
    shop.run("voucher", "attach", "V1", *book, *by, "--file", "回单.txt")
    (shop.folder / "错附.txt").write_text("别家的回单", encoding="utf-8")
    shop.run("voucher", "attach", "V1", *book, *by, "--file", "错附.txt")
    wrong = hashlib.sha256("别家的回单".encode()).hexdigest()
    shop.run("voucher", "detach", "V1", *book, *by, "--sha256", wrong[:8])
    assert "submitted (待审核)" in shop.run("voucher", "submit", "V1", *book, *by)
    assert "甲 参与制单，不能审核" in shop.run("voucher", "approve", "V1", *book, *by, code=1)
    shop.run("voucher", "approve", "V1", *book, "--by", "乙")
    posted = shop.run("voucher", "post", "V1", *book, "--by", "乙")
    number = re.search(r"2016-01 记字(\d+)号：专户利息", posted)
    assert number
    shown = shop.run("voucher", "show", "V1", *book)
    for said in ("posted (已记账)", "借 1004 12.34 bank=HMRCB", "附件 回单.txt", "审核 乙"):
        assert said in shown
    assert "错附" not in shown.partition("移除附件")[0]
    assert "V1" in shop.run("voucher", "list", *book)
    traced = shop.run("voucher", "trace", *book, "--reference", f"2016-01-记-{number[1]}")
    for said in ("voucher (凭证) V1", "记账", "乙"):
        assert said in traced
    printed = shop.run("voucher", "print", *book, "--reference", f"2016-01-记-{number[1]}", "-o", "paper")
    assert "RCF-371621-201601-记" in printed
    bad = shop.run("voucher", "draft", "V2", *book, *by, *lines[:2], "--narration", "x", "--debit", "1004 x", code=2)
    assert "expected ACCOUNT YUAN" in bad.replace("\n", " ")
    red = ("--date", "2016-01-20", "--narration", "重复", "--corrects", f"2016-01-记-{number[1]}")
    shop.run("voucher", "draft", "V3", *book, *by, *red)
    for step, who in (("submit", "甲"), ("approve", "乙"), ("post", "乙")):
        said = shop.run("voucher", step, "V3", *book, "--by", who)
    assert f"注销 2016-01 记字{number[1]}号凭证：重复" in said
    refused = shop.run("period", "close", *book, "--month", "2016-01", "--by", "会计主管（演示）", code=1)
    assert "尚未日终" in refused
    assert "HMRCB 的其他财政存款没有登记专户" in refused
    assert "不是现任会计主管" in shop.run("period", "reopen", *book, "--month", "2016-01", "--by", "甲", "--reason", "x", code=1)
    assert "nothing closed (未结账)" in shop.run("period", "list")


def test_balances_are_shown_by_dimension_and_as_known_at_the_close_of_a_day(shop: Shop) -> None:
    shown = json.loads(shop.run("balance", "--json", "--account", "1303.01", "--by", "loan_id,product,household"))
    lines = shown["lines"]
    assert len({(line["book"], line["loan_id"]) for line in lines}) == len(lines) >= 24
    assert all((line["product"] == "FMSC") == (line["household"] is None) for line in lines), "only enterprises have none"
    assert all(line["balance_fen"] > 0 for line in lines if line["product"] == "FMSC")
    whole = json.loads(shop.run("balance", "--json"))
    assert sum(line["balance_fen"] for line in whole["lines"]) == 0
    book, seq = max(whole["known_at"].items(), key=lambda item: item[1])
    assert f"as known at sequence (截至序号) {book} {seq}" in shop.run("balance", "--book", book)
    then = json.loads(shop.run("balance", "--json", "--book", book, "--known-at", "2016-01-05"))
    assert then["known_at"][book] < seq
    assert json.loads(shop.run("balance", "--json", "--book", book, "--known-at", str(then["known_at"][book]))) == then
    assert "2016-03-01 is not closed (尚未日终)" in shop.run("balance", "--known-at", "2016-03-01", code=1)
    assert "took 0 snapshots (余额快照)" in shop.run("period", "snapshot")


def test_seals_are_verified_and_what_the_owner_changed_is_named(shop: Shop) -> None:
    shop.run("seal", "run")
    assert "sealed 0 rows (封签)" in shop.run("seal", "run")
    assert "0 rows not sealed yet (待封签); all fit (全部相符)" in shop.run("seal", "verify")
    assert "heads to heads.csv" in shop.run("seal", "heads", "-o", "heads.csv")
    written = (shop.folder / "heads.csv").read_text()
    assert written.strip() == shop.run("seal", "heads").strip()
    assert written.startswith("book,chain,position,hash\nRCF-")
    held = f"{len(written.splitlines()) - 1} heads held against them (链头)"
    assert held in shop.run("seal", "verify", "--heads", "heads.csv")
    with embedded(shop.data) as url:
        owner = engine_as(url, OWNER_ROLE)
        loosen, tighten = (f"ALTER TABLE ledger.journal_entry {what} TRIGGER append_only" for what in ("DISABLE", "ENABLE"))
        with owner.begin() as connection:
            connection.execute(text(loosen))
            seq, reference, said = connection.execute(
                text("SELECT seq, reference, narration FROM ledger.journal_entry WHERE book_id = 1 ORDER BY seq LIMIT 1")
            ).one()
            alter = text(f"UPDATE ledger.journal_entry SET narration = :n WHERE book_id = 1 AND seq = {seq}")
            connection.execute(alter, {"n": "改过的"})
        shown = shop.run("seal", "verify", "--heads", "heads.csv", code=1)
        assert re.search(rf"RCF-\S+ +│ journal .*│ {seq} +│ {re.escape(reference)} +│ changed 内容被改", shown)
        assert "1 do not fit (不符)" in shown
        (found,) = json.loads(shop.run("seal", "verify", "--json", code=1))["findings"]
        assert (found["seq"], found["reference"], found["fault"]) == (seq, reference, "changed")
        assert "rows that do not fit their seals in" in shop.run("verify", code=1)
        with owner.begin() as connection:
            connection.execute(alter, {"n": said})
            connection.execute(text(tighten))
        owner.dispose()
    assert "all fit (全部相符)" in shop.run("seal", "verify", "--book", found["book"], "--heads", "heads.csv")
    (shop.folder / "heads.csv").write_text(written.replace(written.split(",")[-1].strip(), "00" * 32))
    assert "not on the chain 链被重算或截断" in shop.run("seal", "verify", "--heads", "heads.csv", code=1)
    (shop.folder / "heads.csv").write_text(written + "x,y\n")
    refused = shop.run("seal", "verify", "--heads", "heads.csv", code=1)
    assert f"refused (拒绝): heads.csv 第 {len(written.splitlines()) + 1} 行不是链头" in refused
