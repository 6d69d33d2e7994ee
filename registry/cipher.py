"""Identity and account numbers at rest: AES-256-GCM ciphertext to read, a keyed HMAC-SHA-256 to search and compare.

The key file lies outside the data and its backups; who has only one of the two has nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.errors import KeyMissing

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A number as it is kept: ciphertext to read, a fingerprint to compare, a mask to show."""

    sealed: bytes
    mark: bytes
    masked: str


@dataclass(frozen=True, slots=True, repr=False)
class Cipher:
    """Seals, opens and fingerprints numbers."""

    sealing_key: bytes
    search_key: bytes

    def seal(self, number: str) -> bytes:
        """Return a number as ciphertext, another one each time."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.sealing_key).encrypt(nonce, number.encode(), None)

    def hide(self, number: str, masked: str) -> Secret:
        """Return a number as it is kept."""
        return Secret(sealed=self.seal(number), mark=self.fingerprint(number), masked=masked)

    def open(self, sealed: bytes) -> str:
        """Return the number of a ciphertext.

        Raises:
            KeyMissing: the key is not the one that sealed it, or the ciphertext was altered.
        """
        try:
            return AESGCM(self.sealing_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        except InvalidTag:
            raise KeyMissing("", "不是加密这些数据的密钥，或密文已被改动") from None

    def fingerprint(self, number: str) -> bytes:
        """Return what equal numbers share and nobody without the key can guess."""
        mac = hmac.HMAC(self.search_key, hashes.SHA256())
        mac.update(number.encode())
        return mac.finalize()


def cipher_from(key: bytes) -> Cipher:
    """Return the cipher of a key."""

    def derived(purpose: bytes) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(key)

    return Cipher(derived(b"fupin sealing"), derived(b"fupin search"))


def load_cipher(path: Path, *, create: bool) -> Cipher:
    """Return the cipher of a key file, making the file (readable by its owner only) if asked and missing.

    Raises:
        KeyMissing: there is no such file and none may be made, or it does not hold a key.
    """
    if not path.exists():
        if not create:
            raise KeyMissing(str(path), "不存在；没有它就无法读取已加密的证件号，请从备份恢复")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(KEY_BYTES).hex() + "\n")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError):
        raise KeyMissing(str(path), "无法读取，或内容不是密钥") from None
    if len(key) != KEY_BYTES:
        raise KeyMissing(str(path), f"密钥应为 {KEY_BYTES} 字节")
    return cipher_from(key)
