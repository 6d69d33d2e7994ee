"""The adapters of published suites, on cases of our own making in their formats; the suites themselves lie outside."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT))
from tests.conformance import actus, china, fineract


def event(day: str, kind: str, payoff: str, notional: str) -> dict[str, Any]:
    return {"eventDate": f"{day}T00:00", "eventType": kind, "payoff": payoff, "notionalPrincipal": notional}


# 1,200 at 12 % by months of thirty days: 1 % a month. Reset to 24 % on 1 March: 2 % from then on.
RESET = {
    "id": "own1",
    "terms": {
        "contractType": "LAM", "initialExchangeDate": "2017-01-01T00:00:00", "maturityDate": "2017-05-01T00:00:00",
        "notionalPrincipal": "1200", "nextPrincipalRedemptionPayment": "300", "nominalInterestRate": "0.12",
        "dayCountConvention": "30E360", "cycleOfPrincipalRedemption": "P1ML0", "cycleOfInterestPayment": "P1ML0",
        "cycleAnchorDateOfPrincipalRedemption": "2017-02-01T00:00:00",
        "cycleAnchorDateOfInterestPayment": "2017-02-01T00:00:00", "cycleOfRateReset": "P1YL0",
        "cycleAnchorDateOfRateReset": "2017-03-01T00:00:00", "rateMultiplier": "2", "rateSpread": "0.04", "lifeCap": "0.24",
    },
    "observed": {"X": {"data": [{"timestamp": "2017-02-28T00:00:00", "value": "0.15"}]}},
    "to": None,
    "results": [
        event("2017-01-01", "IED", "-1200", "1200"),
        event("2017-02-01", "PR", "300", "900"), event("2017-02-01", "IP", "12", "900"),
        event("2017-03-01", "PR", "300", "600"), event("2017-03-01", "IP", "9", "600"),
        event("2017-03-01", "RR", "0", "600"),
        event("2017-04-01", "PR", "300", "300"), event("2017-04-01", "IP", "12", "300"),
        event("2017-05-01", "IP", "6", "300"), event("2017-05-01", "MD", "300", "0"),
    ],
}  # fmt: skip

# 1,000 at 12 %: 50 a month covers the 10 of interest and 40; interest of January is capitalised until 1 February.
NEGATIVE = {
    "id": "own2",
    "terms": {
        "contractType": "NAM", "initialExchangeDate": "2017-01-01T00:00:00", "maturityDate": "2017-04-01T00:00:00",
        "notionalPrincipal": "1000", "nextPrincipalRedemptionPayment": "5", "nominalInterestRate": "0.12",
        "dayCountConvention": "30E360", "cycleOfPrincipalRedemption": "P1ML0", "cycleOfInterestPayment": "P1ML0",
        "cycleAnchorDateOfPrincipalRedemption": "2017-02-01T00:00:00",
        "cycleAnchorDateOfInterestPayment": "2017-02-01T00:00:00",
    },
    "observed": {},
    "to": None,
    "results": [
        event("2017-02-01", "PR", "-5", "1005"), event("2017-02-01", "IP", "10", "1005"),
        event("2017-03-01", "PR", "-5.05", "1010.05"), event("2017-03-01", "IP", "10.05", "1010.05"),
        event("2017-04-01", "IP", "10.1005", "1010.05"), event("2017-04-01", "MD", "1010.05", "0"),
    ],
}  # fmt: skip

AT_END = {
    "id": "own3",
    "terms": {
        "contractType": "PAM", "initialExchangeDate": "2016-12-31T00:00:00", "maturityDate": "2017-12-31T00:00:00",
        "notionalPrincipal": "365", "nominalInterestRate": "0.1", "dayCountConvention": "A365",
    },
    "observed": {}, "to": None,
    "results": [event("2017-12-31", "IP", "36.5", "365"), event("2017-12-31", "MD", "365", "0")],
}  # fmt: skip

# 300 at 12 % in three months, half even: 300 × 0.01 ÷ (1 − 1.01⁻³) = 102.006…; 3.00 + 99.01, 2.01 + 100.00, 1.01 + 100.99.
FINERACT = {
    "id": "own4",
    "tags": ["cumulative", "declining", "calc_same_as_repayment_period", "equal_installments"],
    "loan_terms": {
        "submitted_on": "2017-01-31", "principal": "300", "annual_rate_pct": "12", "repayment_every": "1",
        "repayment_frequency": "MONTHS", "number_of_repayments": "3",
    },
    "events": [{"type": "disburse", "date": "2017-01-31"}],
    "expected": [
        {
            "rows": [
                {"nr": None, "date": "2017-01-31"},
                {"nr": "1", "date": "2017-02-28", "principal_due": "99.01", "interest": "3.0"},
                {"nr": "2", "date": "2017-03-31", "principal_due": "100.0", "interest": "2.01"},
                {"nr": "3", "date": "2017-04-30", "principal_due": "100.99", "interest": "1.01"},
            ]
        }
    ],
}  # fmt: skip

CHINA = {
    "id": "own5", "description": "等额本金 1,000 @12% 3期", "terms": {"principal": "1000", "annual_rate_pct": "12", "n": 3},
    "expected": {
        "0": {"principal": "333.33", "interest": "10.00", "remainingPrincipal": "666.67"},
        "2": {"principal": "333.34", "interest": "3.33", "instalment": "336.67"},
    },
}  # fmt: skip

CASES = [(actus, RESET), (actus, NEGATIVE), (actus, AT_END), (fineract, FINERACT), (china, CHINA)]


@pytest.mark.parametrize(("suite", "case"), CASES, ids=lambda value: value["id"] if isinstance(value, dict) else "")
def test_a_published_case_is_expressed_and_equal(suite: Any, case: dict[str, Any]) -> None:
    assert list(suite.differences(case)) == []


@pytest.mark.parametrize(
    ("suite", "case", "path"),
    [
        (actus, RESET, ("results", 4, "payoff")),
        (actus, NEGATIVE, ("results", 2, "notionalPrincipal")),
        (fineract, FINERACT, ("expected", 0, "rows", 2, "interest")),
        (china, CHINA, ("expected", "2", "principal")),
    ],
)
def test_a_figure_that_is_not_ours_is_told(suite: Any, case: dict[str, Any], path: tuple[Any, ...]) -> None:
    wrong = copy.deepcopy(case)
    place: Any = wrong
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "1.23"
    assert len(list(suite.differences(wrong))) == 1


def test_a_folder_of_cases_is_compared_case_by_case(tmp_path: Path) -> None:
    for suite, case in CASES:
        folder = tmp_path / suite.__name__.rpartition(".")[2]
        folder.mkdir(exist_ok=True)
        (folder / f"{case['id']}.json").write_text(json.dumps(case))
    told = subprocess.run(
        [sys.executable, "-m", "tests.conformance", tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [
        "actus own1 ok", "actus own2 ok", "actus own3 ok", "fineract own4 ok", "china own5 ok"
    ]  # fmt: skip
