"""Hybrid public key encryption (RFC 9180) of what leaves for one recipient: X25519, HKDF-SHA256, AES-256-GCM."""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ..errors import DecryptionFailed, InvalidRequest, KeyUnavailable
from .envelope import SecretKey

__all__ = ["ENCAPSULATED_SIZE", "RecipientKey", "RecipientSecret"]

ENCAPSULATED_SIZE: Final = 32
"""Octets of the encapsulated key in front of the ciphertext (DHKEM(X25519))."""

_PUBLIC: Final = "iomt-x25519:"
_PRIVATE: Final = "IOMT-X25519-SECRET:"
_SIZE: Final = 32
_MAX_FILE: Final = 1024
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class RecipientKey:
    """A recipient's public key; ``str`` of it is what the recipient hands out.

    Parameters
    ----------
    raw : bytes
        The 32 octets of RFC 7748.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _SIZE:
            raise InvalidRequest("USE-001", path="recipient", hint="a public key of 32 octets")
        self.raw = bytes(raw)

    def __str__(self) -> str:
        return _PUBLIC + base64.b64encode(self.raw).decode()

    def __repr__(self) -> str:
        return f"RecipientKey({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecipientKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    @classmethod
    def parse(cls, text: str) -> RecipientKey:
        """Read the text form.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when it is none.
        """
        raw = _decoded(text.strip(), _PUBLIC)
        if raw is None:
            raise InvalidRequest("USE-001", path="recipient", hint="a public key begins with iomt-x25519:")
        return cls(raw)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Encrypt for the recipient; ``info`` is authenticated and not part of the result.

        Raises
        ------
        InvalidRequest
            ``USE-001`` for a public key that is no point to agree on a secret with.
        """
        try:
            return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(self.raw), info)
        except ValueError:
            raise InvalidRequest("USE-001", path="recipient", hint="not a usable public key") from None


class RecipientSecret:
    """A recipient's private key; never shown.

    Parameters
    ----------
    secret : SecretKey
        The 32 octets of RFC 7748.
    """

    __slots__ = ("_key", "_secret")

    def __init__(self, secret: SecretKey) -> None:
        if len(secret.value) != _SIZE:
            raise InvalidRequest("USE-001", path="secret", hint="32 octets")
        self._secret = secret
        self._key = X25519PrivateKey.from_private_bytes(bytes(secret.value))

    def __repr__(self) -> str:
        return "RecipientSecret()"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a private key is not pickled")

    @classmethod
    def generate(cls) -> RecipientSecret:
        """Draw a key from the operating system."""
        return cls(SecretKey.generate())

    @property
    def public(self) -> RecipientKey:
        """The public half."""
        return RecipientKey(self._key.public_key().public_bytes_raw())

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Decrypt.

        Raises
        ------
        DecryptionFailed
            ``SEC-001`` for another recipient's, changed or cut-off data, and for another ``info``.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("SEC-001") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a key file for its owner alone; one that exists is never overwritten.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when it exists or cannot be made.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            raise InvalidRequest("USE-002", path="key file", hint="it exists, or its folder is not writable") from None
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_PRIVATE.encode() + base64.b64encode(self._secret.value) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise InvalidRequest("USE-002", path="key file", hint="the file system does not take it") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RecipientSecret:
        """Read a key file.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it cannot be read or holds no such key.
        """
        try:
            with Path(path).open("rb") as stream:
                text = stream.read(_MAX_FILE).decode("ascii", "replace")
        except OSError:
            raise KeyUnavailable("SEC-002", hint="the recipient's key file cannot be read") from None
        raw = _decoded(text.strip(), _PRIVATE)
        if raw is None:
            raise KeyUnavailable("SEC-002", hint="the file holds no recipient's key")
        return cls(SecretKey(raw))


def _decoded(text: str, prefix: str) -> bytes | None:
    """Return the octets of a key's text; it raises nothing, so that no traceback shows what may be a key."""
    if not text.startswith(prefix):
        return None
    try:
        raw = base64.b64decode(text[len(prefix) :], validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _SIZE else None
