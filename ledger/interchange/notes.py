"""Notes (注记): what a journal file has no place for, as `name:value` in its comments.

hledger and ledger read comments too: tags, dates in brackets, expressions. A value of plain characters stands as it is; any
other stands in quotes as JSON, with everything escaped that one of them might take for its own.
"""

import json
import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[\w./~-]+")
_NOTE = re.compile(r'\s*([a-z_]+):("(?:[^"\\]|\\.)*"|[\w./~-]+)\s*(,|$)')
_TAKEN = frozenset("[](){},:;=@")


def written(notes: Iterable[tuple[str, object]]) -> str:
    """Return notes as a comment's text."""
    return ", ".join(f"{name}:{_value(str(value))}" for name, value in notes)


def read(comment: str) -> dict[str, str]:
    """Return the notes of a comment that is nothing but notes; of any other comment, none."""
    found: dict[str, str] = {}
    position = 0
    while position < len(comment):
        note = _NOTE.match(comment, position)
        if note is None:
            return {}
        found[note[1]] = json.loads(note[2]) if note[2].startswith('"') else note[2]
        position = note.end()
    return found


def one_line(text: str) -> str:
    """Return text as a description shows it: on one line, without the characters that would end it."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.replace(";", "；").replace('"', "'").replace("|", "｜").split())


def _value(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() and char not in _TAKEN else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1] if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
