"""Many messages in one transaction, and what several writers and readers see of each other."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from support.places import Places
from support.records import SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import InvalidRecord, InvalidRequest, VaultLocked
from iomt_interop.vault import KeyFile, PutResult, SqliteBackend, Vault


def event(text: str, number: int = 0, subject: str | None = "s") -> m.Record:
    """Return a version of an event."""
    return make(m.Event, code=SPO2, text=text, subject=subject).replace(id=m.record_id("event", number))


def test_groups_are_as_puts_one_after_the_other(places: Places, key: KeyFile) -> None:
    groups = [
        [event("a"), event("b", 1)], [], [event("a"), event("c", 1, "t")], [event("b"), *every_kind()],
        [event("a"), event("b", 1), event("z", 2, None)], [event("b")],
    ]  # fmt: skip
    with Vault.create(places.new("groups"), keys=key) as vault, Vault.create(places.new("puts"), keys=key) as other:
        assert vault.put_groups(groups) == [other.put(group) for group in groups]
        for versions in ("merged", "all"):
            found = list(vault.records(versions=versions))  # type: ignore[arg-type]
            assert sorted(found, key=repr_of) == sorted(other.records(versions=versions), key=repr_of)  # type: ignore[arg-type]
        assert vault.history(event("").id, subject="s") == other.history(event("").id, subject="s")
        assert vault.info()["versions"] == other.info()["versions"]
        assert vault.put_groups(groups) == [PutResult(0, 0, len(group)) for group in groups]
        vault.verify()


def repr_of(record: m.Record) -> tuple[str, str]:
    """Return what records are sorted by."""
    return record.id, record.model_dump_json()


def test_a_group_that_cannot_be_stored_is_refused_alone(places: Places, key: KeyFile) -> None:
    bad = [event("good", 1), event(SECRET + "\ud800", 2), event("good", 3)]
    with Vault.create(places.new("refused"), keys=key) as vault:
        first, refused, last = vault.put_groups([[event("a")], bad, [event("b", 4)]])
        assert (first, last) == (PutResult(1, 0, 0), PutResult(1, 0, 0))
        assert isinstance(refused, InvalidRecord)
        assert SECRET not in str(refused)
        assert list(vault.records()) == [event("a"), event("b", 4)]
        with pytest.raises(InvalidRequest):
            vault.put_groups([[event("c")], ["no record"]])  # type: ignore[list-item]
        with pytest.raises(InvalidRequest):
            vault.put_groups(event("c"))  # type: ignore[arg-type]
        assert list(vault.records()) == [event("a"), event("b", 4)]
        vault.verify()


def test_groups_are_one_transaction(tmp_path: Path, key: KeyFile) -> None:
    with Vault.create(tmp_path / "v", keys=key) as vault:
        statements: list[str] = []
        vault._backend._connection.set_trace_callback(statements.append)  # type: ignore[attr-defined]
        vault.put_groups([[event(str(n), n)] for n in range(50)])
        vault._backend._connection.set_trace_callback(None)  # type: ignore[attr-defined]
        assert statements.count("COMMIT") == 1
        assert vault.info()["blocks"] == 1


def test_a_second_writer_waits_and_then_is_told(tmp_path: Path, key: KeyFile) -> None:
    """It waits as long as it was told to; then it gets an error of its own, and nothing of its records is stored."""
    path = tmp_path / "v"
    Vault.create(path, keys=key).close()
    with Vault(SqliteBackend(path, readonly=False), key) as first:
        first.put([event("a")])
        with Vault(SqliteBackend(path, readonly=False, timeout=0.3), key) as second:
            with first._backend.writing():
                before = time.monotonic()
                with pytest.raises(VaultLocked, match="SEC-003"):
                    second.put([event("b", 1)])
                assert time.monotonic() - before >= 0.25
                assert list(second.records()) == [event("a")]  # a reader does not wait
            assert second.put([event("b", 1)]).stored == 1
            assert first.put([event("c", 2)]).stored == 1
            assert list(second.records()) == list(first.records()) == [event("a"), event("b", 1), event("c", 2)]


def test_a_second_writer_that_waits_long_enough_writes(tmp_path: Path, key: KeyFile) -> None:
    path = tmp_path / "v"
    Vault.create(path, keys=key).close()
    locked = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(0.4)
        connection.execute("ROLLBACK")
        connection.close()

    with Vault(SqliteBackend(path, readonly=False, timeout=20), key) as vault:
        vault.put([event("a")])
        other = threading.Thread(target=hold)
        other.start()
        locked.wait()
        assert vault.put([event("b", 1)]).stored == 1
        other.join()
        assert list(vault.records()) == [event("a"), event("b", 1)]


def test_readers_read_while_one_writes(places: Places, key: KeyFile) -> None:
    """Each sees whole transactions, in order, and never fewer than before."""
    place, failures = places.new("readers"), list[str]()
    Vault.create(place, keys=key).close()
    done = threading.Event()

    def read() -> None:
        seen = 0
        with Vault.open(place, keys=key) as vault:
            while True:
                last = done.is_set()
                texts = [record.text for record in vault.records() if isinstance(record, m.Event)]
                if len(texts) % 3 or len(texts) < seen or texts != [str(n // 3) for n in range(len(texts))]:
                    failures.append(f"{len(texts)} after {seen}")
                seen = len(texts)
                if last:
                    break
        if seen != 60:
            failures.append(f"{seen} at the end")

    readers = [threading.Thread(target=read) for _ in range(3)]
    with Vault.open(place, keys=key, mode="write") as vault:
        for reader in readers:
            reader.start()
        for n in range(20):
            vault.put([event(str(n), 3 * n + k) for k in range(3)])
        done.set()
        for reader in readers:
            reader.join()
    assert failures == []
