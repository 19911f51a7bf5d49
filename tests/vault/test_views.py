"""One vault, several views: a reader amid a writer, a restored copy, a closed one, a file with other tables."""

from __future__ import annotations

import shutil
import sqlite3
import traceback
from pathlib import Path

import pytest
from support.records import SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.crypto import envelope
from iomt_interop.errors import DecryptionFailed, InvalidRequest, StoreDamaged
from iomt_interop.vault import KeyFile, Vault


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """Return a new key file."""
    return KeyFile.create(tmp_path / "test.key")


def event(number: int, text: str = "") -> m.Record:
    """Return a numbered event."""
    return make(m.Event, code=SPO2, text=text or None, subject="s").replace(id=m.record_id("event", number))


@pytest.mark.parametrize("subject", [None, "s"])
def test_a_put_amid_reading_makes_no_gap(tmp_path: Path, key: KeyFile, subject: str | None) -> None:
    """The old version of a record is yielded though its new one came meanwhile; else it would be in neither place."""
    before = [event(n) for n in range(4)]
    with Vault.create(tmp_path / "v", keys=key) as vault:
        for record in before:
            vault.put([record])
        reading = vault.records(subject=subject)
        seen = [next(reading)]
        vault.put([event(n, "amended") for n in range(4)])
        with Vault.open(tmp_path / "v", keys=key, mode="write") as other:
            other.put([event(2, "amended again"), event(9)])
        assert [*seen, *reading] == before
        assert [r.id for r in vault.records()] == [event(n).id for n in (0, 1, 3, 2, 9)]


def test_no_key_meets_a_nonce_twice_though_a_copy_was_restored(
    tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter on a long-lived key would repeat here: the restored copy writes the same block numbers again."""
    used: list[tuple[bytes, bytes]] = []
    cipher = envelope.AESGCM

    class Recording:
        def __init__(self, secret: bytes) -> None:
            self._secret, self._cipher = bytes(secret), cipher(secret)

        def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
            used.append((self._secret, nonce))
            return self._cipher.encrypt(nonce, plaintext, associated)

        def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
            return self._cipher.decrypt(nonce, ciphertext, associated)

        def decrypt_into(self, nonce: bytes, ciphertext: bytes, associated: bytes, buffer: bytearray) -> int:
            return self._cipher.decrypt_into(nonce, ciphertext, associated, buffer)

    monkeypatch.setattr(envelope, "AESGCM", Recording)
    path, copy = tmp_path / "v", tmp_path / "copy"
    with Vault.create(path, keys=key) as vault:
        vault.put(every_kind())
    shutil.copy(path, copy)
    for _ in range(5):
        shutil.copy(copy, path)
        with Vault.open(path, keys=key, mode="write") as vault:
            for turn in range(4):
                vault.put([event(1, f"same {turn}"), make(m.Device, node="mds", subject="t")])
                vault.put([event(1, f"other {turn}")])
            vault.verify()
    assert len(used) > 40
    assert len(set(used)) == len(used)


def test_a_closed_vault_has_forgotten_its_keys(tmp_path: Path, key: KeyFile) -> None:
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put(every_kind())
        held = [secret.value for secret in vault._ledger.secrets()]
        assert len(held) > 4
        assert all(any(secret) for secret in held)
    vault.close()
    assert all(secret == bytes(32) for secret in held)
    for use in (
        vault.verify,
        vault.info,
        lambda: list(vault.records()),
        lambda: vault.find(SECRET),
        lambda: vault.put(every_kind()),
    ):
        with pytest.raises(InvalidRequest, match="closed"):
            use()


def test_a_vault_that_did_not_open_can_be_shown(tmp_path: Path, key: KeyFile) -> None:
    Vault.create(tmp_path / "v", keys=key).close()
    with pytest.raises(DecryptionFailed) as caught:
        Vault.open(tmp_path / "v", keys=KeyFile.create(tmp_path / "other"))
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "Vault(0 blocks)" in "".join(report.format())


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
SCHEMAS = {
    "an endless index": f"DROP TABLE identifiers; CREATE VIEW identifiers AS {ENDLESS} "
    "SELECT randomblob(16) AS blind, randomblob(16) AS record FROM c",
    "endless keys": f"DROP TABLE subjects; CREATE VIEW subjects AS {ENDLESS} "
    "SELECT randomblob(16) AS handle, randomblob(16) AS blind, randomblob(16) AS wrapped FROM c",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON blocks BEGIN DELETE FROM blocks WHERE seq = NEW.seq; END",
    "another table": "CREATE TABLE plaintext (record TEXT)",
    "an index": "CREATE INDEX i ON records (length(content))",
    "a table of other columns": "ALTER TABLE records ADD COLUMN more",
}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_file_with_other_tables_is_not_opened(tmp_path: Path, key: KeyFile, name: str, mode: str) -> None:
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put(every_kind())
    connection = sqlite3.connect(tmp_path / "v")
    connection.executescript(SCHEMAS[name])
    connection.close()
    with pytest.raises(StoreDamaged, match="tables"):
        Vault.open(tmp_path / "v", keys=key, mode=mode)  # type: ignore[arg-type]
