"""Reading forms (报表格式) from their files, strictly: what can't be meant is refused with a sentence."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ledger.books import BookKind
from ledger.chart import CHARTS
from ledger.queries import DIMENSIONS
from ledger.reports.completeness import check_complete
from ledger.reports.errors import BadForm
from ledger.reports.form import Begins, Complete, Form, FormColumn, FormLine, FormNote, FormTie, Layout, Span
from ledger.reports.formula import BadFormula, Figure, Formula, parse
from ledger.reports.report import Column, Kind, Role

FOLDER = Path(__file__).parent / "definitions"

_FORM = {"title", "shape", "begins", "of_a_day", "about", "layout"}
_LAYOUT = {"kinds", "column", "line", "tie", "note", "by", "accounts", "spread", "parts", "months", "complete"}
_COLUMN = {"key", "heading", "kind", "span", "formula", "share", "consolidated"}
_LINE = {"key", "heading", "role", "formula", "memo"}
_TIE = {"name", "left", "right"}
_NOTE = {"text", "figures"}

Choice = TypeVar("Choice", bound=StrEnum)


@cache
def forms(folder: Path = FOLDER, charts: Path = CHARTS) -> Mapping[str, Form]:
    """Return the forms of a folder by name, in the order of the numbers before them.

    Raises:
        BadForm: a file says what can't be meant, or an account of a chart is left out or caught twice.
    """
    found = {}
    for path in sorted(folder.glob("*.toml")):
        form = read(path)
        check_complete(form, charts)
        found[form.name] = form
    return found


def read(path: Path) -> Form:
    """Return the form of a file.

    Raises:
        BadForm: it says what can't be meant.
    """
    number, _, name = path.stem.partition("-")
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadForm(path.name, f"不是 TOML：{error}") from None
    try:
        _only(said, _FORM, path.name)
        return Form(
            name=name, number=int(number), title=_text(said, "title"), shape=_text(said, "shape"), about=_text(said, "about"),
            begins=_choice(Begins, said.get("begins", "year")), of_a_day=bool(said.get("of_a_day", False)),
            layouts=tuple(_layout(one) for one in said["layout"]),
        )  # fmt: skip
    except (BadFormula, KeyError, ValueError, TypeError) as error:
        reason = f"缺少 {error}" if isinstance(error, KeyError) else str(error)
        raise BadForm(path.name, reason) from None


def _layout(said: Mapping[str, Any]) -> Layout:
    _only(said, _LAYOUT, "layout")
    kinds = frozenset(said["kinds"])
    if not kinds or kinds - {kind.value for kind in BookKind}:
        raise ValueError(f"没有账套类别 {sorted(kinds)}")
    by = tuple(said.get("by", ()))
    if set(by) - set(DIMENSIONS):
        raise ValueError(f"没有辅助核算 {by}")
    layout = Layout(
        kinds=kinds, columns=tuple(_column(one) for one in said.get("column", ())),
        lines=tuple(_line(one) for one in said.get("line", ())), ties=tuple(_tie(one) for one in said.get("tie", ())),
        notes=tuple(_note(one) for one in said.get("note", ())), by=by, accounts=tuple(said.get("accounts", ())),
        spread=said.get("spread", ""), parts=tuple(said.get("parts", ())), months=int(said.get("months", 0)),
        complete=_choice(Complete, said.get("complete", "")),
    )  # fmt: skip
    _check_keys(layout)
    return layout


def _column(said: Mapping[str, Any]) -> FormColumn:
    _only(said, _COLUMN, "column")
    share = said.get("share")
    return FormColumn(
        column=Column(_text(said, "key"), _text(said, "heading"), _choice(Kind, said.get("kind", "fen"))),
        span=_choice(Span, said.get("span", "period")), formula=parse(said["formula"]) if "formula" in said else (),
        share=(share[0], share[1]) if share else None, consolidated=bool(said.get("consolidated", False)),
    )  # fmt: skip


def _line(said: Mapping[str, Any]) -> FormLine:
    _only(said, _LINE, "line")
    return FormLine(
        key=_text(said, "key"), heading=_text(said, "heading"), role=_choice(Role, said.get("role", "line")),
        formula=parse(said["formula"]) if "formula" in said else (), memo=bool(said.get("memo", False)),
    )  # fmt: skip


def _tie(said: Mapping[str, Any]) -> FormTie:
    _only(said, _TIE, "tie")
    return FormTie(name=_text(said, "name"), left=parse(said["left"]), right=parse(said["right"]))


def _note(said: Mapping[str, Any]) -> FormNote:
    _only(said, _NOTE, "note")
    return FormNote(
        text=_text(said, "text"), figures=tuple((key, parse(formula)) for key, formula in said.get("figures", {}).items())
    )


def _check_keys(layout: Layout) -> None:
    """Refuse a key that stands twice, and a figure that names none before it.

    Raises:
        ValueError: so it is.
    """
    known: set[str] = set()
    reckoned: list[tuple[str, Formula]] = [(c.column.key, c.formula) for c in layout.columns]
    reckoned += [(line.key, line.formula) for line in layout.lines]
    for key, formula in reckoned:
        if key in known:
            raise ValueError(f"{key} 出现两次")
        _require_known(key, formula, known)
        known.add(key)
    for tie in layout.ties:
        _require_known(tie.name, (*tie.left, *tie.right), known)
    for column in layout.columns:
        if column.share and set(column.share) - known:
            raise ValueError(f"{column.column.key} 引用了不存在的栏目")
        if (column.share is not None) != (column.column.kind is Kind.SHARE):
            raise ValueError(f"{column.column.key}：占比栏须写明分子和分母")


def _require_known(name: str, formula: Formula, known: set[str]) -> None:
    unknown = [part.key for part in formula if isinstance(part, Figure) and part.key not in known]
    if unknown:
        raise ValueError(f"{name} 引用了前面没有的项目 {unknown[0]}")


def _only(said: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if unknown := sorted(said.keys() - allowed):
        raise ValueError(f"{where} 中不认识 {'、'.join(unknown)}")


def _text(said: Mapping[str, Any], name: str) -> str:
    found = said[name]
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f"{name} 须是文字")
    return found


def _choice(choices: type[Choice], text: str) -> Choice:
    try:
        return choices(text)
    except ValueError:
        raise ValueError(f"{text!r} 不在 {'、'.join(choices)} 之中") from None
