"""How a passphrase becomes a key: scrypt (RFC 7914) or Argon2id (RFC 9106), by parameters that stand in clear."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..errors import KeyUnavailable
from .envelope import KEY_SIZE, SecretKey

__all__ = ["COSTS", "fresh_parameters", "stretch"]

COSTS: Final[dict[str, dict[str, int]]] = {
    "scrypt": {"n": 1 << 15, "r": 8, "p": 1},
    "argon2id": {"iterations": 3, "lanes": 4, "memory": 1 << 16},
}
"""What a guess costs: 32 MiB and about a tenth of a second; RFC 9106's second recommendation, 64 MiB."""

_MAX_MEMORY: Final = 1 << 29
"""What the parameters of a vault, which anybody may have changed, can make us take."""


def fresh_parameters(kind: str) -> dict[str, str]:
    """Return a fresh salt and the cost of a guess; ``kind`` is a key of :data:`COSTS`."""
    return {"kind": kind, "salt": os.urandom(16).hex(), **{name: str(cost) for name, cost in COSTS[kind].items()}}


def stretch(passphrase: SecretKey, parameters: Mapping[str, str]) -> SecretKey:
    """Return the key of a passphrase.

    Raises
    ------
    KeyUnavailable
        ``SEC-002`` when the parameters are none, or ask for more than a guess may cost.
    """
    try:
        kind = parameters["kind"]
        cost = {name: int(parameters[name]) for name in COSTS[kind]}
        return SecretKey.taken(_FUNCTIONS[kind](passphrase, bytes.fromhex(parameters["salt"]), cost))
    except (KeyError, ValueError, MemoryError, OverflowError, UnsupportedAlgorithm):
        raise KeyUnavailable("SEC-002", hint="the vault's key parameters are not valid") from None


def _scrypt(passphrase: SecretKey, salt: bytes, cost: dict[str, int]) -> bytes:
    n, r, p = cost["n"], cost["r"], cost["p"]
    if not 0 < 128 * n * r <= _MAX_MEMORY or not 1 <= p <= 4:
        raise ValueError
    return Scrypt(salt=salt, length=KEY_SIZE, n=n, r=r, p=p).derive(passphrase.value)


def _argon2id(passphrase: SecretKey, salt: bytes, cost: dict[str, int]) -> bytes:
    iterations, lanes, memory = cost["iterations"], cost["lanes"], cost["memory"]
    if not 0 < memory << 10 <= _MAX_MEMORY or not 1 <= iterations <= 16 or not 1 <= lanes <= 16:
        raise ValueError
    derived = Argon2id(salt=salt, length=KEY_SIZE, iterations=iterations, lanes=lanes, memory_cost=memory)
    return derived.derive(bytes(passphrase.value))


_FUNCTIONS: Final[dict[str, Callable[[SecretKey, bytes, dict[str, int]], bytes]]] = {
    "scrypt": _scrypt,
    "argon2id": _argon2id,
}
