"""The kinds of file: what each column means and which verb takes the rows. One importer per kind."""

from collections.abc import Mapping

from app.imports import aftercare, applying, backing, lending, oversight, relending, subsidising
from app.imports.batch import Importer
from app.imports.cells import (
    Column,
    account_cell,
    age_cell,
    any_id_cell,
    code_cell,
    date_cell,
    fen_cell,
    month_cell,
    months_cell,
    number_cell,
    one_of,
    percent_ppb_cell,
    person_id_cell,
    phone_cell,
    rate_cap_cell,
    share_ppb_cell,
    signed_fen_cell,
    spread_ppb_cell,
    text_cell,
    whole_cell,
    words_cell,
    zero_or_more_fen_cell,
)
from app.imports.lookup import AMOUNT, BANK, CONTRACT, CONTRACTS, COUNTY, DAY, SERIAL
from app.imports.subsidising import PERIOD, STEP, WAY, WHO, WHY
from guarantees.claims.rules import PAPERS
from ledger.books import BookKind
from loans.classification import RiskClass
from loans.products import products
from loans.relending.draw import Form
from loans.relending.pledge import Asset
from loans.subsidy.schemes import Mode
from loans.suspicions.dunnings import WAYS
from loans.terms import GraceKind, Method
from loans.terms.rates import references
from solar.stations import KIND_NAMES
from solar.tariffs import tariffs

_PRODUCTS = {name: product.code for product in products() for name in (product.name, product.code)}
_PLACE = (Column(COUNTY, text_cell), Column(BANK, text_cell))
_METHODS = {"按期付息到期还本": Method.BULLET, "等额本金": Method.EQUAL_PRINCIPAL, "等额本息": Method.EQUAL_INSTALMENT}
_GRACES = {
    "延期还本": GraceKind.PRINCIPAL_DEFERRED, "延期付息": GraceKind.INTEREST_DEFERRED,
    "利息转本": GraceKind.INTEREST_CAPITALISED, "免息": GraceKind.INTEREST_FREE,
}  # fmt: skip
_REFERENCES = {name: reference.code for reference in references().values() for name in (reference.code, reference.name)}
_PAYMENTS = {"还款": "repaid", "减额还款": "smaller", "预存": "ahead", "冲正": "reversed", "垫付费用": "cost", "退款": "refund"}
_WAYS = {"先收后贴": Mode.HOUSEHOLD_FIRST, "直贴银行": Mode.TO_BANK, "预拨清算": Mode.PREPAID}
_DRAW_STEPS = {"借入": "drawn", "展期": "extended", "归还": "repaid"}
_YES_NO = {"是": True, "否": False}
_TARIFFS = {name: one.code for one in tariffs().classes.values() for name in (one.name, one.code)}
_LOAN = (*_PLACE, Column(CONTRACT, code_cell))
_WANTED = (
    *_LOAN, Column("产品", one_of(_PRODUCTS)), Column("借款人", text_cell), Column("证件号码", any_id_cell),
    Column("建档立卡号", text_cell, required=False), Column(AMOUNT, fen_cell), Column("年利率(%)", percent_ppb_cell),
    Column("放款日期", date_cell), Column("到期日期", date_cell), Column("用途", text_cell, required=False),
    Column("参考利率", one_of(_REFERENCES), required=False), Column("加点(%)", spread_ppb_cell, required=False),
    Column("重定价周期(月)", months_cell, required=False), Column("贴息", one_of(_YES_NO), required=False),
    Column("风险补偿", one_of(_YES_NO), required=False),
)  # fmt: skip

