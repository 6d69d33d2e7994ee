"""Terms as data: day counts as clocks, dates of a contract's own, rolling by convention, prepayment chosen at repayment.

Loans booked before keep what they had: a grace becomes a grace over its days, and the equal principal of before, whose parts
were cut off and not rounded and fell due on the 21st only, becomes the table of dates and amounts that it was.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"

_CLOCK = """
CREATE FUNCTION loans.year_ticks(day_count text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE day_count WHEN 'act/365' THEN 365 WHEN 'act/act' THEN 133590 ELSE 360 END
$$;
CREATE FUNCTION loans.reading(day_count text, anchor date, day date) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    y integer := extract(year FROM day);
    months integer;
BEGIN
    CASE day_count
        WHEN '30e/360' THEN
            RETURN 360 * y + 30 * extract(month FROM day)::integer + least(extract(day FROM day)::integer, 30);
        WHEN 'act/act' THEN
            RETURN 133590 * y + (day - make_date(y, 1, 1))
                                * CASE WHEN y % 4 = 0 AND (y % 100 <> 0 OR y % 400 = 0) THEN 365 ELSE 366 END;
        WHEN 'months/360' THEN
            months := 12 * (y - extract(year FROM anchor)::integer) + extract(month FROM day)::integer
                      - extract(month FROM anchor)::integer;
            IF day < (anchor + make_interval(months => months))::date THEN
                months := months - 1;
            END IF;
            RETURN 30 * months + (day - (anchor + make_interval(months => months))::date);
        ELSE
            RETURN day - DATE '0001-01-01';
    END CASE;
END
$$;
CREATE FUNCTION loans.ticks(day_count text, anchor date, first_day date, last_end date) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN day_count IN ('act/360', 'act/365') THEN (last_end - first_day)::bigint
                ELSE loans.reading(day_count, anchor, last_end) - loans.reading(day_count, anchor, first_day) END
$$;
GRANT EXECUTE ON FUNCTION loans.year_ticks(text), loans.reading(text, date, date), loans.ticks(text, date, date, date) TO fupin_app
"""

_STREAMS = """
ALTER TABLE loans.stream ADD COLUMN day_count text, ADD COLUMN anchor date, ADD COLUMN own_dates boolean NOT NULL DEFAULT false;
UPDATE loans.stream s SET day_count = 'act/' || s.basis, anchor = (l.terms ->> 'drawn_on')::date
  FROM loans.loan l WHERE l.book_id = s.book_id AND l.id = s.loan_id;
ALTER TABLE loans.stream ALTER COLUMN day_count SET NOT NULL, ALTER COLUMN anchor SET NOT NULL,
    ALTER COLUMN own_dates DROP DEFAULT, DROP COLUMN basis;
ALTER TABLE loans.charge ADD COLUMN day_count text;
UPDATE loans.charge SET day_count = 'act/' || basis;
ALTER TABLE loans.charge ALTER COLUMN day_count SET NOT NULL, DROP COLUMN basis;
DROP INDEX loans.ix_instalment_due;
ALTER TABLE loans.instalment ADD COLUMN rolling text, ADD COLUMN counts_nominal boolean NOT NULL DEFAULT false,
    ADD COLUMN charges boolean NOT NULL DEFAULT false;
UPDATE loans.instalment SET rolling = CASE WHEN rolls THEN 'following/chinese' ELSE 'same' END;
ALTER TABLE loans.instalment ALTER COLUMN rolling SET NOT NULL, ALTER COLUMN counts_nominal DROP DEFAULT,
    ALTER COLUMN charges DROP DEFAULT, DROP COLUMN rolls;
CREATE INDEX ix_instalment_due ON loans.instalment (nominal_date)
    WHERE known_to_seq IS NULL AND (charges OR NOT overdue AND paid_fen <> principal_fen);
UPDATE loans.accrual_figure SET whole_units = whole_units * 61 / 5, gov_units = gov_units * 61 / 5
"""

_EVENTS = """
ALTER TABLE loans.event DISABLE TRIGGER append_only;
UPDATE loans.event
   SET body = body - 'ahead' || jsonb_build_object('prepays', CASE WHEN (body ->> 'ahead')::boolean THEN 'ahead' ELSE 'shorter' END)
 WHERE kind = 'repaid';
ALTER TABLE loans.event ENABLE TRIGGER append_only
"""


def upgrade() -> None:
    for script in (_CLOCK, _STREAMS, _EVENTS):
        op.execute(script)
    connection = op.get_bind()
    rows = connection.execute(text("SELECT book_id, id, terms FROM loans.loan")).all()
    for book_id, loan_id, terms in rows:
        connection.execute(
            text("UPDATE loans.loan SET terms = CAST(:terms AS jsonb) WHERE book_id = :book AND id = :loan"),
            {"terms": json.dumps(_terms(terms)), "book": book_id, "loan": loan_id},
        )


def _terms(old: Mapping[str, Any]) -> dict[str, Any]:
    new = {name: value for name, value in old.items() if name not in ("basis", "grace_until")}
    new["day_count"] = f"act/{old['basis']}"
    if old["method"] == "equal_principal":
        table = list(_parts(old))
        maturity = max(old["maturity"], table[-1][0])
        new |= {"method": "custom", "table": table, "maturity": maturity, "rolling": {"convention": "same"}}
    return new


def _parts(old: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield [date, fen] of equal principal as it was: the 21sts after the grace, whole fen cut off, the last takes the rest."""
    start, maturity = date.fromisoformat(old["drawn_on"]), date.fromisoformat(old["maturity"])
    spared = date.fromisoformat(old["grace_until"]) if old["grace_until"] else start
    ends = [date(y, m, 20) for y in range(start.year, maturity.year + 1) for m in (3, 6, 9, 12)]
    ends = [day for day in ends if start <= day <= maturity and day > spared]
    each = old["principal_fen"] // len(ends)
    for number, day in enumerate(ends, start=1):
        yield [
            (day + timedelta(days=1)).isoformat(),
            old["principal_fen"] - each * (len(ends) - 1) if number == len(ends) else each,
        ]
