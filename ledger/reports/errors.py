"""Refusals of reports: a form that can't be used, and a question that a report can't answer."""

from collections.abc import Sequence

from ledger.errors import LedgerError


class BadForm(LedgerError):
    """A form file that says what can't be meant, or leaves an account of a chart out."""

    def __init__(self, form: str, detail: str) -> None:
        self.form, self.detail = form, detail
        super().__init__(f"报表格式 {form}：{detail}")


class UnknownReport(LedgerError):
    """A name that no report bears."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        super().__init__(f"没有报表 {name}；可选：{'、'.join(names)}")


class ReportRefused(LedgerError):
    """A question that a report can't answer, with what to ask instead."""

    def __init__(self, title: str, reason: str) -> None:
        self.title, self.reason = title, reason
        super().__init__(f"{title}：{reason}")
