"""The encrypted store of canonical records."""

from __future__ import annotations

from ..crypto import EnvironmentKey, KeyFile, KeyProvider, PassphraseKey
from ..crypto import known_answer as self_test
from .backend import Backend, SqliteBackend
from .store import PutResult, Vault

__all__ = [
    "Backend",
    "EnvironmentKey",
    "KeyFile",
    "KeyProvider",
    "PassphraseKey",
    "PutResult",
    "SqliteBackend",
    "Vault",
    "self_test",
]
