"""No key and nonce are ever used twice, also after an older copy was restored and written on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.guards import observation

from iomt_interop.crypto import envelope
from iomt_interop.vault import KeyFile, Vault


def test_no_pair_of_key_and_nonce_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[bytes, bytes]] = []
    real: Any = envelope.AESGCM

    class Watched:
        def __init__(self, key: Any) -> None:
            self._key, self._cipher = bytes(key), real(key)

        def encrypt(self, nonce: Any, data: Any, associated: Any) -> Any:
            used.append((self._key, bytes(nonce)))
            return self._cipher.encrypt(nonce, data, associated)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cipher, name)

    monkeypatch.setattr(envelope, "AESGCM", Watched)
    keys, path = KeyFile.create(tmp_path / "key"), tmp_path / "v"
    batches = [[observation(subject=name) for name in ("ann", "bea") for _ in range(3)] for _ in range(6)]
    with Vault.create(path, keys=keys) as vault:
        vault.put(batches[0])
    shutil.copy(path, tmp_path / "older")
    for batch in batches[1:]:
        # Each time the same state goes on in another way, as after a snapshot was restored.
        shutil.copy(tmp_path / "older", path)
        with Vault.open(path, keys=keys, mode="write") as vault:
            vault.put(batch)
            vault.verify()
    assert len(used) >= 1 + 2 * 6
    assert len(set(used)) == len(used)
