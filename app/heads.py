"""A file of heads (链头): book, chain, position and hash as CSV, to be kept where nobody of the house can change it."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ledger.journal import BookCode
from ledger.sealing.chain import Head

COLUMNS = ("book", "chain", "position", "hash")


class HeadsRefused(Exception):
    """A file that does not hold heads."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__(f"{file} 第 {line} 行不是链头（列应为 {','.join(COLUMNS)}），请使用 fupin seal heads 写出的文件")


def write_heads(heads: Sequence[Head], file: TextIO) -> None:
    """Write heads, one a line, under the names of the columns."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((head.book, head.chain, head.position, head.hash.hex()) for head in heads)


def read_heads(path: Path) -> list[Head]:
    """Return the heads of a file.

    Raises:
        HeadsRefused: a line is none, or there is no line; it names the line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        try:
            if tuple(next(lines, ())) != COLUMNS:
                raise HeadsRefused(path.name, 1)
            heads = [
                Head(book=BookCode(book), chain=chain, position=int(position), hash=bytes.fromhex(digest))
                for book, chain, position, digest in lines
            ]
        except (ValueError, csv.Error) as error:
            raise HeadsRefused(path.name, lines.line_num) from error
    if not heads:
        raise HeadsRefused(path.name, 2)
    return heads
