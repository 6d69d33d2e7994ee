"""Character maps (字符映射): what tells a reader of a PDF which characters the codes of a font's part stand for."""

from collections.abc import Sequence


def to_unicode(name: str, subset: Sequence[int]) -> str:
    """Return what tells a reader which characters a part of a font has.

    The library writes a character beyond the first plane (𬭚) so that nobody can copy or search it, and lists more at once than
    the standard allows.
    """
    said = [
        "/CIDInit /ProcSet findresource begin", "12 dict begin", "begincmap", "/CIDSystemInfo",
        f"<< /Registry ({name})", f"/Ordering ({name})", "/Supplement 0", ">> def", f"/CMapName /{name} def", "/CMapType 2 def",
        "1 begincodespacerange", f"<00> <{len(subset) - 1:02X}>", "endcodespacerange",
    ]  # fmt: skip
    for start in range(0, len(subset), 100):
        part = list(enumerate(subset[start : start + 100], start))
        said.append(f"{len(part)} beginbfchar")
        said += [f"<{code:02X}> <{chr(character).encode('utf-16-be').hex().upper()}>" for code, character in part]
        said.append("endbfchar")
    return "\n".join([*said, "endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"])
