"""The envelope: a wrapped data key per subject, a derived key and a commitment per block, AES-256-GCM over both.

Construction. A data key never encrypts anything itself: every block draws 32 random octets of salt, and
HMAC-SHA-512 over salt and context gives that block's AEAD key and a commitment to the data key. So no pair of key
and nonce ever repeats, not even after a backup was restored and written on, and a ciphertext opens under one key
alone. The whole header of a block is associated data: what is in clear cannot be changed or moved either.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import DecryptionFailed, KeyUnavailable
from .memory import overwrite

__all__ = [
    "KEY_SIZE",
    "SALT_SIZE",
    "KeyWrap",
    "Sealed",
    "SecretKey",
    "known_answer",
    "open_sealed",
    "seal",
    "unwrap_key",
    "wrap_key",
]

KEY_SIZE: Final = 32
SALT_SIZE: Final = 32
_NONCE: Final = 12
_WRAPPED: Final = _NONCE + KEY_SIZE + 16
_ZERO_NONCE: Final = bytes(_NONCE)
"""A block's key is used once, so its nonce may be constant."""


class _Bits(bytearray):
    """Octets that are overwritten when nobody has them any more."""

    __slots__ = ()

    def __del__(self) -> None:
        self[:] = bytes(len(self))


class SecretKey:
    """A key, or what becomes one: never shown, and overwritten when it is no longer needed.

    Parameters
    ----------
    value : bytes
        The bits; copied. :meth:`taken` also overwrites the source; what others copied before is beyond our reach.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = _Bits(value)

    @classmethod
    def generate(cls) -> SecretKey:
        """Draw a key from the operating system."""
        return cls.taken(os.urandom(KEY_SIZE))

    @classmethod
    def taken(cls, value: bytes) -> SecretKey:
        """Take over bits that nobody else has, and overwrite where they were."""
        key = cls(value)
        overwrite(value)
        return key

    @classmethod
    def _of(cls, bits: _Bits) -> SecretKey:
        """Take over bits as they are, without a copy."""
        key = cls.__new__(cls)
        key._value = bits
        return key

    @property
    def value(self) -> bytearray:
        """The bits; ``KeyUnavailable`` when they were overwritten."""
        if not self._value:
            raise KeyUnavailable("SEC-002", hint="the key was overwritten")
        return self._value

    def derive(self, label: bytes) -> SecretKey:
        """Return an independent key for another purpose."""
        return SecretKey.taken(hmac.digest(self.value, b"iomt derive\0" + label, sha256))

    def mac(self, message: bytes) -> bytes:
        """Return HMAC-SHA-256 of a message."""
        return hmac.digest(self.value, message, sha256)

    def wipe(self) -> None:
        """Overwrite the bits; using the key afterwards is an error, never a key of zeros."""
        self._value[:] = bytes(len(self._value))
        self._value = _Bits()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretKey) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # the bits can change

    def __repr__(self) -> str:
        return "SecretKey()"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret key is not pickled")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed block without its header."""

    salt: bytes
    commitment: bytes
    ciphertext: bytes = field(repr=False)


def _block_keys(key: SecretKey, salt: bytes) -> tuple[SecretKey, bytes]:
    material = hmac.digest(key.value, b"iomt block\0" + salt, sha512)
    bits, commitment = _Bits(material), material[KEY_SIZE:]
    overwrite(material)
    del bits[KEY_SIZE:]
    return SecretKey._of(bits), commitment


def seal(key: SecretKey, plaintext: bytes | bytearray, header: bytes, *, salt: bytes | None = None) -> Sealed:
    """Encrypt a block.

    Parameters
    ----------
    key : SecretKey
        The subject's data key.
    plaintext : bytes
        The block.
    header : bytes
        Everything that stands in clear beside the block; authenticated with it.
    salt : bytes, optional
        For known-answer tests alone; drawn at random otherwise.
    """
    salt = os.urandom(SALT_SIZE) if salt is None else salt
    block_key, commitment = _block_keys(key, salt)
    return Sealed(salt, commitment, encrypt(block_key, _ZERO_NONCE, plaintext, header + salt + commitment))


def open_sealed(key: SecretKey, sealed: Sealed, header: bytes) -> bytes:
    """Decrypt a block.

    Raises
    ------
    DecryptionFailed
        ``SEC-001`` for a wrong key, a changed header and changed data alike.
    """
    block_key, commitment = _block_keys(key, sealed.salt)
    if not hmac.compare_digest(commitment, sealed.commitment):
        raise DecryptionFailed("SEC-001")
    return decrypt(block_key, _ZERO_NONCE, sealed.ciphertext, header + sealed.salt + sealed.commitment)


