"""The vault: what is put comes back equal, or there is an error; never other data, never plaintext on a disk."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.places import Place, Places
from support.records import AT, SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import (
    DecryptionFailed,
    InvalidRequest,
    KeyUnavailable,
    SecurityError,
    VaultLocked,
)
from iomt_interop.privacy import find_leaks
from iomt_interop.vault import Backend, KeyFile, PassphraseKey, SqliteBackend, Vault

ONLY_FILES = pytest.mark.parametrize("places", ["files"], indirect=True)


@pytest.fixture
def filled(places: Places, key: KeyFile) -> Place:
    """Return a closed vault with every kind of record, in several transactions."""
    return fill(places.new("test"), key)


def fill(place: Place, key: KeyFile) -> Place:
    """Make a vault with every kind of record, in several transactions."""
    with Vault.create(place, keys=key) as vault:
        vault.put(every_kind())
        vault.put([observation(n) for n in range(3)])
        vault.put([observation(1).replace(status="amended")])
    return place


def observation(number: int) -> m.Observation:
    """Return a numbered observation."""
    base = make(
        m.Observation, code=SPO2, value=m.Quantity(mantissa=number, unit="%"), time=AT, status="final", subject="s"
    )
    assert isinstance(base, m.Observation)
    return base.replace(id=m.record_id("numbered", number))


def stored(path: Place, key: KeyFile) -> list[m.Record]:
    """Return everything a vault holds."""
    with Vault.open(path, keys=key) as vault:
        return list(vault.records())


def expected() -> list[m.Record]:
    """Return what :func:`filled` holds, latest versions."""
    return [*every_kind(), observation(0), observation(2), observation(1).replace(status="amended")]


def test_every_kind_comes_back_equal(filled: Place, key: KeyFile) -> None:
    assert sorted(stored(filled, key), key=lambda r: r.id) == sorted(expected(), key=lambda r: r.id)
    with Vault.open(filled, keys=key) as vault:
        vault.verify()
        info = vault.info()
        assert (info["records"], info["versions"]) == (len(expected()), len(expected()) + 1)
        assert [r.kind for r in vault.records(kinds={"device", "alert"})] == ["device", "alert"]
        assert [r.id for r in vault.records(subject="s")] == [observation(n).id for n in (0, 2, 1)]
        assert list(vault.records(subject="nobody")) == []


def test_what_is_there_is_not_stored_again(filled: Place, key: KeyFile) -> None:
    with Vault.open(filled, keys=key, mode="write") as vault:
        again = vault.put(every_kind())
        assert (again.stored, again.replaced, again.unchanged) == (0, 0, len(every_kind()))
        twice = vault.put([observation(9), observation(9), observation(9).replace(status="amended")])
        assert (twice.stored, twice.replaced, twice.unchanged) == (1, 1, 1)
        assert [r.status for r in vault.records() if r.id == observation(9).id] == ["amended"]
        vault.verify()


def test_a_device_of_two_persons_is_described_for_both(filled: Place, key: KeyFile) -> None:
    device = make(m.Device, node="mds", serial="1")
    with Vault.open(filled, keys=key, mode="write") as vault:
        vault.put([device.replace(subject="s"), device.replace(subject="t")])
        for person in "st":
            assert [r.subject for r in vault.records(subject=person, kinds={"device"})] == [person]
        vault.verify()


def test_subjects_are_found_by_identifier(filled: Place, key: KeyFile) -> None:
    (subject,) = (r.id for r in every_kind() if r.kind == "subject")
    with Vault.open(filled, keys=key) as vault:
        assert vault.find(SECRET) == [subject]
        assert vault.find(SECRET, system="elsewhere") == []
        assert vault.find("nobody") == []
        assert list(vault.subjects()) == [subject]


def test_wrong_and_missing_keys(filled: Place, places: Places, key: KeyFile, tmp_path: Path) -> None:
    with pytest.raises(DecryptionFailed):
        Vault.open(filled, keys=KeyFile.create(tmp_path / "other.key"))
    with pytest.raises(KeyUnavailable):
        Vault.open(filled, keys=KeyFile(tmp_path / "none.key"))
    with pytest.raises(KeyUnavailable, match="key-file"):
        Vault.open(filled, keys=PassphraseKey("x"))
    with pytest.raises(InvalidRequest):
        Vault.open(places.new("none"), keys=key)
    with pytest.raises(InvalidRequest):
        Vault.create(filled, keys=key)
    with Vault.open(filled, keys=key) as vault, pytest.raises(InvalidRequest, match="mode='write'"):
        vault.put([observation(77)])


@ONLY_FILES
def test_a_flipped_bit_is_an_error_or_nothing_but_never_other_data(filled: Path, key: KeyFile, tmp_path: Path) -> None:
    """Every block's octets, and a sample of all others: where nothing is read, nothing may change."""
    good = filled.read_bytes()
    right = sorted(expected(), key=lambda r: r.id)
    rows = sqlite3.connect(filled).execute("SELECT header, salt, commitment, ciphertext FROM blocks").fetchall()
    offsets = [good.find(cell[:200]) + k for row in rows for cell in row for k in range(0, len(cell[:200]), 7)]
    chosen = random.Random(7)
    offsets += [chosen.randrange(len(good)) for _ in range(400)]
    caught = 0
    for offset in offsets:
        bad = bytearray(good)
        bad[offset] ^= 1 << chosen.randrange(8)
        copy = tmp_path / "flipped.vault"
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
        copy.write_bytes(bad)
        try:
            found = stored(copy, key)
        except SecurityError:
            caught += 1
            continue
        assert sorted(found, key=lambda r: r.id) == right, offset
    assert caught >= len(offsets) - 400


