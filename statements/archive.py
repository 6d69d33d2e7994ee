"""The archive copy (归档件): a paper as PDF/A-3b with what it states attached, as canonical JSON and as CSV tables.

The file says of itself which paper it is; whether that is true, only the register and the books can tell.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
from pikepdf import pdfa

from statements.canonical import canonical, tables
from statements.errors import NotAnArchive, NotArchivable
from statements.form import Mark

FLAVOUR = "3b"
FIGURES, PAPER = "figures.json", "paper.json"
"""What a paper states, and which paper it is."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive copy says of itself: which paper and copy, and the canonical text of its figures."""

    serial: str
    copy: int
    digest: str
    figures: bytes


def archived(content: bytes, figures: Any, mark: Mark, made_at: datetime) -> bytes:
    """Return a paper as PDF/A-3b with its figures attached; the same arguments give the same bytes.

    Raises:
        NotArchivable: it would not be valid PDF/A.
    """
    about = {"serial": mark.serial, "copy": mark.copy, "figures_sha256": mark.digest, "chain": mark.chain}
    attached = {
        FIGURES: ("application/json", "".join(canonical(figures)).encode()),
        PAPER: ("application/json", json.dumps(about, sort_keys=True).encode()),
        **{f"{name}.csv": ("text/csv", table.encode()) for name, table in tables(figures).items()},
    }
    with pikepdf.open(BytesIO(content)) as pdf:
        for name, (kind, data) in attached.items():
            pdf.attachments[name] = _attachment(pdf, name, kind, data, made_at)
        stamp = made_at.strftime("D:%Y%m%d%H%M%SZ")
        pdf.docinfo.CreationDate = pdf.docinfo.ModDate = pikepdf.String(stamp)
        pdfa.prepare(pdf, FLAVOUR)
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata["xmp:MetadataDate"] = made_at.isoformat(timespec="seconds")  # otherwise it is the clock's
        file = BytesIO()
        pdf.save(file, **pdfa.resolve_save_kwargs(FLAVOUR, deterministic_id=True))
    if found := findings(file.getvalue()):
        raise NotArchivable(mark.serial, found[0])
    return file.getvalue()


def _attachment(pdf: pikepdf.Pdf, name: str, kind: str, data: bytes, made_at: datetime) -> pikepdf.AttachedFileSpec:
    stamp = made_at.strftime("D:%Y%m%d%H%M%SZ")
    return pikepdf.AttachedFileSpec(
        pdf, data, filename=name, mime_type=kind, creation_date=stamp, mod_date=stamp,
        relationship=pikepdf.Name.Data if name == FIGURES else pikepdf.Name.Supplement,
    )  # fmt: skip


def findings(content: bytes) -> list[str]:
    """Return what keeps a file from being PDF/A-3b; nothing if it is."""
    report = pdfa.validate_written(BytesIO(content), FLAVOUR)
    return [str(one) for one in report.findings]


def read_archive(file: Path) -> Archived:
    """Return what an archive copy says of itself.

    Raises:
        NotAnArchive: it is no PDF, or one that nobody here made.
    """
    try:
        with pikepdf.open(file) as pdf:
            about = json.loads(pdf.attachments[PAPER].get_file().read_bytes())
            figures = pdf.attachments[FIGURES].get_file().read_bytes()
            return Archived(str(about["serial"]), int(about["copy"]), str(about["figures_sha256"]), figures)
    except (pikepdf.PdfError, KeyError, ValueError, TypeError) as error:
        raise NotAnArchive(file) from error


def differences(stated: Mapping[str, Any], found: Mapping[str, Any], most: int = 5) -> list[str]:
    """Return where two canonical values differ, as paths with both values, the first few."""
    made: list[str] = []
    for path, before, after in _differ("", stated, found):
        if len(made) == most:
            made.append("…")
            break
        made.append(f"{path}：单证为 {before}，账簿为 {after}")
    return made


def _differ(path: str, stated: Any, found: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(stated, dict) and isinstance(found, dict):
        for key in sorted({*stated, *found}):
            yield from _differ(f"{path}.{key}" if path else key, stated.get(key), found.get(key))
    elif isinstance(stated, list) and isinstance(found, list) and len(stated) == len(found):
        for place, (before, after) in enumerate(zip(stated, found, strict=True), 1):
            yield from _differ(f"{path}[{place}]", before, after)
    elif stated != found:
        yield path, _short(stated), _short(found)


def _short(value: Any) -> str:
    return f"{len(value)} 项" if isinstance(value, list) else str(value)
