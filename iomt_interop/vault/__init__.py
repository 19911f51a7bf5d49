"""The encrypted store of canonical records."""

from __future__ import annotations

from ..crypto import EnvironmentKey, KeyFile, KeyProvider, PassphraseKey, RewrappingProvider, keyring
from ..crypto import known_answer as self_test
from ..crypto.memory import sweep_memory
from .backend import Backend, Block, SubjectRow
from .keeping import ErasureReceipt, Keeping
from .selection import Versions
from .sqlite import SqliteBackend
from .store import PutResult, Vault

__all__ = [
    "Backend",
    "Block",
    "EnvironmentKey",
    "ErasureReceipt",
    "Keeping",
    "KeyFile",
    "KeyProvider",
    "PassphraseKey",
    "PutResult",
    "RewrappingProvider",
    "SqliteBackend",
    "SubjectRow",
    "Vault",
    "Versions",
    "keyring",
    "self_test",
    "sweep_memory",
]
