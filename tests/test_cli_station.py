"""`fupin solar` as an operator meets it: a village's station, readings and corrections, settlements, what is open and missing."""

from test_cli_bank import Desk, desk

__all__ = ["desk"]

BOOK = ("--book", "PVA-371621")
ADD = ("solar", "station", "add", "V1", *BOOK, "--kind", "village", "--watts", "60000", "--connected", "2017-01-15")


def test_a_village_station_from_its_registration_to_its_cash(desk: Desk) -> None:
    assert "村级电站须写明产权人、收款账号" in desk.run(*ADD, "--tariff", "village", code=1)
    owned = (*ADD, "--tariff", "village", "--owner", "胡集村", "--account", "6217000099990001")
    assert "V1 registered" in desk.run(*owned)
    assert "already" in desk.run(*owned)
    listed = desk.run("solar", "station", "list", *BOOK)
    assert "0001" in listed
    assert "6217000099990001" not in listed
    assert "0.85" in desk.run("solar", "tariff", "--class", "village")
    assert "coal part (标杆电费) 149.16, subsidy (国家补贴) 190.84" in desk.run("solar", "read", "V1", "2017-02", "--kwh", "400")
    assert "请注明更正" in desk.run("solar", "read", "V1", "2017-02", "--kwh", "355", code=1)
    assert "132.38" in desk.run("solar", "read", "V1", "2017-02", "--kwh", "355", "--correct")
    assert "V1B from 2017-03" in desk.run("solar", "swap", "V1", "2017-03", "--old-end", "0", "--new-meter", "V1B")
    (desk.folder / "结算.csv").write_bytes(
        "户号,月份,流水号,到账日期,实付电费\nV1B,2017-02,A1,2017-03-01,140\n".encode("gb18030")
    )
    assert "imported 1 of 1 rows" in desk.run("solar", "settle", "import", "结算.csv")
    assert "未作任何更改" in desk.run("solar", "settle", "import", "结算.csv")
    due = desk.run("solar", "due", *BOOK, "--meter", "V1")
    assert "7.62" in due
    assert "留抵下月" in due
    missing = desk.run("solar", "missing", *BOOK, "--as-of", "2017-04-02")
    assert "未抄表" in missing
    assert "到账超过应收" in missing
    desk.run("solar", "missing", "--csv", "缺失.csv")
    assert "到账超过应收" in (desk.folder / "缺失.csv").read_text(encoding="utf-8-sig")
    assert "all ok" in desk.run("verify")