def wrap_key(wrapping: SecretKey, key: SecretKey, context: bytes) -> bytes:
    """Encrypt a data key under a key-encryption key; the context is authenticated and not stored."""
    sealed = seal(wrapping, key.value, b"iomt wrap\0" + context)
    return sealed.salt + sealed.commitment + sealed.ciphertext


def unwrap_key(wrapping: SecretKey, wrapped: bytes, context: bytes) -> SecretKey:
    """Decrypt a data key; raises as :func:`open_sealed` does."""
    if len(wrapped) != 2 * SALT_SIZE + KEY_SIZE + 16:
        raise DecryptionFailed("SEC-001")
    sealed = Sealed(wrapped[:SALT_SIZE], wrapped[SALT_SIZE : 2 * SALT_SIZE], wrapped[2 * SALT_SIZE :])
    return SecretKey.taken(open_sealed(wrapping, sealed, b"iomt wrap\0" + context))


class _Gone:
    """What stands in a cipher's place when its key was let go."""

    def __getattr__(self, name: str) -> Any:
        raise KeyUnavailable("SEC-002", hint="the key was overwritten")


class KeyWrap:
    """Wraps many data keys under one key-encryption key.

    A random nonce for each: the 2**32 wrappings that SP 800-38D section 8.3 allows under one key are more than a
    store has subjects, and every version of the key begins anew. A wrong key-encryption key is told by the
    commitment of the store's own key (:func:`unwrap_key`), a wrong data key by that of its blocks.

    Parameters
    ----------
    wrapping : SecretKey
        The key-encryption key.
    """

    __slots__ = ("_aead",)

    def __init__(self, wrapping: SecretKey) -> None:
        self._aead: AESGCM | _Gone = AESGCM(wrapping.derive(b"wrap").value)

    def __repr__(self) -> str:
        return "KeyWrap()"

    def wrap(self, key: SecretKey | bytes, context: bytes) -> bytes:
        """Encrypt a data key; the context is authenticated and not stored."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, key.value if isinstance(key, SecretKey) else key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> SecretKey:
        """Decrypt a data key; raises as :func:`open_sealed` does."""
        if len(wrapped) != _WRAPPED:
            raise DecryptionFailed("SEC-001")
        bits = _Bits(KEY_SIZE)
        try:
            self._aead.decrypt_into(wrapped[:_NONCE], wrapped[_NONCE:], context, bits)
        except InvalidTag:
            raise DecryptionFailed("SEC-001") from None
        return SecretKey._of(bits)

    def to(self, other: KeyWrap, old: bytes, new: bytes) -> Callable[[bytes, bytes], bytes]:
        """Return what wraps keys of this under another, quickly: there may be millions.

        Parameters
        ----------
        other : KeyWrap
            The other key-encryption key.
        old, new : bytes
            What the contexts begin with, here and there; the function is given the wrapped key and the rest.
        """
        decrypt, encrypt, drawn = self._aead.decrypt_into, other._aead.encrypt, _nonces()
        bits = _Bits(KEY_SIZE)

        def rewrapped(wrapped: bytes, rest: bytes) -> bytes:
            if len(wrapped) != _WRAPPED:
                raise DecryptionFailed("SEC-001")
            nonce = next(drawn)
            try:
                decrypt(wrapped[:_NONCE], wrapped[_NONCE:], old + rest, bits)
                return nonce + encrypt(nonce, bits, new + rest)
            except InvalidTag:
                raise DecryptionFailed("SEC-001") from None

        return rewrapped

    def wipe(self) -> None:
        """Let go of the key, which OpenSSL overwrites; using it afterwards is an error."""
        self._aead = _Gone()


def _nonces() -> Iterator[bytes]:
    """Yield random nonces, drawn many at a time."""
    while True:
        drawn = os.urandom(_NONCE * 1000)
        for at in range(0, len(drawn), _NONCE):
            yield drawn[at : at + _NONCE]


def decrypt(key: SecretKey, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """AES-GCM decryption; raises ``SEC-001`` for whatever does not authenticate."""
    try:
        return AESGCM(key.value).decrypt(nonce, ciphertext, associated)
    except (InvalidTag, ValueError):
        raise DecryptionFailed("SEC-001") from None


def encrypt(key: SecretKey, nonce: bytes, plaintext: bytes | bytearray, associated: bytes) -> bytes:
    """AES-GCM encryption with a nonce of the caller's; only for vectors and for keys that are used once."""
    return AESGCM(key.value).encrypt(nonce, plaintext, associated)


def known_answer() -> bool:
    """Compute test case 16 of the GCM specification (McGrew and Viega, Appendix B): AES-256 with associated data."""
    key = SecretKey(bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2))
    plaintext = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    tag = bytes.fromhex("76fc6ece0f4e1768cddf8853bb2d551b")
    return encrypt(key, bytes.fromhex("cafebabefacedbaddecaf888"), plaintext, associated)[-16:] == tag