_ALL = (
    Importer(
        kind="households", title="建档立卡户", unique=("建档立卡号",),
        apply=lending.households, undo=lending.undo_households,
        columns=(
            Column(COUNTY, text_cell), Column("建档立卡号", text_cell), Column("村", text_cell), Column("户主姓名", text_cell),
            Column("身份证号", person_id_cell), Column("人口", whole_cell),
            Column("识别标准", one_of({"国家": "national", "市定": "city", "监测": "monitored"})), Column("识别日期", date_cell),
            Column("一卡通账号", text_cell, required=False),
        ),
    ),
    Importer(
        kind="policies", title="政策参数", unique=(COUNTY, BANK, "产品", "生效日期"),
        apply=oversight.policies, undo=oversight.undo_policies,
        columns=(
            Column(COUNTY, text_cell), Column(BANK, text_cell, required=False), Column("产品", one_of(_PRODUCTS)),
            Column("生效日期", date_cell), Column("文件", text_cell), Column("限建档立卡", one_of(_YES_NO), required=False),
            Column("余额上限(元)", fen_cell, required=False), Column("贴息本金上限(元)", fen_cell, required=False),
            Column("风险补偿本金上限(元)", fen_cell, required=False), Column("期限上限(月)", months_cell, required=False),
            Column("利率上限(%)", rate_cap_cell, required=False), Column("最低年龄", age_cell, required=False),
            Column("最高年龄", age_cell, required=False), Column("禁止用途", words_cell, required=False),
            Column("须审批", one_of(_YES_NO), required=False), Column("展期续贷次数上限", whole_cell, required=False),
            Column("更正", one_of(_YES_NO), required=False),
        ),
    ),
    Importer(
        kind="loans", title="贷款发放", unique=(COUNTY, BANK, CONTRACT),
        apply=lending.loans, undo=lending.undo_loan_events,
        columns=(
            *_WANTED, Column("首次放款(元)", fen_cell, required=False), Column("收款人", text_cell, required=False),
            Column("收款账号", account_cell, required=False), Column("联系电话", phone_cell, required=False),
        ),
    ),
    Importer(
        kind="applications", title="贷款申请", unique=(COUNTY, BANK, "申请编号"),
        apply=applying.applications, undo=applying.undo_applications,
        columns=(
            *_WANTED, Column("续贷原借据号", code_cell, required=False), Column("申请编号", code_cell),
            Column("申请日期", date_cell), Column("经办人", text_cell),
        ),
    ),
    Importer(
        kind="approvals", title="审批", unique=(COUNTY, BANK, SERIAL),
        apply=applying.approvals, undo=applying.undo_approvals,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column("结论", one_of(applying.VERDICTS)),
            Column("审批人", text_cell), Column("理由", text_cell, required=False),
        ),
    ),
    Importer(
        kind="drawings", title="分次放款", unique=(COUNTY, BANK, SERIAL),
        apply=lending.drawings, undo=lending.undo_loan_events,
        columns=(*_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell)),
    ),
    Importer(
        kind="renewals", title="无还本续贷", unique=(COUNTY, BANK, CONTRACT),
        apply=lending.renewals, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column("新借据号", code_cell), Column(AMOUNT, fen_cell), Column("年利率(%)", percent_ppb_cell),
            Column("放款日期", date_cell), Column("到期日期", date_cell),
        ),
    ),
    Importer(
        kind="repayments", title="还款", unique=(COUNTY, BANK, SERIAL, "类型"),
        apply=lending.repayments, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell),
            Column("类型", one_of(_PAYMENTS)),
        ),
    ),
    Importer(
        kind="take-overs", title="接管", unique=(COUNTY, BANK, CONTRACT),
        apply=aftercare.take_overs, undo=lending.undo_loan_events,
        columns=(
            *_WANTED, Column(SERIAL, code_cell), Column(aftercare.TAKEN_ON, date_cell), Column(aftercare.LEFT, fen_cell),
            Column(aftercare.UNCHARGED_FROM, date_cell), Column(aftercare.ARREARS_SINCE, date_cell, required=False),
            *(Column(heading, zero_or_more_fen_cell, required=False) for heading in aftercare.ARREARS),
        ),
    ),
    Importer(
        kind="joint-repayments", title="多笔归还", unique=(COUNTY, BANK, SERIAL),
        apply=aftercare.joint_repayments, undo=lending.undo_loan_events,
        columns=(
            *_PLACE, Column(SERIAL, code_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell), Column(CONTRACTS, words_cell),
            Column("指定清偿", words_cell, required=False), Column("有担保借据", words_cell, required=False),
        ),
    ),
    Importer(
        kind="misuses", title="挪用认定", unique=(COUNTY, BANK, SERIAL),
        apply=aftercare.misuses, undo=lending.undo_loan_events,
        columns=(*_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell)),
    ),
    Importer(
        kind="graces", title="宽限", unique=(COUNTY, BANK, SERIAL),
        apply=aftercare.graces, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column("宽限种类", one_of(_GRACES)),
            Column("宽限至", date_cell),
        ),
    ),
    Importer(
        kind="extensions", title="展期", unique=(COUNTY, BANK, SERIAL),
        apply=lending.extensions, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column("签订日期", date_cell), Column("新到期日", date_cell),
            Column("年利率(%)", percent_ppb_cell, required=False),
        ),
    ),
    Importer(
        kind="restructurings", title="债务重组", unique=(COUNTY, BANK, SERIAL),
        apply=lending.restructurings, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column("签订日期", date_cell), Column("新到期日", date_cell),
            Column("年利率(%)", percent_ppb_cell), Column("贴息率(%)", percent_ppb_cell, required=False),
            Column("还款方式", one_of(_METHODS), required=False), Column("还款间隔(月)", months_cell, required=False),
            Column("延期还本至", date_cell, required=False),
        ),
    ),
    Importer(
        kind="inheritances", title="借款人变更", unique=(COUNTY, BANK, SERIAL),
        apply=lending.inheritances, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column("继承人", text_cell),
            Column("证件号码", person_id_cell), Column("建档立卡号", text_cell, required=False),
            Column("继续贴息", one_of(_YES_NO)),
        ),
    ),
    Importer(
        kind="classifications", title="五级分类", unique=(COUNTY, BANK, SERIAL),
        apply=lending.classifications, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell),
            Column("分类", one_of({found.label: found for found in RiskClass})), Column("理由", text_cell),
        ),
    ),
    Importer(
        kind="match-lists", title="比对名单", unique=("名单类型", "身份证号", "自日期"),
        apply=oversight.match_lists, undo=oversight.undo_match_lists,
        columns=(
            Column("名单类型", text_cell), Column("身份证号", person_id_cell), Column("姓名", text_cell),
            Column("自日期", date_cell), Column("至日期", date_cell, required=False), Column("来源", text_cell),
        ),
    ),
    Importer(
        kind="dunnings", title="催收记录", unique=(COUNTY, BANK, SERIAL),
        apply=oversight.dunnings, undo=oversight.undo_dunnings,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell),
            Column("方式", one_of({way: way for way in WAYS})), Column("结果", text_cell),
            Column("催收人", text_cell, required=False), Column("签收", one_of(_YES_NO), required=False),
            Column("文书号", text_cell, required=False), Column("SHA-256", text_cell, required=False),
        ),
    ),
    Importer(
        kind="fund-receipts", title="资金到账", unique=(COUNTY, SERIAL),
        apply=backing.fund_receipts, undo=backing.undo_fund_receipts,
        columns=(
            *_PLACE, Column("资金", one_of({"风险补偿金": BookKind.COMPENSATION, "贴息资金": BookKind.SUBSIDY})),
            Column(SERIAL, code_cell), Column(DAY, date_cell), Column(AMOUNT, fen_cell),
            Column("摘要", text_cell, required=False),
        ),
    ),
    Importer(
        kind="subsidy-schemes", title="贴息办法", unique=(COUNTY, "产品", "生效日期"),
        apply=subsidising.schemes, undo=subsidising.undo_schemes,
        columns=(
            Column(COUNTY, text_cell), Column("产品", one_of(_PRODUCTS)), Column("生效日期", date_cell),
            Column("文件", text_cell), Column(WAY, one_of(_WAYS)),
            Column("结算周期", one_of({"按月": "month", "按季": "quarter", "按年": "year"})),
            Column("年度起始月", whole_cell, required=False),
            Column("贴息标准", one_of({"全额": "full", "比例": "percent", "点数": "points"})),
            Column("标准(%)", share_ppb_cell, required=False), Column("后段起始月", months_cell, required=False),
            Column("后段标准(%)", share_ppb_cell, required=False), Column("展期贴息", one_of({"是": True, "否": False})),
            Column("省级(%)", share_ppb_cell, required=False), Column("市级(%)", share_ppb_cell, required=False),
            Column("县级(%)", share_ppb_cell, required=False),
        ),
    ),
    Importer(
        kind="subsidies", title="贴息批次", unique=(COUNTY, BANK, PERIOD, WAY, STEP, CONTRACT, SERIAL),
        apply=subsidising.subsidies, undo=subsidising.undo_subsidies,
        columns=(
            *_PLACE, Column(PERIOD, code_cell), Column(WAY, one_of(_WAYS)),
            Column(STEP, one_of({
                "编制": "prepare", "剔除": "reject", "终局剔除": "refuse", "恢复": "restore", "批准": "approve", "拨付": "pay",
                "退回": "return", "重付": "repay", "收回": "refund", "作废": "cancel",
            })),
            Column(DAY, date_cell), Column(WHO, text_cell), Column(CONTRACT, code_cell, required=False),
            Column(AMOUNT, fen_cell, required=False), Column(SERIAL, code_cell, required=False),
            Column(WHY, text_cell, required=False),
        ),
    ),
    Importer(
        kind="subsidy-stops", title="停止贴息", unique=(COUNTY, BANK, SERIAL),
        apply=subsidising.stops, undo=lending.undo_loan_events,
        columns=(
            *_LOAN, Column(SERIAL, code_cell), Column(DAY, date_cell), Column("不符起始日", date_cell, required=False),
            Column(WHY, text_cell),
        ),
    ),
    Importer(
        kind="subsidy-advances", title="贴息预拨", unique=(COUNTY, BANK, SERIAL),
        apply=subsidising.advances, undo=subsidising.undo_advances,
        columns=(
            *_PLACE, Column(SERIAL, code_cell), Column(DAY, date_cell), Column(WHO, text_cell), Column(AMOUNT, signed_fen_cell),
        ),
    ),
    Importer(
        kind="subsidy-lists", title="银行贴息清单", unique=(COUNTY, BANK, PERIOD, CONTRACT),
        apply=subsidising.bank_lists, undo=subsidising.undo_bank_lists,
        columns=(
            *_LOAN, Column(PERIOD, code_cell), Column("制表日期", date_cell), Column("本金余额(元)", zero_or_more_fen_cell),
            Column("合同利息(元)", zero_or_more_fen_cell), Column("贴息金额(元)", zero_or_more_fen_cell),
            Column("逾期天数", whole_cell),
        ),
    ),
    Importer(
        kind="relending", title="扶贫再贷款", unique=(COUNTY, BANK, "借款编号", "类型", "借款日", "到期日", SERIAL),
        apply=relending.relending, undo=relending.undo_relending,
        columns=(
            *_PLACE, Column("借款编号", code_cell), Column("类型", one_of(_DRAW_STEPS)),
            Column(AMOUNT, fen_cell), Column("年利率(%)", percent_ppb_cell), Column("借款日", date_cell),
            Column("到期日", date_cell, required=False), Column(SERIAL, code_cell, required=False),
            Column("方式", one_of({form.label: form for form in Form}), required=False),
        ),
    ),
    Importer(
        kind="pledges", title="再贷款质押", unique=(COUNTY, BANK, "借款编号", "质押编号", "类型"),
        apply=relending.pledges, undo=relending.undo_pledges,
        columns=(
            *_PLACE, Column("借款编号", code_cell), Column("质押编号", code_cell),
            Column("类型", one_of({"入库": "pledged", "解押": "released"})), Column(DAY, date_cell),
            Column("质押物", one_of({asset.label: asset for asset in Asset}), required=False),
            Column("面值(元)", fen_cell, required=False), Column("到期日", date_cell, required=False),
        ),
    ),
    Importer(
        kind="stations", title="光伏电站", unique=("电表号",),
        apply=backing.stations, undo=backing.undo_stations,
        columns=(
            Column(COUNTY, text_cell), Column(BANK, text_cell, required=False), Column(CONTRACT, code_cell, required=False),
            Column("电表号", code_cell), Column("建档立卡号", text_cell, required=False), Column("容量(kW)", number_cell),
            Column("并网日期", date_cell), Column("还贷比例(%)", whole_cell, required=False),
            Column("类型", one_of(KIND_NAMES), required=False), Column("产权人", text_cell, required=False),
            Column("收款账号", account_cell, required=False), Column("电价类别", one_of(_TARIFFS), required=False),
            Column("起始示数(kWh)", number_cell, required=False),
        ),
    ),
    Importer(
        kind="solar-settlements", title="光伏结算", unique=("电表号", "月份", SERIAL),
        apply=backing.settlements, undo=backing.undo_settlements,
        columns=(
            Column("电表号", code_cell), Column("月份", month_cell, required=False),
            Column("上网电量(kWh)", number_cell, required=False), Column("表底示数(kWh)", number_cell, required=False),
            Column("标杆电费(元)", zero_or_more_fen_cell, required=False),
            Column("国家补贴(元)", zero_or_more_fen_cell, required=False),
            Column("估算", one_of(_YES_NO), required=False), Column("更正", one_of(_YES_NO), required=False),
            Column(SERIAL, code_cell, required=False), Column("到账日期", date_cell, required=False),
            Column("到账标杆电费(元)", zero_or_more_fen_cell, required=False),
            Column("到账国家补贴(元)", zero_or_more_fen_cell, required=False),
        ),
    ),
    Importer(
        kind="claims", title="代偿", unique=(COUNTY, BANK, "代偿编号", "环节", SERIAL),
        apply=backing.claims, undo=backing.undo_claims,
        columns=(
            *_LOAN, Column("代偿编号", code_cell),
            Column("环节", one_of({
                "申请": "file", "审核": "check", "退回": "return", "批准": "approve", "拨付": "pay", "撤销": "cancel",
                "划回": "pass", "核销": "write_off",
            })),
            Column(DAY, date_cell), Column("经办人", text_cell), Column(AMOUNT, fen_cell, required=False),
            Column(SERIAL, code_cell, required=False), Column("理由", text_cell, required=False),
        ),
    ),
    Importer(
        kind="claim-papers", title="代偿材料", unique=(COUNTY, BANK, CONTRACT, "材料", "SHA-256"),
        apply=backing.claim_papers, undo=backing.undo_claim_papers,
        columns=(
            *_LOAN, Column("材料", one_of({paper: paper for paper in PAPERS})), Column(DAY, date_cell),
            Column("SHA-256", text_cell), Column("页数", whole_cell),
        ),
    ),
)  # fmt: skip

IMPORTERS: Mapping[str, Importer] = {importer.kind: importer for importer in _ALL}
