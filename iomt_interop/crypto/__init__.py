"""The only importer of pyca/cryptography: envelope, key providers, keyed digests."""

from __future__ import annotations

from .envelope import (
    KEY_SIZE,
    SALT_SIZE,
    KeyWrap,
    Sealed,
    SecretKey,
    known_answer,
    open_sealed,
    seal,
    unwrap_key,
    wrap_key,
)
from .keys import EnvironmentKey, KeyFile, KeyProvider, PassphraseKey, RewrappingProvider, keyring
from .mac import PreparedMac

__all__ = [
    "KEY_SIZE",
    "SALT_SIZE",
    "EnvironmentKey",
    "KeyFile",
    "KeyProvider",
    "KeyWrap",
    "PassphraseKey",
    "PreparedMac",
    "RewrappingProvider",
    "Sealed",
    "SecretKey",
    "keyring",
    "known_answer",
    "open_sealed",
    "seal",
    "unwrap_key",
    "wrap_key",
]
