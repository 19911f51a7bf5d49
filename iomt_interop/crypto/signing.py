"""Ed25519 signatures (RFC 8032) with named keys, written as C2SP signed notes write them.

A key has a name and an id of four octets, so that a note can bear several signatures and a reader finds the one that
it trusts. The text forms are those of ``c2sp.org/signed-note`` and of Go's ``golang.org/x/mod/sumdb/note``.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import SecretKey

__all__ = ["SIGNATURE_SIZE", "SigningKey", "VerifyKey"]

SIGNATURE_SIZE: Final = 64
_SEED: Final = 32
_ED25519: Final = b"\x01"
"""The signature type of the specification."""
_NAME: Final = re.compile(r"[^\s+\x00-\x20\x7f\ud800-\udfff]{1,200}")
_PRIVATE: Final = "PRIVATE+KEY+"
_MAX_FILE: Final = 1024


def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest("USE-001", path="name", hint="a key's name has neither blanks nor plus signs")
    return name


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key and its name; ``str`` of it is what others need to check signatures."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four octets of a digest over name and key."""
        return _key_id(self.name, self.public)

    @classmethod
    def parse(cls, text: str) -> VerifyKey:
        """Read ``name+id+key``.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when it is none, or its id is of another key.
        """
        refused = InvalidRequest("USE-001", path="verifier key", hint="name+id+key of an Ed25519 key")
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or _NAME.fullmatch(parts[0]) is None:
            raise refused
        raw = _unbase64(parts[2])
        if raw is None or len(raw) != 1 + _SEED or raw[:1] != _ED25519:
            raise refused
        key = cls(parts[0], raw[1:])
        if parts[1].lower() != key.key_id.hex():
            raise refused
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature is this key's over the message."""
        if len(signature) != SIGNATURE_SIZE:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """A private key and its name; never shown.

    Parameters
    ----------
    name : str
        The signer's name, best a URL without a scheme (``hospital.example/audit``).
    seed : SecretKey
        32 octets, the private key of RFC 8032.
    """

    __slots__ = ("_key", "_seed", "name")

    def __init__(self, name: str, seed: SecretKey) -> None:
        self.name = _checked_name(name)
        if len(seed.value) != _SEED:
            raise InvalidRequest("USE-001", path="seed", hint="32 octets")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(seed.value))

    def __repr__(self) -> str:
        return "SigningKey()"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a signing key is not pickled")

    @classmethod
    def generate(cls, name: str) -> SigningKey:
        """Draw a key from the operating system."""
        return cls(name, SecretKey.generate())

    @property
    def verify_key(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self.name, self._key.public_key().public_bytes_raw())

    def derive(self, label: bytes) -> SecretKey:
        """Return an independent secret for another purpose, that the public half says nothing of."""
        return self._seed.derive(label)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 octets of the signature."""
        return self._key.sign(message)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SigningKey:
        """Read a key file.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it cannot be read or holds no key.
        """
        try:
            with Path(path).open("rb") as stream:
                raw = stream.read(_MAX_FILE)
        except OSError:
            raise KeyUnavailable("SEC-002", hint="the signing key file cannot be read") from None
        key = _parse_private(raw)
        if key is None:
            raise KeyUnavailable("SEC-002", hint="the signing key file holds no Ed25519 note key")
        return key

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a key file that only its owner can read; one that exists is never overwritten.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when the file exists or cannot be made.
        """
        key = base64.b64encode(_ED25519 + bytes(self._seed.value)).decode()
        text = f"{_PRIVATE}{self.name}+{self.verify_key.key_id.hex()}+{key}\n"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            raise InvalidRequest("USE-002", path="signing key", hint="it exists, or cannot be made there") from None
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise InvalidRequest("USE-002", path="signing key", hint="the file system does not take it") from None


def _parse_private(raw: bytes) -> SigningKey | None:
    """Return the key of a text; it raises nothing, so that no traceback shows what may be a key, mistyped."""
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    if not text.startswith(_PRIVATE):
        return None
    parts = text[len(_PRIVATE) :].split("+", 2)
    if len(parts) != 3 or _NAME.fullmatch(parts[0]) is None:
        return None
    seed = _unbase64(parts[2])
    if seed is None or len(seed) != 1 + _SEED or seed[:1] != _ED25519:
        return None
    key = SigningKey(parts[0], SecretKey(seed[1:]))
    return key if key.verify_key.key_id.hex() == parts[1].lower() else None


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
