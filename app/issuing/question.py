"""A question (签发事项): what a paper is asked about, as words that a person writes and the register keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

Known: TypeAlias = Mapping[int, int]
"""The last sequence that counts, by book id."""


class QuestionRefused(Exception):
    """A paper that can't be made of what was asked; a sentence for who asked."""

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(f"{title}：{reason}；未签发")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a kind of paper: its words by name, all there and none besides."""

    title: str
    words: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.words[name]

    def day(self, name: str) -> date:
        """Return a word as a date.

        Raises:
            QuestionRefused: it is none.
        """
        try:
            return date.fromisoformat(self.words[name])
        except ValueError as error:
            raise QuestionRefused(self.title, f"{name}={self.words[name]} 不是日期，如 2017-06-30") from error

    def number(self, name: str) -> int:
        """Return a word as a whole number.

        Raises:
            QuestionRefused: it is none.
        """
        if not self.words[name].isdecimal():
            raise QuestionRefused(self.title, f"{name}={self.words[name]} 不是整数")
        return int(self.words[name])

    def refused(self, reason: str) -> QuestionRefused:
        """Return the refusal of what was asked."""
        return QuestionRefused(self.title, reason)
