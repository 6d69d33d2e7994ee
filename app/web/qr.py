"""QR codes (二维码) as SVG text of squares: no style and no script, so that a page with a strict policy may hold it."""

from html import escape

from statements.page import qr_modules

QUIET = 4
"""The white margin that a camera needs, in squares."""


def qr_svg(text: str, named: str = "二维码") -> str:
    """Return a text as the picture of its QR code."""
    rows = qr_modules(text)
    side = len(rows) + 2 * QUIET
    path = "".join(f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return (
        f'<svg class="qr" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(named)}" '
        f'xmlns="http://www.w3.org/2000/svg"><rect class="qr-paper" width="{side}" height="{side}"/>'
        f'<path class="qr-ink" d="{path}"/></svg>'
    )
