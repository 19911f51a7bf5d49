"""Where the key-encryption key comes from: a passphrase, a key file, the environment."""

from __future__ import annotations

import base64
import binascii
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import KEY_SIZE, SecretKey

__all__ = ["EnvironmentKey", "KeyFile", "KeyProvider", "PassphraseKey"]

_SCRYPT: Final = {"n": 1 << 15, "r": 8, "p": 1}
"""32 MiB and about a tenth of a second per guess (RFC 7914)."""
_MAX_MEMORY: Final = 1 << 29
"""What the parameters of a vault, which anybody may have changed, can make us take."""


@runtime_checkable
class KeyProvider(Protocol):
    """Gives the key-encryption key of a vault.

    A provider is asked for public parameters once, when the vault is made; they are stored in clear and handed
    back whenever the key is needed.
    """

    def parameters(self) -> dict[str, str]:
        """Return fresh public parameters (a salt, a key id); ``kind`` names the provider."""
        ...

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Return the key that goes with the parameters.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when there is none.
        """
        ...


class PassphraseKey:
    """A passphrase, stretched by scrypt over a salt of the vault's own."""

    def __init__(self, passphrase: str) -> None:
        if not passphrase:
            raise InvalidRequest("USE-001", path="passphrase", hint="an empty passphrase protects nothing")
        # Keyboards differ in how they compose an accented letter (RFC 8265 section 4.2.2); what the environment
        # holds beside UTF-8 arrives as lone surrogates.
        self._passphrase = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return "PassphraseKey()"

    def parameters(self) -> dict[str, str]:
        """Return a fresh salt and the cost of a guess."""
        return {"kind": "scrypt", "salt": os.urandom(16).hex(), **{k: str(v) for k, v in _SCRYPT.items()}}

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Stretch the passphrase."""
        _expect(parameters, "scrypt")
        try:
            n, r, p = (int(parameters[name]) for name in "nrp")
            if not 0 < 128 * n * r <= _MAX_MEMORY or not 1 <= p <= 4:
                raise ValueError
            stretched = Scrypt(salt=bytes.fromhex(parameters["salt"]), length=KEY_SIZE, n=n, r=r, p=p)
            return SecretKey(stretched.derive(self._passphrase))
        except (KeyError, ValueError, MemoryError, UnsupportedAlgorithm):
            raise KeyUnavailable("SEC-002", hint="the vault's key parameters are not valid") from None


class KeyFile:
    """A file that holds 256 random bits in base64, readable by its owner alone."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __repr__(self) -> str:
        return "KeyFile()"

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> KeyFile:
        """Make a new key file; one that exists is never overwritten.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when the file exists or cannot be made.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            raise InvalidRequest("USE-002", path="key file", hint="it exists, or its folder is not writable") from None
        with os.fdopen(handle, "wb") as stream:
            stream.write(base64.b64encode(os.urandom(KEY_SIZE)) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        return cls(path)

    def parameters(self) -> dict[str, str]:
        """Return nothing but the provider's kind."""
        return {"kind": "key-file"}

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Read the file."""
        _expect(parameters, "key-file")
        try:
            raw = self._path.read_bytes()
        except OSError:
            raise KeyUnavailable("SEC-002", hint="the key file cannot be read") from None
        return _decode(raw, "the key file does not hold 256 bits in base64")


class EnvironmentKey:
    """A variable of the environment that holds 256 random bits in base64, as containers like it."""

    def __init__(self, variable: str = "IOMT_KEY") -> None:
        self._variable = variable

    def __repr__(self) -> str:
        return "EnvironmentKey()"

    def parameters(self) -> dict[str, str]:
        """Return nothing but the provider's kind."""
        return {"kind": "environment"}

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Read the variable."""
        _expect(parameters, "environment")
        raw = os.environ.get(self._variable)
        if raw is None:
            raise KeyUnavailable("SEC-002", hint="the key's environment variable is not set")
        return _decode(os.fsencode(raw), "the key's environment variable does not hold 256 bits in base64")


def _expect(parameters: Mapping[str, str], kind: str) -> None:
    """Refuse to make a key for a vault that is locked in another way; the hint says which."""
    found = parameters.get("kind", "")
    if found != kind:
        known = found if found in ("scrypt", "key-file", "environment") else "another provider"
        raise KeyUnavailable("SEC-002", hint=f"this vault's key comes from: {known}")


def _decode(raw: bytes, hint: str) -> SecretKey:
    try:
        key = base64.b64decode(raw.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyUnavailable("SEC-002", hint=hint)
    return SecretKey(key)