TAMPERINGS = {
    "a block is dropped": "DELETE FROM blocks WHERE seq = 2",
    "the last block is dropped": "DELETE FROM blocks WHERE seq = (SELECT max(seq) FROM blocks)",
    "two blocks are swapped": "UPDATE blocks SET seq = CASE seq WHEN 1 THEN 1002 WHEN 2 THEN 1001 ELSE seq END; "
    "UPDATE blocks SET seq = seq - 1000 WHERE seq > 1000",
    "a block is replayed": "INSERT INTO blocks SELECT 99, header, salt, commitment, ciphertext FROM blocks "
    "WHERE seq = 1",
    "a ciphertext is exchanged": "UPDATE blocks SET ciphertext = (SELECT ciphertext FROM blocks WHERE seq = 1) "
    "WHERE seq = 2",
    "a block is exchanged": "UPDATE blocks SET (salt, commitment, ciphertext) = "
    "(SELECT salt, commitment, ciphertext FROM blocks WHERE seq = 1) WHERE seq = 2",
    "a key is dropped": "DELETE FROM subjects",
    "keys are exchanged": "UPDATE subjects SET wrapped = (SELECT wrapped FROM subjects ORDER BY handle LIMIT 1)",
    "the root is dropped": "DELETE FROM meta WHERE name = 'root'",
    "the format is another": "UPDATE meta SET value = CAST('9' AS BLOB) WHERE name = 'format'",
    "the store's id is another": "UPDATE meta SET value = randomblob(16) WHERE name = 'store'",
}

UNTYPED = {
    "the root is of another type": "UPDATE meta SET value = 5 WHERE name = 'root'",
    "a header is of another type": "UPDATE blocks SET header = 'text' WHERE seq = 1",
}
"""What only SQLite lets happen."""


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_tampering_is_detected(filled: Place, places: Places, key: KeyFile, name: str) -> None:
    places.run(filled, TAMPERINGS[name])
    with pytest.raises(SecurityError):
        stored(filled, key)


@ONLY_FILES
@pytest.mark.parametrize("name", sorted(UNTYPED))
def test_a_cell_of_another_type_is_detected(filled: Place, places: Places, key: KeyFile, name: str) -> None:
    places.run(filled, UNTYPED[name])
    with pytest.raises(SecurityError):
        stored(filled, key)


@pytest.mark.parametrize("statement", ["DELETE FROM records", "UPDATE records SET ordinal = ordinal + 1"])
def test_a_tampered_index_fails_verification(filled: Place, places: Places, key: KeyFile, statement: str) -> None:
    places.run(filled, statement)
    with Vault.open(filled, keys=key) as vault, pytest.raises(SecurityError):
        vault.verify()


def test_files_of_other_kinds_are_no_vaults(tmp_path: Path, key: KeyFile) -> None:
    path = tmp_path / "x.vault"
    for content in (b"", b"text", b"SQLite format 3\0" + bytes(4080)):
        path.write_bytes(content)
        with pytest.raises(SecurityError, match="SEC-007"):
            Vault.open(path, keys=key)
        assert path.read_bytes() == content


