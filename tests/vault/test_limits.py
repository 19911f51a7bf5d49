"""What cannot be kept is refused whole, in our own words; what was kept survives kills and full disks."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.records import SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import InvalidRecord, InvalidRequest, SecurityError, StoreDamaged
from iomt_interop.vault import KeyFile, SqliteBackend, Vault


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """Return a new key file."""
    return KeyFile.create(tmp_path / "test.key")


@pytest.mark.parametrize(
    "record",
    [
        make(m.Event, code=SPO2, text=SECRET + "\ud800"),
        make(m.Observation, code=SPO2, value=m.Quantity(mantissa=10**4400)),
        make(m.Observation, code=SPO2, value=m.Quantity(mantissa=-(10**9000))),
    ],
    ids=["half a surrogate pair", "long integer", "long negative integer"],
)
def test_what_could_not_be_read_again_is_not_taken(tmp_path: Path, key: KeyFile, record: m.Record) -> None:
    with Vault.create(tmp_path / "v", keys=key) as vault:
        with pytest.raises(InvalidRecord) as caught:
            vault.put([*every_kind(), record])
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__
        assert list(vault.records()) == []
        vault.put(every_kind())
        assert list(vault.records()) == every_kind()


def test_a_put_that_fails_after_its_first_block_is_forgotten(tmp_path: Path, key: KeyFile) -> None:
    event = make(m.Event, code=SPO2)
    good, bad = event.replace(subject="a"), event.replace(subject="b", text="\ud800")
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put(every_kind())
        before = vault.info()
        for _ in range(2):
            with pytest.raises(InvalidRecord):
                vault.put([good, bad])
            assert (vault.info()["blocks"], vault.info()["subjects"]) == (before["blocks"], before["subjects"])
            assert list(vault.records()) == every_kind()
        assert vault.put([good]).stored == 1
        assert list(vault.records()) == [*every_kind(), good]
        vault.verify()
    with Vault.open(tmp_path / "v", keys=key) as vault:
        vault.verify()


def test_long_texts_of_digits_and_large_documents_are_taken(tmp_path: Path, key: KeyFile) -> None:
    records = [
        make(m.Event, code=SPO2, text="7" * 9000),
        make(m.Document, data=bytes(3_000_000)),
        make(m.Observation, code=SPO2, value=m.Quantity(mantissa=10**4299)),
    ]
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put(records)
        assert list(vault.records()) == records


def test_a_full_disk_leaves_the_old_state(tmp_path: Path, key: KeyFile) -> None:
    Vault.create(tmp_path / "v", keys=key).close()

    class Full(SqliteBackend):
        def limit(self, pages: int) -> None:
            self._connection.execute(f"PRAGMA max_page_count={pages}")

    backend = Full(tmp_path / "v", readonly=False)
    with Vault(backend, key) as vault:
        vault.put(every_kind())
        backend.limit(1)
        many = [make(m.Event, code=SPO2).replace(id=m.record_id("e", n)) for n in range(3000)]
        with pytest.raises(StoreDamaged, match="SEC-006"):
            vault.put(many)
        backend.limit(100_000)
        assert list(vault.records()) == every_kind()
        assert vault.put(many).stored == len(many)
        vault.verify()


def test_a_closed_vault_and_one_that_is_read_are_not_written(tmp_path: Path, key: KeyFile) -> None:
    vault = Vault.create(tmp_path / "v", keys=key)
    vault.close()
    with pytest.raises(InvalidRequest):
        vault.put(every_kind())
    with pytest.raises(InvalidRequest):
        list(vault.records())
    with Vault.open(tmp_path / "v", keys=key) as reader, pytest.raises(InvalidRequest, match="opened for reading"):
        reader.put(every_kind())
    for path in (tmp_path / "no" / "folder" / "v", tmp_path):
        with pytest.raises(InvalidRequest):
            Vault.create(path, keys=key)
        with pytest.raises(InvalidRequest):
            Vault.open(path, keys=key)


@pytest.mark.parametrize("bit", [0, 7])
def test_every_octet_of_every_block_counts(tmp_path: Path, key: KeyFile, bit: int) -> None:
    path = tmp_path / "v"
    with Vault.create(path, keys=key) as vault:
        vault.put(every_kind()[:3])
        vault.put(every_kind()[3:5])
    good = path.read_bytes()
    rows = sqlite3.connect(path).execute("SELECT header, salt, commitment, ciphertext FROM blocks").fetchall()
    places = [good.find(cell) + k for row in rows for cell in row for k in range(len(cell))]
    assert len(places) > 500
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << bit
        path.write_bytes(bad)
        with pytest.raises(SecurityError), Vault.open(path, keys=key) as vault:
            list(vault.records())


@pytest.mark.parametrize("name", ["n", "r", "p", "salt", "kind"])
def test_false_key_parameters_cost_nothing_and_open_nothing(tmp_path: Path, name: str) -> None:
    from iomt_interop.vault import PassphraseKey

    path, passphrase = tmp_path / "v", PassphraseKey("correct horse")
    Vault.create(path, keys=passphrase).close()
    connection = sqlite3.connect(path)
    (raw,) = connection.execute("SELECT value FROM meta WHERE name = 'keys'").fetchone()
    for false in ("0", "-1", str(1 << 30), "9" * 5000, "x", ""):
        document = json.dumps({**json.loads(raw), name: false}).encode()
        connection.execute("UPDATE meta SET value = ? WHERE name = 'keys'", (document,))
        connection.commit()
        with pytest.raises(SecurityError):
            Vault.open(path, keys=passphrase)
    connection.close()


WRITER = """
import sys
from support.records import SPO2, make
from iomt_interop import model as m
from iomt_interop.vault import KeyFile, Vault
base = make(m.Event, code=SPO2)
with Vault.open(sys.argv[1], keys=KeyFile(sys.argv[2]), mode="write") as vault:
    for batch in range(1000):
        subjects = [f"s{n % 3}" for n in range(600)]
        records = [base.replace(id=m.record_id(batch, n), subject=s, text=str(batch)) for n, s in enumerate(subjects)]
        print("start", flush=True)
        vault.put(records)
        print(batch, flush=True)
"""


def test_kill_9_amid_large_transactions_leaves_whole_ones(tmp_path: Path, key: KeyFile, root: Path) -> None:
    path, script = tmp_path / "v", tmp_path / "writer.py"
    script.write_text(f"import sys\nsys.path[:0] = [{str(root / 'tests')!r}, {str(root)!r}]\n{WRITER}")
    for attempt in range(12):
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        Vault.create(path, keys=key).close()
        command = [sys.executable, str(script), str(path), str(tmp_path / "test.key")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(attempt * 0.009)
            process.send_signal(signal.SIGKILL)
            done = [line for line in process.stdout.read().split() if line.isdigit()]
        with Vault.open(path, keys=key) as vault:
            texts = [record.text for record in vault.records() if isinstance(record, m.Event)]
            vault.verify()
        assert len(texts) % 600 == 0
        assert set(done) <= set(texts)
        assert len(texts) // 600 - len(done) in (0, 1)
