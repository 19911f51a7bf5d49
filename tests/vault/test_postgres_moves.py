"""The same vault in a file and in PostgreSQL: moved whole from one to the other, and equal after equal operations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import pulse, resolved
from support.places import Files, Schemas
from support.postgres import server
from support.records import AT, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import InvalidRequest, IomtError
from iomt_interop.vault import KeyFile, Vault

WHEN = "2026-11-24T08:00:00Z"


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """Return schemas of a server."""
    return Schemas(server())


def observation(number: int, value: int = 0) -> m.Record:
    """Return a version of one of a few records, of one of a few persons."""
    base = make(m.Observation, code=SPO2, value=m.Quantity(mantissa=value, unit="%"), time=AT, status="final")
    return base.replace(id=m.record_id("numbered", number), subject=f"s{number % 3}" if number % 4 else None)


def person(number: int, value: int = 0) -> m.Record:
    """Return a version of one of a few persons."""
    known = (m.Identifier(value=f"N-{value}"), m.Identifier(system="urn:oid:1.2", value=f"N-{number}"))
    return make(m.Subject, identifiers=known).replace(id=f"s{number}")


def tables(files: Files, path: Path) -> dict[str, list[Any]]:
    """Return all that a file holds."""
    names = [str(name) for (name,) in files.rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: sorted(files.rows(path, f"SELECT * FROM {name}"), key=repr) for name in names}


def test_a_vault_moves_to_a_database_and_back(schemas: Schemas, tmp_path: Path, key: KeyFile) -> None:
    """Every row of every table, and a checkpoint of before still holds."""
    files, signer, last = Files(tmp_path), SigningKey.generate("ward.example/vault"), KeyFile.create(tmp_path / "last")
    first, url, back = files.new("first"), schemas.new("moved"), files.new("back")
    with Vault.create(first, keys=key) as vault:
        vault.put(every_kind())
        vault.put([observation(n) for n in range(3000)])
        vault.put([*(person(n) for n in range(3)), observation(1, 7)])
        vault.hold("s1", "case 12")
        vault.erase("s2", at=WHEN)
        vault.renew()
        vault.put([observation(4001)])
        vault.put_batches([pulse(500, "s1"), pulse(20, None, "cd")])
        vault.rotate(last)
        note = vault.checkpoint(signer)
        expected = list(vault.records(versions="all"))
        vault.backup(url)
        with pytest.raises(InvalidRequest, match="USE-002"):
            vault.backup(url)
    with Vault.open(url, keys=last, mode="write") as vault:
        vault.verify()
        vault.check(note, signer.verify_key)
        assert list(vault.records(versions="all")) == expected
        assert vault.holds() == {"s1": "case 12"}
        vault.backup(back)
        with pytest.raises(InvalidRequest, match="USE-002"):
            vault.backup(back)
    assert tables(files, back) == tables(files, first)
    for name, rows in tables(files, first).items():
        assert sorted(schemas.rows(url, f"SELECT * FROM {name}"), key=repr) == rows
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with Vault.open(back, keys=last, mode="write") as vault:
        vault.verify()
        assert vault.put([observation(1, 8)]).replaced == 1
        vault.check(note, signer.verify_key)


def test_a_copy_that_breaks_off_leaves_nothing(
    schemas: Schemas, tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(tmp_path)
    made, url, broken, missing = files.new("made"), schemas.new("made"), files.new("broken"), schemas.new("broken")
    with Vault.create(made, keys=key) as vault:
        vault.put(every_kind())
        vault.backup(url)

    def breaks(*_: object) -> None:
        raise OSError

    for kind, place, target in ((files.kind, url, broken), (schemas.kind, made, missing)):
        monkeypatch.setattr(kind, "add_blocks", breaks)
        with Vault.open(place, keys=key) as vault, pytest.raises((OSError, InvalidRequest)):
            vault.backup(target)
        monkeypatch.undo()
        with pytest.raises(InvalidRequest, match="there is no vault here"):
            Vault.open(target, keys=key)
        with Vault.open(place, keys=key) as vault:
            vault.backup(target)
        with Vault.open(target, keys=key) as vault:
            vault.verify()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


RECORDS = st.one_of(
    st.builds(observation, st.integers(0, 9), st.integers(0, 2)),
    st.builds(person, st.integers(0, 2), st.integers(0, 2)),
)
NAMES = st.sampled_from(["ab", "cd", "ef"])
WHO = st.sampled_from(["s0", "s1", "s2", "", "nobody"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(RECORDS, max_size=6)),
        st.tuples(st.just("columns"), st.lists(st.tuples(st.sampled_from(["s1", "s2", None]), NAMES), max_size=3)),
        st.tuples(st.sampled_from(["erase", "hold", "release", "look"]), WHO),
        st.tuples(st.sampled_from(["compact", "renew", "rotate", "open"]), st.none()),
    ),
    max_size=12,
)


class Driven:
    """A vault to which operations are done."""

    def __init__(self, place: str | Path, keys: list[KeyFile]) -> None:
        self._place, self._keys = place, itertools.cycle(keys)
        self._key = next(self._keys)
        self.vault = Vault.create(place, keys=self._key)

    def do(self, name: str, what: Any) -> object:
        """Do it; return what can be compared, or the error's code."""
        try:
            return getattr(self, name)(what)
        except IomtError as error:
            return str(error)

    def put(self, records: list[m.Record]) -> object:
        return self.vault.put(records)

    def columns(self, batches: list[tuple[str | None, str]]) -> object:
        return self.vault.put_batches([pulse(5, who, name) for who, name in batches])

    def erase(self, who: str) -> object:
        receipt = self.vault.erase(who, at=WHEN)
        return len(receipt.handles), receipt.blocks, receipt.versions, receipt.erasures

    def hold(self, who: str) -> object:
        return self.vault.hold(who, "case 12")

    def release(self, who: str) -> object:
        return self.vault.release(who)

    def look(self, who: str) -> object:
        numbers = [self.vault.find(f"N-{n}", system) for n in range(3) for system in (None, "urn:oid:1.2")]
        history = [self.vault.history(record.id, subject=who) for record in self.vault.records(who)]
        return list(self.vault.records(who, versions="all")), numbers, history

    def compact(self, _: None) -> object:
        return self.vault.compact()

    def renew(self, _: None) -> object:
        return self.vault.renew()

    def rotate(self, _: None) -> object:
        self._key = next(self._keys)
        return self.vault.rotate(self._key)

    def open(self, _: None) -> object:
        self.vault.close()
        self.vault = Vault.open(self._place, keys=self._key, mode="write")
        return None

    def state(self) -> object:
        """Return all that can be told of the vault but sizes."""
        self.vault.verify()
        info = {name: value for name, value in self.vault.info().items() if name not in {"bytes", "log_bytes"}}
        views: list[Callable[[], object]] = [
            lambda: list(self.vault.records(versions="all")),
            lambda: list(self.vault.records()),
            lambda: [resolved(batch) for batch in self.vault.batches()],
            lambda: list(self.vault.subjects()),
            self.vault.holds,
        ]
        return info, [view() for view in views]


@given(OPERATIONS)
@settings(max_examples=25)
def test_the_same_operations_give_the_same_vault(
    schemas: Schemas, tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("same")
    keys = [KeyFile.create(folder / "one"), KeyFile.create(folder / "two")]
    pair = [Driven(Files(folder).new("v"), keys), Driven(schemas.new("v"), keys)]
    try:
        for name, what in operations:
            mine, other = (driven.do(name, what) for driven in pair)
            assert mine == other
        mine, other = (driven.state() for driven in pair)
        assert mine == other
    finally:
        for driven in pair:
            driven.vault.close()
