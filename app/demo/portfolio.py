"""The demo's portfolio: deterministic households, loans and lives that add up to the article's figures.

Facts are the sums: 15,700 万 of small loans, 600 of them 光伏农户贷 of 40,000 元. Who borrows, when, and how it goes are
assumptions (accounting.md, last section). All people, IDs and enterprises are fictitious: their ID numbers begin with
3799, which no prefecture has.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.opening import Bank, County, Plan
from ledger.calendar import add_months, following_working_day, is_working_day
from registry.identity import id_check_digit, uscc_check_digit

SEED = 20171017
SMALL_LOANS, SOLAR_LOANS = 3_000, 600
SMALL_YUAN, SOLAR_YUAN_EACH = 133_000_000, 40_000
ENTERPRISES, ENTERPRISE_YUAN = 80, 2_000_000
FIRST, LAST = date(2016, 1, 1), date(2017, 10, 17)


@dataclass(frozen=True, slots=True)
class Place:
    """A county, its bank, and its weight in the portfolio (per thousand)."""

    county: str
    name: str
    bank: str
    weight: int


PLACES = (
    Place("371621", "惠民县", "HMRCB", 215), Place("371622", "阳信县", "YXRCB", 185), Place("371623", "无棣县", "WDRCB", 180),
    Place("371603", "沾化区", "ZHRCB", 190), Place("371602", "滨城区", "BZCCB", 80), Place("371625", "博兴县", "BZCCB", 75),
    Place("371626", "邹平县", "BZCCB", 75),
)  # fmt: skip
BANKS = {
    "HMRCB": "惠民农村商业银行（演示）", "YXRCB": "阳信农村商业银行（演示）", "WDRCB": "无棣农村商业银行（演示）",
    "ZHRCB": "沾化农村商业银行（演示）", "BZCCB": "滨州城市商业银行（演示）",
}  # fmt: skip
CITY = Plan(
    first=FIRST, mark="（演示数据）",
    banks=tuple(Bank(code=code, name=name, rural=code != "BZCCB") for code, name in BANKS.items()),
    counties=tuple(County(name=place.name, banks=(place.bank,), supervisor="会计主管（演示）") for place in PLACES),
)  # fmt: skip
"""The books that the demo begins with."""

_SURNAMES = "王李张刘陈杨赵孙周徐胡朱高郭何马罗郑梁谢韩冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏㐂"
_GIVEN = "伟芳秀英敏静丽强磊军洋勇艳杰涛明超兰霞平刚桂玉红文华建国春梅玲海燕德福贵龙凤山林树根生全有田喜双䶮"
_TOWNS = ("胡集镇", "石庙镇", "麻店镇", "河流镇", "小泊头镇", "车王镇", "下洼镇", "冯家镇", "里则镇", "兴福镇")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoHousehold:
    """A fictitious household."""

    place: Place
    number: str
    village: str
    head: str
    head_id: str
    persons: int
    standard: str
    registered_on: date
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLoan:
    """A loan and how its life goes: `repaid_on` when the borrower pays it back, `ending` by which story."""

    place: Place
    contract: str
    product: str
    borrower: str
    borrower_id: str
    household: str
    yuan: int
    rate: str
    drawn_on: date
    maturity: date
    purpose: str
    ending: str
    acts_on: date | None


def households() -> list[DemoHousehold]:
    """Return one household per small loan, and thirty of the city's own standard, which may not borrow."""
    rng = random.Random(SEED)
    found = []
    serial = 0
    for place, count in _shares(SMALL_LOANS + SOLAR_LOANS):
        for number in range(count + (30 if place.county == "371626" else 0)):
            serial += 1
            born = date(1951, 1, 1) + timedelta(days=rng.randrange(17_000))
            stem = f"3799{1 + serial % 40:02}{born:%Y%m%d}{serial // 40:03}"
            name = rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, rng.choice((1, 2, 2))))
            found.append(
                DemoHousehold(
                    place=place, number=f"{place.county}{number + 1:06}", village=f"{rng.choice(_TOWNS)}演示{1 + number % 40}村",
                    head=name, head_id=stem + id_check_digit(stem), persons=rng.randint(1, 6),
                    standard="市定" if number >= count else "国家", registered_on=date(2015, 12, 1),
                    account=f"6223{rng.randrange(10**15):015}",
                )
            )  # fmt: skip
    return found


