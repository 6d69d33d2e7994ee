"""Opening: a plan is read whole or refused with a sentence, and begins the books once."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import ROOT
from sqlalchemy import Engine

from app import wiring
from app.opening import Bank, County, Plan, PlanRefused, open_books, read_plan
from guarantees.claims.rules import PAPERS, rule_on
from guarantees.queries import pool_at, pools
from ledger.books import books
from ledger.business_day import peek
from ledger.db import unit_of_work
from scheduling.close import close

GOOD = """\
first = 2017-01-01
[[bank]]
code = "HMRCB"
name = "惠民农村商业银行"
rural = true
[[county]]
name = "惠民县"
banks = ["HMRCB"]
"""
PLAN = Plan(
    first=date(2017, 1, 1), banks=(Bank(code="HMRCB", name="惠民农村商业银行", rural=True),),
    counties=(County(name="惠民县", banks=("HMRCB",)),),
)  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_with_its_defaults(tmp_path: Path) -> None:
    assert read_plan(written(tmp_path, GOOD)) == PLAN
    assert (PLAN.counties[0].share_percent, PLAN.counties[0].leverage, PLAN.counties[0].claim_after_days) == (70, 10, 90)


def test_the_plan_in_the_readme_is_one(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start = readme.index("    first = 2017-01-01")
    text = dedent(readme[start : readme.index("\nAn import", start)])
    chief = replace(PLAN.counties[0], supervisor="王会计")
    assert read_plan(written(tmp_path, text)) == replace(PLAN, counties=(chief,))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("first = 2017-01-01", "first = ", "不是 TOML 文件"),
        ("first = 2017-01-01\n", "", "缺少项目或有不认识的项目：'first'"),
        ("first = 2017-01-01", 'first = "2017-01-01"', "first 应为 2000 年以后的日期"),
        ("first = 2017-01-01", "first = 2017-01-01T00:00:00", "first 应为 2000 年以后的日期"),
        ("first = 2017-01-01", "first = 2017-01-01\ncity = 1", "不认识的项目：city"),
        ("rural = true", "rural = 1", "rural 应为 true 或 false"),
        ("rural = true", "village = true", "不认识的项目"),
        ('code = "HMRCB"', 'code = "hm-rcb"', "银行代码 hm-rcb 应为"),
        ('code = "HMRCB"', 'code = "OTHER"', "惠民县 的银行 HMRCB 未登记"),
        ('name = "惠民农村商业银行"', 'name = " "', "银行 HMRCB 没有名称"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB", "HMRCB"]', "银行为空或重复"),
        ('banks = ["HMRCB"]', "banks = []", "银行为空或重复"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\nshare_percent = 101', "share_percent 应在 1 到 100 之间"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\ndunnings = -1', "dunnings 应在 0 到 20 之间"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\npapers = ["收条"]', "papers 中没有材料 收条"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\npapers = ["借款合同", "借款合同"]', "papers 重复"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\npapers = "借款合同"', "缺少项目或有不认识的项目"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\nleverage = 2.5', "leverage 应在 1 到 100 之间"),
        ('banks = ["HMRCB"]', 'banks = ["HMRCB"]\n[[county]]\nname = "惠民县"\nbanks = ["HMRCB"]', "县区重复"),
        ("[[county]]", '[[bank]]\ncode = "HMRCB"\nname = "另一家"\n[[county]]', "银行代码重复"),
        ("[[bank]]", "[bank]", "缺少项目或有不认识的项目"),
        ("first = 2017-01-01", "first = 0001-01-01", "first 应为 2000 年以后的日期"),
        ('name = "惠民县"', "name = 5", "县区名称 5 应为文字"),
        ('name = "惠民县"', 'name = ["x"]', "应为文字"),
        ('name = "惠民农村商业银行"', 'name = "\\u0000"', "银行 HMRCB 没有名称"),
        ('banks = ["HMRCB"]', 'banks = [["A"]]', "未登记"),
        ('banks = ["HMRCB"]', "banks = [{a = 1}]", "未登记"),
        ('banks = ["HMRCB"]', 'banks = "HMRCB"', "缺少项目或有不认识的项目"),
    ],
)
def test_a_bad_plan_is_refused_with_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(PlanRefused, match=sentence):
        read_plan(written(tmp_path, GOOD.replace(old, new, 1)))


def test_books_begin_once_and_a_larger_plan_opens_what_is_new(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        assert open_books(session, PLAN) == 4
        assert peek(session) == PLAN.first
        rule = rule_on(session, pool_at(session, "371621", "HMRCB"), PLAN.first)
        assert (rule.dunnings, rule.papers) == (2, PAPERS)
    with unit_of_work(own_engine) as session:
        assert open_books(session, PLAN) == 0
        assert [book.code for book in books(session)] == ["RCF-371621", "ISF-371621", "PVA-371621", "LB-371621-HMRCB"]
    close(own_engine, wiring.night_steps(), PLAN.first)
    more = Plan(
        first=PLAN.first, banks=(*PLAN.banks, Bank(code="YXRCB", name="阳信农村商业银行")), mark="（演示）",
        counties=(County(name="惠民县", banks=("HMRCB", "YXRCB")), County(name="阳信县", banks=("YXRCB",), share_percent=80)),
    )  # fmt: skip
    with unit_of_work(own_engine) as session:
        assert open_books(session, more) == 5
        assert peek(session) == date(2017, 1, 2)
        found = {(one.book.code, one.bank): one.share_ppb for one in pools(session).values()}
    assert found == {
        ("RCF-371621", "HMRCB"): 700_000_000, ("RCF-371621", "YXRCB"): 700_000_000, ("RCF-371622", "YXRCB"): 800_000_000,
    }  # fmt: skip
    close(own_engine, wiring.night_steps(), date(2017, 1, 2))
    with unit_of_work(own_engine) as session:
        assert [check for check in wiring.verify(session) if not check.ok] == []


def test_a_plan_that_does_not_fit_opens_nothing(own_engine: Engine) -> None:
    def refused(plan: Plan) -> str:
        with pytest.raises(PlanRefused) as refusal, unit_of_work(own_engine) as session:
            open_books(session, plan)
        return str(refusal.value)

    nowhere = Plan(first=PLAN.first, banks=PLAN.banks, counties=(County(name="某某县", banks=("HMRCB",)),))
    assert "某某县" in refused(nowhere)
    with unit_of_work(own_engine) as session:
        assert (books(session), peek(session)) == ([], None)
        open_books(session, PLAN)
    renamed = Plan(first=PLAN.first, banks=(Bank(code="HMRCB", name="另一名称", rural=True),), counties=PLAN.counties)
    assert refused(renamed) == "银行 HMRCB 已登记，名称或类别不同"
    dearer = Plan(first=PLAN.first, banks=PLAN.banks, counties=(County(name="惠民县", banks=("HMRCB",), share_percent=80),))
    assert refused(dearer) == "惠民县 与 HMRCB 的风险补偿金约定已有，且内容不同"
    later = Plan(first=date(2017, 1, 2), banks=PLAN.banks, counties=PLAN.counties)
    assert refused(later) == "账套已启用，营业日为 2017-01-01，启用日 2017-01-02 不能晚于它"
