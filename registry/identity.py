"""Identity numbers: check digits of the resident ID (GB 11643-1999) and the social credit code (GB 32100-2015), masking.

Masking (domain.md 5.5): an ID shows its first three and last four characters, an account its last four, a name its
first character.
"""

import re
from datetime import date

from registry.errors import BadIdentity

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def id_check_digit(first_seventeen: str) -> str:
    """Return the check digit of a resident ID (mod 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_seventeen, _ID_WEIGHTS, strict=True))
    return _ID_CHECKS[total % 11]


def checked_id(number: str) -> str:
    """Return a resident ID in its normal form.

    Raises:
        BadIdentity: wrong length or characters, no such birthday, or a wrong check digit.
    """
    normal = number.strip().upper()
    if not re.fullmatch(r"[0-9]{17}[0-9X]", normal):
        raise BadIdentity(masked_id(normal), "身份证号应为 18 位")
    try:
        _birthday(normal)
    except ValueError:
        raise BadIdentity(masked_id(normal), "身份证号中的出生日期不存在") from None
    if id_check_digit(normal[:17]) != normal[17]:
        raise BadIdentity(masked_id(normal), "身份证号校验位不正确")
    return normal


def birth_date(number: str) -> date | None:
    """Return the birth date within a resident ID; none for any other number, such as a social credit code."""
    try:
        return _birthday(checked_id(number))
    except BadIdentity:
        return None


def _birthday(number: str) -> date:
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def uscc_check_digit(first_seventeen: str) -> str:
    """Return the check character of a unified social credit code (mod 31)."""
    total = sum(_USCC_ALPHABET.index(char) * pow(3, place, 31) for place, char in enumerate(first_seventeen))
    return _USCC_ALPHABET[-total % 31]


def checked_uscc(code: str) -> str:
    """Return a unified social credit code in its normal form.

    Raises:
        BadIdentity: wrong length or characters, or a wrong check character.
    """
    normal = code.strip().upper()
    if len(normal) != 18 or any(char not in _USCC_ALPHABET for char in normal):
        raise BadIdentity(masked_id(normal), "统一社会信用代码应为 18 位")
    if uscc_check_digit(normal[:17]) != normal[17]:
        raise BadIdentity(masked_id(normal), "统一社会信用代码校验位不正确")
    return normal


def masked_id(number: str) -> str:
    """Return an ID as lists and papers show it: 371***********1234."""
    return number[:3] + "*" * max(0, len(number) - 7) + number[-4:] if len(number) > 7 else "*" * len(number)


def masked_account(number: str) -> str:
    """Return an account number as its last four digits."""
    return "*" * max(0, len(number) - 4) + number[-4:]


def masked_phone(number: str) -> str:
    """Return a phone number as lists show it: 138****1234."""
    return f"{number[:3]}****{number[-4:]}"


def masked_name(name: str) -> str:
    """Return a name as its first character."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else ""
