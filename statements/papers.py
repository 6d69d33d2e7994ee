"""Papers: figures in, PDF out; every paper that there is, and the checks that each one passes before it is printed."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from statements import (  # noqa: F401 - each registers its layouts
    claim_papers,
    fund_papers,
    household,
    ledger_papers,
    loan_statement,
    monthly,
    notices,
    relending_papers,
    subsidy_papers,
)
from statements.canonical import canonical
from statements.figures import Voucher, require_masked
from statements.form import PREVIEW, Mark, layout, printed
from statements.voucher import render_voucher


def render(figures: Any, mark: Mark = PREVIEW, font: Path | None = None) -> bytes:
    """Return the paper that states figures, as a PDF.

    Raises:
        MissingGlyph: the font lacks a character of them.
        FontRefused: the font can't be embedded.
    """
    if isinstance(figures, Voucher):
        return render_voucher(figures, font, mark)
    return printed(layout(figures), mark, font)


def fingerprint(figures: Any) -> str:
    """Return the SHA-256 of figures that are to leave the house.

    Raises:
        NotMasked: an identity number is whole in them.
    """
    made = sha256()
    for piece in canonical(figures):
        require_masked("单证", piece)
        made.update(piece.encode())
    return made.hexdigest()
