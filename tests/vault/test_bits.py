"""Every bit of a small store: whichever is flipped, what is read is what was written, or there is an error."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.batches import pulse, resolved
from support.places import Places
from support.records import SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import LegalHold, SecurityError
from iomt_interop.vault import KeyFile, KeyProvider, SqliteBackend, SubjectRow, Vault

PART = int(os.environ.get("IOMT_BITS_PART", "17"))
"""Every how many-th bit is flipped; 1 for all, which takes minutes."""


class Octets(SqliteBackend):
    """A file that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._path, self._readonly, self._wal = Path("no file"), True, False
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self._connection.deserialize(data)
            self._configure(True)
        except BaseException:
            self._connection.close()
            raise


class Once:
    """The key, read once."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys, self._raw = keys, b""

    def parameters(self) -> dict[str, str]:
        return self._keys.parameters()

    def key(self, parameters: Any) -> Any:
        from iomt_interop.crypto import SecretKey

        self._raw = self._raw or bytes(self._keys.key({"kind": "key-file"}).value)
        return SecretKey(self._raw)


def content(vault: Vault) -> tuple[object, ...]:
    """Return what can be read of records and batches."""
    every = list(vault.records(versions="all"))
    return every, list(vault.records(subject="s")), [resolved(one) for one in vault.batches(subject="s")]


def small(path: Path, keys: KeyProvider) -> bytes:
    """Return a store of every table, in pages of 512 octets."""
    person = make(m.Subject, identifiers=(m.Identifier(value="4711"),)).replace(id="s")
    event = make(m.Event, code=SPO2, subject="s").replace(id="b" * 32)
    with Vault.create(path, keys=keys) as vault:
        vault.put([person, event])
        vault.put([event.replace(text="again")])
        vault.put_batches([pulse(2)])
        vault.put([event.replace(subject="gone")])
        vault.hold("s", "a reason")
        vault.erase("gone", at="2026-11-24T12:00:00Z")
        vault.compact()
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA page_size=512; VACUUM")
    connection.close()
    return path.read_bytes()


def outcome(data: bytes, keys: KeyProvider, expected: tuple[object, ...]) -> str:
    """Tell what came of reading; anything but an error of the taxonomy and equal data is a failure."""
    try:
        backend = Octets(data)
    except SecurityError as error:
        return error.code
    try:
        vault = Vault(backend, keys)
    except SecurityError as error:
        backend.close()
        return error.code
    with vault:
        try:
            found: object = content(vault)
        except SecurityError as error:
            found = error.code
        if isinstance(found, str):
            return found
        assert found == expected
        try:
            vault.verify()
            rest = vault.find("4711"), vault.holds()
        except SecurityError as error:
            return error.code + " when it is verified"
    assert rest == (["s"], {"s": "a reason"})
    return "equal"


def test_every_bit(tmp_path: Path) -> None:
    keys = Once(KeyFile.create(tmp_path / "k"))
    good = small(tmp_path / "v", keys)
    with Vault(Octets(good), keys) as vault:
        expected = content(vault)
    assert outcome(good, keys, expected) == "equal"
    seen: Counter[str] = Counter()
    failed: list[int] = []
    data = bytearray(good)
    for bit in range(0, 8 * len(good), PART):
        data[bit >> 3] ^= 1 << (bit & 7)
        try:
            seen[outcome(bytes(data), keys, expected)] += 1
        except Exception:  # noqa: BLE001 - whatever it is, the bit is told
            failed.append(bit)
        data[bit >> 3] ^= 1 << (bit & 7)
    assert failed == [], f"of {8 * len(good)} bits"
    # Unused room and SQLite's counters carry nothing; of what was stored every bit counts.
    assert seen.total() - seen["equal"] > 0.95 * 8 * stored_in(tmp_path / "v") / PART
    assert set(seen) <= {"equal", "SEC-001", "SEC-002", "SEC-004", "SEC-005", "SEC-007",
                         "SEC-001 when it is verified", "SEC-004 when it is verified"}  # fmt: skip


def stored_in(path: Path) -> int:
    """Return the octets of all cells of all tables."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    rows = [row for name in tables for row in connection.execute(f"SELECT * FROM {name}")]
    connection.close()
    return sum(len(cell) for row in rows for cell in row if isinstance(cell, bytes | str))


class Hiding(SqliteBackend):
    """A file whose lookup of keys is damaged: their rows are there, and nobody finds them."""

    def subject(self, blind: bytes) -> list[SubjectRow]:
        return []


def test_a_hold_that_is_dropped_or_added_is_missed(places: Places, key: KeyFile) -> None:
    """Or its person would be erased; also one that is lifted, and put back from a copy."""
    with Vault.create(places.new("held"), keys=key) as vault:
        vault.put_batches([pulse(2, "anna"), pulse(2, "bert", "cd")])
        vault.hold("anna", "a lawsuit")
        vault.hold("bert", "another")
        (first, second), backend = sorted(vault._backend.holds()), vault._backend
        for blind, sealed in ((first[0], None), (second[0], first[1]), (bytes(16), first[1])):
            before = backend.hold(blind)
            with backend.writing():
                backend.set_hold(blind, sealed)
            for use in (
                vault.holds, vault.verify, lambda: vault.erase("anna", at="2026-11-24T12:00:00Z"),
                lambda: vault.erase("bert", at="2026-11-24T12:00:00Z"), lambda: vault.release("bert"),
                lambda: vault.hold("anna", "the same"),
            ):  # fmt: skip
                with pytest.raises(SecurityError, match="SEC-004"):
                    use()
            with backend.writing():
                backend.set_hold(blind, before)
        assert vault.holds() == {"anna": "a lawsuit", "bert": "another"}
        with pytest.raises(LegalHold):
            vault.erase("anna", at="2026-11-24T12:00:00Z")
        assert vault.release("anna")
        with backend.writing():
            backend.set_hold(*next(row for row in (first, second) if backend.hold(row[0]) is None))
        with pytest.raises(SecurityError, match="SEC-004"):
            vault.holds()


@pytest.mark.parametrize("damage", ["the lookup finds nothing", "the handle is another"])
def test_a_person_who_is_not_found_is_not_nobody(tmp_path: Path, damage: str) -> None:
    keys, path = KeyFile.create(tmp_path / "k"), tmp_path / "v"
    small(path, keys)
    if damage == "the handle is another":
        connection = sqlite3.connect(path)
        connection.execute("UPDATE subjects SET handle = randomblob(16)")
        connection.commit()
        connection.close()
    kind = Hiding if damage == "the lookup finds nothing" else SqliteBackend
    with Vault(kind(path), keys) as vault:
        for use in (
            lambda: list(vault.records(subject="s")), lambda: list(vault.batches(subject="s")),
            lambda: vault.history("b" * 32, "s"), vault.verify,
        ):  # fmt: skip
            with pytest.raises(SecurityError):
                use()
