"""Figures of every paper, by hand: fictitious people, small round amounts, one rare name each."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from statements.claim_papers import ClaimFigures, ClaimPaper, ClaimStep
from statements.figures import BankStatement, LoanSheet, StatementLine, SummaryRow, Voucher, VoucherLine
from statements.fund_papers import FundLine, FundStatement
from statements.household import BorrowerStatement, PlannedPayment, RepaymentPlan
from statements.ledger_papers import (
    BalanceHandedOver,
    HandedOver,
    Handover,
    OpenPosting,
    Receipt,
    ReconciliationPaper,
    ReportColumn,
    ReportPaper,
    ReportPart,
    ReportRow,
)
from statements.monthly import MigrationTable, MonthlyReport, MonthlyRow, Moved
from statements.notices import BankInquiry, Demand, Extension, InquiryLine, LendingNotice, Publicity
from statements.relending_papers import DrawFigures, FundedLoan, PledgedAsset, PledgeList, RelendingRegister
from statements.subsidy_papers import SubsidyApproval, SubsidyLine, SubsidyList

BUREAU, BANK, ID = "滨州市财政局", "惠民农村商业银行", "371***********1234"
DRAWN, MATURITY = date(2017, 3, 15), date(2018, 3, 15)


def sheet(number: int = 1, borrower: str = "张*", county: str = "惠民县") -> LoanSheet:
    """Return a loan drawn in the quarter, with interest settled, subsidised and paid."""
    return LoanSheet(
        county=county, borrower=borrower, id_number=ID, contract=f"XEXD-2017-{number:06d}", product="扶贫小额信贷",
        drawn_on=DRAWN, maturity=MATURITY, rate_ppb=43_500_000, penalty_ppb=65_250_000, method="按季结息，到期还本",
        opening_fen=0,
        lines=(
            line(date(2017, 3, 15), "放款", 5_000_000, principal_fen=5_000_000),
            line(date(2017, 3, 20), "结息", 5_000_000, interest_fen=3_625, days=6, product_fen=30_000_000),
            line(date(2017, 3, 20), "应收贴息", 5_000_000, interest_fen=-2_538),
            line(date(2017, 3, 21), "收息", 5_000_000, interest_fen=-1_087),
            line(date(2017, 3, 28), "还本", 3_999_999, principal_fen=-1_000_001),
        ),
        unpaid_on_fen=1_111, unpaid_off_fen=2_222, subsidy_due_fen=2_538, risk_class="正常", closing_fen=3_999_999,
    )  # fmt: skip


def line(
    day: date, kind: str, balance_fen: int, *, principal_fen: int = 0, interest_fen: int = 0, days: int | None = None,
    product_fen: int | None = None,
) -> StatementLine:  # fmt: skip
    return StatementLine(
        day=day, kind=kind, balance_fen=balance_fen, principal_fen=principal_fen, interest_fen=interest_fen, days=days,
        product_fen=product_fen,
    )  # fmt: skip


def statement(*loans: LoanSheet, demo: bool = False, detailed: bool = True) -> BankStatement:
    """Return the statement of some loans, whose summary is made from them."""
    groups: dict[tuple[str, str], list[LoanSheet]] = {}
    for loan in loans:
        groups.setdefault((loan.county, loan.product), []).append(loan)
    rows = []
    for (county, product), group in groups.items():
        moved = [item.principal_fen for loan in group for item in loan.lines]
        rows.append(
            SummaryRow(
                county=county, product=product, loans=len(group), opening_fen=sum(loan.opening_fen for loan in group),
                disbursed_fen=sum(fen for fen in moved if fen > 0), repaid_fen=-sum(fen for fen in moved if fen < 0),
                closing_fen=sum(loan.closing_fen for loan in group), borrower_interest_fen=1_087 * len(group),
                government_interest_fen=2_538 * len(group),
            )
        )  # fmt: skip
    return BankStatement(
        issuer=BUREAU, bank=BANK, serial="DZ-2017Q1-0007", first_day=date(2017, 1, 1), last_day=date(2017, 3, 31),
        reply_by=date(2017, 4, 20), summary=tuple(rows), loans=loans, detailed=detailed, demo=demo,
    )  # fmt: skip


def voucher(credits_count: int = 2, sign: int = 1, *, demo: bool = False) -> Voucher:
    """Return a voucher of one debit against several equal credits."""
    part = sign * 5_860_427
    paid = VoucherLine(narration="支付第一季度贴息", account="2241.01", title="应付贴息", debit_fen=part * credits_count)
    lines = [
        VoucherLine(narration=f"拨付第{number}批", account="1002.03", title="银行存款", credit_fen=part)
        for number in range(1, credits_count + 1)
    ]
    return Voucher(
        book="扶贫贴息专账", day=date(2017, 4, 5), word="记", number=8, lines=(paid, *lines), attachments=3, maker="张建国",
        checker="李素芬", poster="王海燕", chief="赵立新", demo=demo,
    )  # fmt: skip


def subsidy_line(number: int, village: str = "李村", town: str = "孙武镇", verdict: str = "通过") -> SubsidyLine:
    return SubsidyLine(
        town=town, village=village, household=f"3716210{number:05d}", borrower="䶮㐂*", id_number=ID, contract=f"XEXD-{number:06d}",
        standing="国标贫困户", principal_fen=5_000_000, drawn_on=DRAWN, maturity=MATURITY, days=92, late_days=2,
        product_fen=450_000_000, rate_ppb=43_500_000, gov_ppb=30_450_000, whole_fen=54_375, subsidy_fen=38_063 + number,
        flags="逾期剔除", verdict=verdict,
    )  # fmt: skip


def subsidy_list(*lines: SubsidyLine) -> SubsidyList:
    payable = sum(one.subsidy_fen for one in lines if one.verdict == "通过")
    province = payable * 5 // 10
    return SubsidyList(
        issuer=BUREAU, bank=BANK, county="惠民县", number="TX-2017Q2-01", period="2017年第2季度", mode="直补银行", stage="批准",
        lines=lines, tiers=(("省", province), ("县", payable - province)), payable_fen=payable, reclaimed_fen=0, prepaid_fen=0,
        demo=False,
    )  # fmt: skip


def fund_statement(count: int = 3) -> FundStatement:
    lines, balance = [], 100_000_000
    for number in range(count):
        coming, going = (50_000_00 + number, 0) if number % 3 else (0, 1_234_56 + number)
        balance += coming - going
        lines.append(
            FundLine(
                day=date(2017, 4, 1) + timedelta(days=number), voucher=f"记-{number + 1}", counterparty="惠民县财政局",
                purpose="缴存" if coming else "代偿", narration="财政拨入专项资金" if coming else "拨付代偿款", in_fen=coming,
                out_fen=going, balance_fen=balance,
            )
        )  # fmt: skip
    return FundStatement(
        issuer=BUREAU, account="惠民县扶贫小额信贷风险补偿金", account_number="**** **** 4321", bank=BANK, county="惠民县", approval="",
        first_day=date(2017, 4, 1), last_day=date(2017, 4, 1) + timedelta(days=count - 1), reply_by=date(2017, 7, 17),
        opening_fen=100_000_000, lines=tuple(lines), closing_fen=balance, approved_unpaid_fen=2_000_000,
        covered_fen=500_000_000, leverage=10, share_ppb=700_000_000, demo=False,
    )  # fmt: skip


def claim(paper: ClaimPaper) -> ClaimFigures:
    return ClaimFigures(
        paper=paper, issuer=BUREAU, bank=BANK, county="惠民县", number="DC-2018-0003", day=date(2018, 7, 2), state="已代偿",
        borrower="𬭚*", id_number=ID, contract="XEXD-2017-000009", product="扶贫小额信贷", principal_fen=5_000_000, drawn_on=DRAWN,
        maturity=MATURITY, days_past_due=109, claim_after_days=90, pass_on_days=5, basis_fen=5_054_375, share_ppb=700_000_000,
        gov_fen=3_538_063, bank_fen=1_516_312, available_fen=80_000_000, filed_by="孙建", approved_by="周敏",
        paid_on=date(2018, 7, 2), shared_fen=700_000, passed_fen=420_000, lost_fen=0,
        steps=(
            ClaimStep(day=date(2018, 6, 20), kind="申请", fen=3_538_063, actor="孙建"),
            ClaimStep(day=date(2018, 7, 2), kind="拨付", fen=3_538_063, actor="吴*"),
        ),
        demo=False,
    )  # fmt: skip


def report_paper(count: int = 4) -> ReportPaper:
    columns = (
        ("科目编码", "text"),
        ("科目名称", "text"),
        ("期初余额", "fen"),
        ("本期借方", "fen"),
        ("本期贷方", "fen"),
        ("期末余额", "fen"),
    )
    rows = tuple(
        ReportRow("line", (f"10{n:02d}", "银行存款", 100 * n, 12_345, 2_345, 100 * n + 10_000)) for n in range(1, count + 1)
    )
    total = ReportRow("total", ("合计", None, *(sum(int(row.cells[at] or 0) for row in rows) for at in range(2, 6))))
    part = ReportPart(
        title="科目余额表", columns=tuple(ReportColumn(*one) for one in columns), rows=(*rows, total), notes=("借贷平衡。",)
    )
    return ReportPaper(issuer="惠民县风险补偿金专账", title="科目余额表", period="2017年6月", parts=(part,), demo=False)


def reconciliation() -> ReconciliationPaper:
    items = (
        OpenPosting(group="银行已收我未收", day=date(2017, 6, 21), text="结息", fen=12_345, days_open=9, overdue=False),
        OpenPosting(
            group="我已付银行未付", day=date(2017, 3, 1), text="记-12 拨付代偿款", fen=200_000, days_open=121, overdue=True
        ),
    )
    return ReconciliationPaper(
        issuer=BUREAU, book="惠民县风险补偿金专账", bank=BANK, account="**** 4321", as_of=date(2017, 6, 30), book_fen=1_000_000,
        bank_fen=1_212_345, items=items, adjusted_book_fen=1_012_345, adjusted_bank_fen=1_012_345, faults=(), maker="张建国",
        checker="李素芬", demo=False,
    )  # fmt: skip


def monthly() -> MonthlyReport:
    row = MonthlyRow(
        county="惠民县", bank=BANK, product="扶贫小额信贷", households=12, loans=10, lent_loans=13, lent_fen=65_000_000,
        year_fen=65_000_000, month_fen=5_000_000, repaid_fen=1_000_000, balance_fen=48_000_000, overdue_loans=1,
        overdue_fen=5_000_000, bad_fen=2_400_000,
    )  # fmt: skip
    return MonthlyReport(
        issuer=BUREAU, month=date(2017, 6, 1), last_day=date(2017, 6, 30), registered=40, borrowing=13,
        rows=(row, replace(row, bank="邮储银行"), replace(row, county="无棣县")), demo=False,
    )  # fmt: skip


def relending() -> RelendingRegister:
    loan = FundedLoan(
        contract="XEXD-2017-000001", product="扶贫小额信贷", borrower="朱镕*", id_number=ID, household="371621000001",
        lent_fen=5_000_000, rate_ppb=43_500_000, drawn_on=DRAWN, maturity=MATURITY, balance_fen=4_000_000, fen=4_000_000,
        since=DRAWN,
    )  # fmt: skip
    draw = DrawFigures(
        number="ZDK-2017-01", form="信用", fen=10_000_000, rate_ppb=17_500_000, drawn_on=date(2017, 3, 1), ends_on=date(2018, 3, 1),
        balance_fen=10_000_000, pledged_fen=0, earned_fen=43_500, cost_fen=17_500, idle="6,000,000 分自 2017-03-15", loans=(loan,),
    )  # fmt: skip
    return RelendingRegister(
        issuer=BUREAU, book="惠民农商行贷款备查账", day=date(2017, 6, 30), cap_ppb=43_500_000, document="银发〔2016〕91号",
        draws=(replace(draw, idle="60,000.00 元，自 2017-03-15"),), demo=False,
    )  # fmt: skip


def every() -> dict[str, Any]:
    """Return figures of every paper by name."""
    day = date(2017, 6, 30)
    found: dict[str, Any] = {
        "贷款对账单": statement(sheet(1), sheet(2, borrower="䶮㐂*")), "记账凭证": voucher(),
        "借款人对账单": BorrowerStatement(
            issuer=BANK, borrower="㐂*", first_day=date(2017, 1, 1), last_day=date(2017, 3, 31), loans=(sheet(),), demo=False
        ),
        "还款计划表": RepaymentPlan(
            issuer=BANK, borrower="䶮*", id_number=ID, contract="XEXD-2017-000001", product="扶贫小额信贷", principal_fen=5_000_000,
            drawn_on=DRAWN, maturity=MATURITY, rate_ppb=43_500_000, method="等额本金", as_of=day,
            payments=(
                PlannedPayment(number=1, due=date(2017, 9, 15), principal_fen=2_500_000, interest_fen=32_625, paid_fen=2_500_000, left_fen=2_500_000),
                PlannedPayment(number=2, due=MATURITY, principal_fen=2_500_000, interest_fen=16_313, paid_fen=0, left_fen=0),
            ), demo=False,
        ),
        "扶贫小额信贷贴息清单": subsidy_list(
            subsidy_line(1), subsidy_line(2), subsidy_line(3, "王庄"), subsidy_line(4, "赵集", "石庙镇"),
            subsidy_line(5, "赵集", "石庙镇", "借据有未决疑点"),
        ),
        "贴息资金拨付审批表": SubsidyApproval(
            issuer=BUREAU, bank=BANK, county="惠民县", number="TX-2017Q2-01", period="2017年第2季度", mode="直补银行", loans=4, rejected=1,
            payable_fen=152_262, reclaimed_fen=0, prepaid_fen=50_000, cash_fen=102_262, tiers=(("省", 76_131), ("县", 76_131)),
            prepared_by="张建国", approved_by="李素芬", approved_on=day, demo=False,
        ),
        "风险补偿金专户对账单": fund_statement(), "扶贫再贷款使用台账": relending(),
        "再贷款质押清单": PledgeList(
            issuer=BUREAU, book="惠民农商行贷款备查账", day=day, assets=(
                PledgedAsset(draw="ZDK-2017-02", serial="ZQ-1", asset="债券", face_fen=10_000_000, rate_ppb=950_000_000,
                             value_fen=9_500_000, start=date(2017, 3, 1), end=date(2020, 3, 1)),
            ), demo=False,
        ),
        "贷款催收通知书": Demand(
            issuer=BANK, bank=BANK, borrower="𬭚*", id_number=ID, contract="XEXD-2017-000009", product="扶贫小额信贷", day=date(2018, 7, 2),
            principal_fen=5_000_000, overdue_fen=5_000_000, interest_fen=54_375, penalty_fen=12_345, compound_fen=67,
            owed_fen=5_066_787, days_past_due=109, limitation_ends=date(2021, 3, 15), pay_by=date(2018, 7, 17), demo=False,
        ),
        "关于暂停发放扶贫小额信贷的通知": LendingNotice(
            issuer=BUREAU, bank=BANK, county="惠民县", stops=True, from_day=day, available_fen=10_000_000, covered_fen=100_000_000,
            cap_fen=100_000_000, overdue_fen=6_000_000, overdue_hundredths=600, reason="贵行在惠民县的扶贫小额信贷逾期率超过 5%", demo=False,
        ),
        "银行询证函": BankInquiry(
            issuer=BUREAU, bank=BANK, day=day, reply_by=date(2017, 7, 17),
            lines=(InquiryLine(kind="风险补偿金专户存款", account="**** 4321", balance_fen=123_456_789, note=""),), demo=False,
        ),
        "贷款展期协议": Extension(
            issuer=BANK, bank=BANK, borrower="朱镕*", id_number=ID, contract="XEXD-2017-000002", principal_fen=4_000_000, drawn_on=DRAWN,
            maturity=MATURITY, extended_to=date(2019, 3, 15), rate_ppb=47_500_000, subsidised=False, demo=False,
        ),
        "公示结果证明": Publicity(
            issuer="孙武镇人民政府", county="惠民县", subject="2017年第2季度贴息清单", first_day=date(2017, 7, 1), last_day=date(2017, 7, 7),
            loans=4, fen=152_262, objections=0, outcome="", demo=False,
        ),
        "科目余额表": report_paper(), "银行存款余额调节表": reconciliation(),
        "资金收付回单": Receipt(
            issuer=BUREAU, day=day, voucher="记-8", reference="fund/CZ-1", payer="惠民县财政局", payer_account="**** 0001",
            payer_bank="国库", payee="惠民县风险补偿金专户", payee_account="**** 4321", payee_bank=BANK, fen=10_700_053, purpose="缴存",
            narration="财政拨入专项资金", demo=False,
        ),
        "会计工作交接清单": Handover(
            issuer=BUREAU, book="惠民县风险补偿金专账", day=day, giver="张建国", taker="李素芬", supervisor="赵立新",
            things=(HandedOver(kind="凭证", name="2017年1—6月记账凭证", quantity="12 份", note="记-1 至 记-12"),),
            balances=(
                BalanceHandedOver(account="1004", title="其他财政存款", debit_fen=10_000, credit_fen=0),
                BalanceHandedOver(account="4007.01", title="专用基金收入", debit_fen=0, credit_fen=10_000),
            ), demo=False,
        ),
        "扶贫小额信贷月报": monthly(),
        "贷款五级分类迁徙表": MigrationTable(
            issuer=BUREAU, bank=BANK, since=date(2016, 12, 31), until=day, moves=(
                Moved(before="正常", after="正常", loans=9, fen=45_000_000), Moved(before="正常", after="次级", loans=1, fen=5_000_000),
                Moved(before="关注", after="结清", loans=2, fen=3_000_000),
            ), demo=False,
        ),
    }  # fmt: skip
    found |= {paper.value: claim(paper) for paper in ClaimPaper}
    return found
