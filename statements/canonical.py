"""Canonical figures (规范数据): what a paper states as one JSON text that is the same for ever, its SHA-256, and CSV tables.

A value is its fields by name; amounts are fen, rates parts per billion, dates ISO 8601. Keys are sorted, nothing is padded, and
the text is UTF-8, so that anybody can make the hash again.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from hashlib import sha256
from io import StringIO
from typing import Any


def canonical(figures: Any) -> Iterator[str]:
    """Yield the canonical text of figures piece by piece: a paper may have a hundred thousand loans."""
    names = sorted(_names(type(figures)))
    for place, name in enumerate(names):
        yield f"{',' if place else '{'}{json.dumps(name)}:"
        value = getattr(figures, name)
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            for at, one in enumerate(value):
                yield f"{',' if at else '['}{_ENCODER.encode(one)}"
            yield "]"
        else:
            yield _ENCODER.encode(value)
    yield "}"


def digest(figures: Any) -> str:
    """Return the SHA-256 of the canonical text, hexadecimal."""
    made = sha256()
    for piece in canonical(figures):
        made.update(piece.encode())
    return made.hexdigest()


def tables(figures: Any) -> dict[str, str]:
    """Return the figures as CSV by name: what they state once, and each list, whose rows name what they belong to."""
    made: dict[str, list[list[str]]] = {}
    _collect(figures, (), "figures", made)
    return {name: _csv(rows) for name, rows in made.items()}


def _names(kind: Any) -> tuple[str, ...]:
    return _names_of(kind)


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def _plain(value: Any) -> Any:
    """Return what JSON knows for what it does not."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return {name: getattr(value, name) for name in _names(type(value))}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_plain, check_circular=False)


def _collect(figures: Any, above: tuple[tuple[str, str], ...], name: str, made: dict[str, list[list[str]]]) -> None:
    """Add a value's row to its table, and the rows of its lists to theirs."""
    own: list[tuple[str, str]] = []
    lists: list[tuple[str, Sequence[Any]]] = []
    for key in _names(type(figures)):
        value = getattr(figures, key)
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            lists.append((key, value))
        elif isinstance(value, tuple):
            own.append((key, " ".join(map(str, value))))
        elif is_dataclass(value):
            own += [(f"{key}.{inner}", _said(getattr(value, inner))) for inner in _names(type(value))]
        else:
            own.append((key, _said(value)))
    row = [*above, *own]
    table = made.setdefault(name, [[key for key, _ in row]])
    table.append([value for _, value in row])
    for key, values in lists:
        place = f"{name}.{key}" if above or name != "figures" else key
        for at, one in enumerate(values, 1):
            _collect(one, (*above, (key, str(at))), place, made)


def _said(value: Any) -> str:
    return "" if value is None else str(value.value if isinstance(value, Enum) else value)


def _csv(rows: list[list[str]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return "\ufeff" + file.getvalue()
