"""Uploads (附件上传): what kinds of file the desk takes, told by what is in them and not by their names."""

from pathlib import PurePath

KINDS = (
    (b"%PDF-", (".pdf",), "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", (".png",), "image/png"),
    (b"\xff\xd8\xff", (".jpg", ".jpeg"), "image/jpeg"),
    (b"PK\x03\x04", (".xlsx", ".ofd", ".docx"), "application/octet-stream"),
)
LONGEST_NAME = 120


class UploadRefused(Exception):
    """A file that the desk does not take."""


def checked_name(name: str, content: bytes) -> str:
    """Return the name under which a file is kept.

    Raises:
        UploadRefused: its content is none of the kinds taken, or not what its name says.
    """
    plain = PurePath(name.replace("\\", "/")).name.strip()
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise UploadRefused("附件名为空、过长或含有无法识别的字符")
    ending = PurePath(plain).suffix.lower()
    if not any(content.startswith(start) and ending in endings for start, endings, _ in KINDS):
        raise UploadRefused(f"附件 {plain} 不是 PDF、PNG、JPG、XLSX、DOCX 或 OFD 文件，或内容与扩展名不符")
    return plain


def media_type(content: bytes) -> str:
    """Return as what a file is handed out."""
    return next((kind for start, _, kind in KINDS if content.startswith(start)), "application/octet-stream")
