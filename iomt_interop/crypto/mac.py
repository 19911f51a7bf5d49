"""HMAC-SHA-256 for many short messages under one key."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import SecretKey

__all__ = ["PreparedMac"]

_BLOCK: Final = 64
_INNER: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER: Final = bytes(octet ^ 0x5C for octet in range(256))


class PreparedMac:
    """HMAC (RFC 2104) with both states of the key computed once, as section 4 proposes; a third of the time.

    Parameters
    ----------
    key : SecretKey
        Up to 64 octets; it is not kept, only what the hash function makes of it.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: SecretKey) -> None:
        if len(key.value) > _BLOCK:
            raise InvalidRequest("USE-001", path="key", hint="up to 64 octets")
        block = key.value.ljust(_BLOCK, b"\0")
        self._inner, self._outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))
        block[:] = bytes(_BLOCK)

    def __repr__(self) -> str:
        return "PreparedMac()"

    def __call__(self, message: bytes) -> bytes:
        """Return the MAC of a message."""
        try:
            inner, outer = self._inner.copy(), self._outer.copy()
        except AttributeError:
            raise KeyUnavailable("SEC-002", hint="the key was overwritten") from None
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def behind(self, prefix: bytes) -> PreparedMac:
        """Return the MAC of messages that all begin with a prefix, which is hashed once."""
        if not hasattr(self, "_inner"):
            raise KeyUnavailable("SEC-002", hint="the key was overwritten")
        longer = object.__new__(PreparedMac)
        longer._inner, longer._outer = self._inner.copy(), self._outer
        longer._inner.update(prefix)
        return longer

    def wipe(self) -> None:
        """Let go of the states, which OpenSSL overwrites; using them afterwards is an error."""
        for name in self.__slots__:
            if hasattr(self, name):
                delattr(self, name)
