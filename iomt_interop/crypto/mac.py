"""HMAC-SHA-256 for many short messages under one key."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import InvalidRequest, KeyUnavailable
from .envelope import SecretKey

__all__ = ["PreparedMac"]

_BLOCK = 64


class PreparedMac:
    """HMAC (RFC 2104) whose key is hashed once, as section 4 proposes; each message begins with a copy of that state.

    Parameters
    ----------
    key : SecretKey
        Up to 64 octets; it is not kept, only what the hash function makes of it.
    """

    __slots__ = ("_state",)

    def __init__(self, key: SecretKey) -> None:
        if len(key.value) > _BLOCK:
            raise InvalidRequest("USE-001", path="key", hint="up to 64 octets")
        self._state: HMAC | None = HMAC(key.value, SHA256())

    def __repr__(self) -> str:
        return "PreparedMac()"

    def __call__(self, message: bytes) -> bytes:
        """Return the MAC of a message."""
        state = self._living().copy()
        state.update(message)
        return state.finalize()

    def each(self, messages: Iterable[bytes]) -> list[bytes]:
        """Return the MAC of each of many messages."""
        copy, found = self._living().copy, []
        for message in messages:
            state = copy()
            state.update(message)
            found.append(state.finalize())
        return found

    def behind(self, prefix: bytes) -> PreparedMac:
        """Return the MAC of messages that all begin with a prefix, which is hashed once."""
        longer = object.__new__(PreparedMac)
        longer._state = self._living().copy()
        longer._state.update(prefix)
        return longer

    def wipe(self) -> None:
        """Let go of the state, which OpenSSL overwrites; using it afterwards is an error."""
        self._state = None

    def _living(self) -> HMAC:
        if self._state is None:
            raise KeyUnavailable("SEC-002", hint="the key was overwritten")
        return self._state
