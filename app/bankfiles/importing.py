"""Importing a statement file (导入对账单): the whole file or nothing, into the account that it names."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.bankfiles.camt import read_camt
from app.bankfiles.layout import Layout, remember, remembered
from app.bankfiles.reading import FileRead, Given, read_rows
from app.imports.cells import RowError
from app.imports.sheet import SheetRefused, read_content, table_of
from ledger.banking.items import BankAccount
from ledger.banking.loading import Taken, take
from ledger.banking.queries import covered_until, is_number_of
from registry.cipher import Cipher
from registry.identity import masked_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of a file: the statements taken, those already there left out, or every error of its rows."""

    taken: tuple[Taken, ...] = ()
    errors: tuple[RowError, ...] = ()
    layout: Layout | None = None


def import_statement(
    session: Session, cipher: Cipher, account: BankAccount, path: Path, given: Given, actor: str, layout: Layout | None = None
) -> Imported:
    """Take the statements of a file in. A layout that a person gives is used, and remembered if the file can be read by it.

    Raises:
        SheetRefused: it can't be read, or is of another account.
        StatementRefused: it does not add up, or does not continue what is held.
        FutureDate: it reaches beyond the business date.
    """
    found = _read(session, account, path, given, layout)
    if layout is not None and found.layout is not layout:
        raise SheetRefused(f"文件中没有 --map 写明的各列：{'、'.join(layout.headings)}")
    if found.errors:
        return Imported(errors=found.errors, layout=found.layout)
    for number in found.accounts:
        if not is_number_of(session, account, cipher.fingerprint(number)):
            raise SheetRefused(f"对账单的账号 {masked_account(number)} 不是登记的专户 {account.number_masked}")
    if layout is not None:
        remember(session, account.bank, layout, actor)
    taken = [take(session, account, statement, path.name, actor) for statement in found.statements]
    return Imported(taken=tuple(one for one in taken if one.id is not None), layout=found.layout)


def _read(session: Session, account: BankAccount, path: Path, given: Given, layout: Layout | None) -> FileRead:
    content = read_content(path)
    if path.suffix.lower() == ".xml":
        return read_camt(content)
    layouts = [layout] if layout else remembered(session, account.bank)
    return read_rows(table_of(path, content), layouts, given, covered_until(session, account))