def loans(homes: list[DemoHousehold]) -> list[DemoLoan]:
    """Return all loans of the demo in order of date, county and contract."""
    rng = random.Random(SEED + 1)
    yuan = _amounts(rng)
    eligible = [home for home in homes if home.standard == "国家"]
    rng.shuffle(eligible)
    by_place: dict[str, list[DemoLoan]] = {}
    for index, home in enumerate(eligible):
        solar = index < SOLAR_LOANS
        made = _solar_loan(rng, home) if solar else _small_loan(rng, home, yuan[index - SOLAR_LOANS])
        by_place.setdefault(home.place.county, []).append(made)
    for place in PLACES[:4]:
        by_place[place.county] += list(_enterprise_loans(rng, place))
    numbered = []
    for place in PLACES:
        ordered = sorted(by_place[place.county], key=lambda loan: (loan.drawn_on, loan.borrower_id))
        for number, loan in enumerate(ordered, start=1):
            numbered.append(replace(loan, contract=f"{loan.product[:2]}{place.county}{number:05}"))
    return sorted(numbered, key=lambda loan: (loan.drawn_on, loan.place.county, loan.contract))


def _shares(whole: int) -> Iterator[tuple[Place, int]]:
    left = whole
    for place in PLACES[:-1]:
        count = whole * place.weight // 1000
        left -= count
        yield place, count
    yield PLACES[-1], left


def _amounts(rng: random.Random) -> list[int]:
    """Return the small loans' amounts: 50,000 元 less a ten or two here and there, exactly 13,300 万 in all."""
    tens = [0] * 1_500 + [1] * 1_300 + [2] * 200
    rng.shuffle(tens)
    amounts = [50_000 - 10_000 * ten for ten in tens]
    if sum(amounts) != SMALL_YUAN:
        raise ValueError(sum(amounts))
    return amounts


def _lending_day(rng: random.Random, first: date, last: date, place: Place) -> date:
    """Return one of the days on which a county's bank lends: a working day every other week."""
    weeks = (last - first).days // 14
    day = first + timedelta(days=14 * rng.randrange(weeks) + PLACES.index(place))
    return following_working_day(day)


def _small_loan(rng: random.Random, home: DemoHousehold, yuan: int) -> DemoLoan:
    drawn = _lending_day(rng, date(2016, 3, 1), date(2017, 10, 10), home.place)
    months = rng.choices((12, 24, 36), (55, 15, 30))[0]
    maturity = add_months(drawn, months)
    ending, acts_on = _ending(rng, drawn, maturity)
    return DemoLoan(
        place=home.place, contract="", product="XEXD", borrower=home.head, borrower_id=home.head_id, household=home.number,
        yuan=yuan, rate="4.35" if months == 12 else "4.75" if home.place.bank == "BZCCB" else "4.35", drawn_on=drawn,
        maturity=maturity, purpose=rng.choice(("养羊", "养牛", "蔬菜大棚", "冬枣种植", "草编加工", "水产养殖")), ending=ending,
        acts_on=acts_on,
    )  # fmt: skip


def _ending(rng: random.Random, drawn: date, maturity: date) -> tuple[str, date | None]:
    """Choose how a loan goes: paid on time, early, late, extended, or not at all."""
    due = following_working_day(maturity)
    luck = rng.random()
    if luck < 0.08:
        friday = drawn + timedelta(days=rng.randint(90, 330))
        friday += timedelta(days=(4 - friday.weekday()) % 7)
        return "early", following_working_day(friday)
    if due > LAST:
        return "running", None
    if luck < 0.80:
        return "on time", due
    if luck < 0.90:
        late = due + timedelta(days=rng.choice((7, 14, 28, 49)))
        return "late", following_working_day(late)
    if luck < 0.96:
        return "extended", maturity - timedelta(days=10)
    return "defaulted", None


def _solar_loan(rng: random.Random, home: DemoHousehold) -> DemoLoan:
    drawn = _lending_day(rng, date(2016, 9, 1), date(2017, 9, 25), home.place)
    return DemoLoan(
        place=home.place, contract="", product="GFNH", borrower=home.head, borrower_id=home.head_id, household=home.number,
        yuan=SOLAR_YUAN_EACH, rate="4.9", drawn_on=drawn, maturity=add_months(drawn, 120), purpose="屋顶光伏 5 kW",
        ending="solar", acts_on=None,
    )  # fmt: skip


def _enterprise_loans(rng: random.Random, place: Place) -> Iterator[DemoLoan]:
    for number in range(ENTERPRISES // 4):
        stem = f"92{place.county}MA3{PLACES.index(place)}{number:05}"[:17].ljust(17, "0")
        drawn = date(2016, 1, 11) + timedelta(days=7 * (number % 8))
        drawn = drawn if is_working_day(drawn) else following_working_day(drawn)
        yield DemoLoan(
            place=place, contract="", product="FMSC", borrower=f"{place.name}演示{number + 1}号合作社",
            borrower_id=stem + uscc_check_digit(stem), household="", yuan=ENTERPRISE_YUAN, rate="4.35", drawn_on=drawn,
            maturity=add_months(drawn, 36), purpose="带动建档立卡户 40 户", ending=rng.choice(("payer",) * 19 + ("late payer",)),
            acts_on=None,
        )  # fmt: skip