def test_no_plaintext_stands_in_any_file(tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    words = [SECRET, "MDC_PULS_OXIM", "150456", "observation", every_kind()[1].id]
    with Vault.create(tmp_path / "x.vault", keys=key) as vault:
        for _ in range(3):
            vault.put(every_kind())
            vault.put([observation(n) for n in range(2000)])
            files = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "test.key"]
            assert any(p.name.endswith("-wal") for p in files)
            for path in files:
                assert find_leaks(path.read_bytes(), words) == [], path.name
    assert not list(temporary.iterdir())


@ONLY_FILES
def test_a_second_writer_waits_or_is_told(filled: Place, key: KeyFile) -> None:
    blocker = sqlite3.connect(filled, isolation_level=None)
    backend = SqliteBackend(filled, readonly=False, timeout=0.1)
    with Vault(backend, key) as vault:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(VaultLocked):
            vault.put([observation(50)])
        blocker.execute("ROLLBACK")
        with Vault.open(filled, keys=key, mode="write") as other:
            other.put([observation(51)])
        vault.put([observation(52)])
        assert {observation(51).id, observation(52).id} <= {r.id for r in vault.records()}
        vault.verify()
    blocker.close()


def test_a_reader_sees_what_was_committed(filled: Place, key: KeyFile) -> None:
    with Vault.open(filled, keys=key) as reader, Vault.open(filled, keys=key, mode="write") as writer:
        before = len(list(reader.records()))
        writer.put([observation(60)])
        assert len(list(reader.records())) == before + 1


def test_an_interrupted_put_leaves_the_old_state(filled: Place, key: KeyFile) -> None:
    class Broken:
        def __iter__(self) -> object:
            yield observation(70)
            raise KeyboardInterrupt

    with Vault.open(filled, keys=key, mode="write") as vault:
        with pytest.raises(KeyboardInterrupt):
            vault.put(Broken())  # type: ignore[arg-type]
        assert vault.put([observation(71)]).stored == 1
        ids = {r.id for r in vault.records()}
        assert observation(70).id not in ids
        vault.verify()


KILLED = """
import sys
from support.records import every_kind
from test_vault_helper import observation
from iomt_interop.vault import KeyFile, Vault
with Vault.open(sys.argv[1], keys=KeyFile(sys.argv[2]), mode="write") as vault:
    for n in range(1000, 100000):
        vault.put([observation(n)])
        print(n, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(places: Places, key: KeyFile, tmp_path: Path, root: Path) -> None:
    script = tmp_path / "writer.py"
    helper = "from support.records import AT, SPO2, make\nfrom iomt_interop import model as m\n\n"
    helper += "def observation(n):\n    base = make(m.Observation, code=SPO2, value=m.Quantity(mantissa=n, unit='%'), "
    helper += "time=AT, status='final', subject='s')\n    return base.replace(id=m.record_id('numbered', n))\n"
    (tmp_path / "test_vault_helper.py").write_text(helper)
    script.write_text(f"import sys\nsys.path[:0] = [{str(root / 'tests')!r}, {str(tmp_path)!r}]\n{KILLED}")
    chosen = random.Random(3)
    for _ in range(6):
        copy = fill(places.new("killed"), key)
        command = [sys.executable, str(script), str(copy), str(tmp_path / "test.key")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chosen.random() * 0.2)
            process.send_signal(signal.SIGKILL)
            acknowledged = [first.strip(), *process.stdout.read().split()]
        with Vault.open(copy, keys=key) as vault:
            ids = {record.id for record in vault.records()}
            vault.verify()
        assert {observation(int(n)).id for n in acknowledged if n} <= ids
        assert len(ids) <= len(expected()) + len(acknowledged) + 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20))
def test_any_history_of_puts_gives_the_latest_of_new_versions(
    places: Places, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, int]]
) -> None:
    key = KeyFile.create(tmp_path_factory.mktemp("history") / "key")
    latest: dict[str, m.Record] = {}
    seen: list[m.Record] = []
    with Vault.create(places.new("v"), keys=key) as vault:
        for number, content in history:
            record = observation(number).replace(value=m.Quantity(mantissa=content))
            vault.put([record])
            if record not in seen:
                latest[record.id] = record
                seen.append(record)
        assert list(vault.records(versions="all")) == seen
        assert {r.id: r for r in vault.records()} == latest
        vault.verify()


def test_the_backend_fulfils_the_protocol(filled: Place, places: Places) -> None:
    backend: Backend = places.backend(filled)
    assert repr(backend) == f"{type(backend).__name__}()"
    backend.close()
