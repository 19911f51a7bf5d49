"""Where the key-encryption key comes from: a passphrase, a key file, the environment, a key service (beside this)."""

from __future__ import annotations

import base64
import binascii
import os
import stat
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import KEY_SIZE, SecretKey
from .memory import overwrite
from .stretch import COSTS, fresh_parameters, stretch

__all__ = ["EnvironmentKey", "KeyFile", "KeyProvider", "PassphraseKey", "RewrappingProvider", "expect_kind", "keyring"]

_KINDS: Final = (*COSTS, "key-file", "environment", "aws-kms", "vault-transit")


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


@runtime_checkable
class RewrappingProvider(KeyProvider, Protocol):
    """A provider whose parameters hold the key wrapped, and that can wrap it anew without giving it out."""

    def rewrap(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return parameters that hold the same key, wrapped under the newest version of what wraps it.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when it cannot be done.
        """
        ...


class PassphraseKey:
    """A passphrase, stretched over a salt of the vault's own.

    Parameters
    ----------
    passphrase : str
        The passphrase.
    function : {"scrypt", "argon2id"}
        How it is stretched for a vault that is being made; an existing vault says so itself.
    """

    def __init__(self, passphrase: str, *, function: Literal["scrypt", "argon2id"] = "scrypt") -> None:
        if not passphrase:
            raise InvalidRequest("USE-001", path="passphrase", hint="an empty passphrase protects nothing")
        # Keyboards differ in how they compose an accented letter (RFC 8265 section 4.2.2); what the environment
        # holds beside UTF-8 arrives as lone surrogates.
        self._passphrase = SecretKey(unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass"))
        self._function = function

    def __repr__(self) -> str:
        return "PassphraseKey()"

    def parameters(self) -> dict[str, str]:
        """Return a fresh salt and the cost of a guess."""
        return fresh_parameters(self._function)

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Stretch the passphrase."""
        expect_kind(parameters, *COSTS)
        return stretch(self._passphrase, parameters)


class KeyFile:
    """A file that holds 256 random bits, in base64 or as they are, readable by its owner alone."""

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
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(base64.b64encode(os.urandom(KEY_SIZE)) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            _sync_folder(Path(path).parent)
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise InvalidRequest("USE-002", path="key file", hint="the file system does not take it") from None
        return cls(path)

    @property
    def is_exposed(self) -> bool:
        """Whether others than the owner may read the file, or put another key there; false where nobody can tell."""
        try:
            mode = self._path.stat().st_mode
        except OSError:
            return False
        return os.name == "posix" and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))

    def parameters(self) -> dict[str, str]:
        """Return nothing but the provider's kind."""
        return {"kind": "key-file"}

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Read the file."""
        expect_kind(parameters, "key-file")
        try:
            raw = self._path.read_bytes()
        except OSError:
            raise KeyUnavailable("SEC-002", hint="the key file cannot be read") from None
        key = _decode(raw)
        overwrite(raw)
        if key is None:
            raise KeyUnavailable("SEC-002", hint="the key file does not hold 256 bits in base64")
        return key


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
        expect_kind(parameters, "environment")
        if self._variable not in os.environ:
            raise KeyUnavailable("SEC-002", hint="the key's environment variable is not set")
        key = _decode(os.fsencode(os.environ[self._variable]))
        if key is None:
            raise KeyUnavailable("SEC-002", hint="the key's environment variable does not hold 256 bits in base64")
        return key


class _Keyring:
    """Several providers, of which the one is asked that the vault was made with."""

    def __init__(self, providers: tuple[KeyProvider, ...]) -> None:
        self._providers = providers

    def __repr__(self) -> str:
        return f"keyring({', '.join(map(repr, self._providers))})"

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the first provider: a new vault is locked with its key."""
        return self._providers[0].parameters()

    def key(self, parameters: Mapping[str, str]) -> SecretKey:
        """Return the key of the first provider that has one; the last one's refusal when none has."""
        for provider in self._providers[:-1]:
            with suppress(KeyUnavailable):
                return provider.key(parameters)
        return self._providers[-1].key(parameters)


def keyring(*providers: KeyProvider) -> KeyProvider:
    """Return one provider for vaults that were made with different ones.

    A new vault is locked with the first. An existing vault says how it was locked, and the first provider that has
    a key for that is believed: two passphrases in one ring would not be tried in turn.

    Examples
    --------
    >>> from iomt_interop.vault import EnvironmentKey, KeyFile, keyring
    >>> keyring(KeyFile("ward.key"), EnvironmentKey())
    keyring(KeyFile(), EnvironmentKey())
    """
    if not providers:
        raise InvalidRequest("USE-001", path="providers", hint="an empty keyring opens nothing")
    return _Keyring(providers)


def expect_kind(parameters: Mapping[str, str], *kinds: str) -> None:
    """Refuse to make a key for a vault that is locked in another way; the hint says which.

    Raises
    ------
    KeyUnavailable
        ``SEC-002`` when the parameters are of another provider.
    """
    found = parameters.get("kind", "")
    if found not in kinds:
        known = found if found in _KINDS else "another provider"
        raise KeyUnavailable("SEC-002", hint=f"this vault's key comes from: {known}")


def _decode(raw: bytes) -> SecretKey | None:
    """Return the key that a text or 32 octets hold.

    It raises nothing, so that no traceback goes through a frame that holds what may be a key, mistyped. Text is
    never taken for the octets themselves: 32 hexadecimal digits would be a key of 128 bits.
    """
    if len(raw) == KEY_SIZE and not raw.isascii():
        return SecretKey(raw)
    text = raw.strip()
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    finally:
        overwrite(text)
    return SecretKey.taken(key) if len(key) == KEY_SIZE else None


def _sync_folder(folder: Path) -> None:
    """Make a new name durable: a vault whose key file is lost is lost."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
