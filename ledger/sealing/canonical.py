"""Canonical text (规范文本): what of a row is hashed, the same on every machine and readable by any program (docs/seals.md).

A row is written as its fields in order of their names, `name length value` and a line feed each, the table's name first.
The length counts the value's bytes in UTF-8, so that nothing in a value can pass for another field. A null is not
written: empty and absent differ, and a column that is added later leaves older rows as they were. PostgreSQL writes the
text with functions of its own only; whoever owns the database can't bend them without bending the server.
"""

from functools import cache

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

_FORMS = {
    Text: "{0}",
    SmallInteger: "{0}::text",
    Integer: "{0}::text",
    BigInteger: "{0}::text",
    Date: "{0}::text",
    DateTime: "coalesce(date_trunc('second', {1})::text || to_char({1}, '.US') || 'Z', {1}::text)",
    LargeBinary: "encode({0}, 'hex')",
    JSONB: "{0}::text",
}
"""How a type is written in SQL; {0} is the column, {1} the column at UTC. `ledger.db.engine_as` makes dates ISO."""


@cache
def canonical_sql(table: Table, alias: str) -> str:
    """Return the SQL expression of a row's canonical text.

    Raises:
        TypeError: a column is of a type that has no canonical form yet.
    """
    fields = [f"'{_field('table', table.fullname)}'"]
    fields += [_field_sql(column, alias) for column in sorted(table.columns, key=lambda column: column.name)]
    return f"concat({', '.join(fields)})"


def _field(name: str, value: str) -> str:
    return f"{name} {len(value.encode())} {value}\n"


def _field_sql(column: Column[object], alias: str) -> str:
    """Return the SQL of a field: null for a null, which `concat` passes over."""
    form = _FORMS.get(type(column.type))
    if form is None:
        raise TypeError(f"{column} is of a type that can't be sealed: {column.type!r}")
    name = f'{alias}."{column.name}"'
    value = form.format(name, f"({name} AT TIME ZONE 'UTC')")
    return f"'{column.name} ' || octet_length({value}) || ' ' || {value} || E'\\n'"
