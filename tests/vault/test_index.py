"""The index is not trusted: what it says is checked before it decides what is stored, hidden or answered."""

from __future__ import annotations

import pytest
from support.places import Place, Places
from support.records import AT, SECRET, SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import SecurityError, StoreDamaged
from iomt_interop.vault import KeyFile, PutResult, Vault
from iomt_interop.vault.ledger import Ledger

SUBJECT = make(m.Subject, identifiers=(m.Identifier(value=SECRET, system="urn:oid:1.2.3", authority="WARD"),))


def observation(number: int, value: int = 0, subject: str | None = None) -> m.Observation:
    """Return a numbered observation."""
    base = make(m.Observation, code=SPO2, value=m.Quantity(mantissa=value, unit="%"), time=AT, subject=subject)
    assert isinstance(base, m.Observation)
    return base.replace(id=m.record_id("numbered", number))


@pytest.fixture
def filled(places: Places, key: KeyFile) -> Place:
    """Return a closed vault with two subjects and records of nobody."""
    path = places.new("test")
    with Vault.create(path, keys=key) as vault:
        vault.put([SUBJECT, observation(1, subject=SUBJECT.id), observation(2, subject="other"), observation(3)])
    return path


def test_an_entry_that_points_elsewhere_hides_no_other_record(filled: Place, places: Places, key: KeyFile) -> None:
    """A new version replaces what the index names: with a false place it would hide somebody else's record."""
    places.run(
        filled,
        "CREATE TEMP TABLE t AS SELECT blind, seq, ordinal FROM records; UPDATE records SET (seq, ordinal) = "
        "(SELECT seq, ordinal FROM t WHERE t.blind <> records.blind ORDER BY t.blind LIMIT 1)",
    )
    with Vault.open(filled, keys=key, mode="write") as vault:
        before = list(vault.records())
        for number, subject in ((1, SUBJECT.id), (2, "other"), (3, None)):
            with pytest.raises(StoreDamaged):
                vault.put([observation(number, 77, subject)])
        assert list(vault.records()) == before


def test_an_older_entry_put_back_is_noticed(filled: Place, places: Places, key: KeyFile) -> None:
    """Else a return to the older value would be taken for known and dropped."""
    old = places.rows(filled, "SELECT blind, content, seq, ordinal FROM records")
    with Vault.open(filled, keys=key, mode="write") as vault:
        vault.put([observation(3, 5)])
    names = {row[0] for row in old}
    newer = [row for row in places.rows(filled, "SELECT * FROM records") if row[0] not in names]
    places.run(filled, "DELETE FROM records")
    places.add(filled, "records", old + newer)
    with Vault.open(filled, keys=key, mode="write") as vault:
        with pytest.raises(StoreDamaged):
            vault.put([observation(3)])
        with pytest.raises(StoreDamaged):
            vault.verify()
        assert observation(3, 5) in list(vault.records())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM subjects",
        "DELETE FROM subjects WHERE handle = (SELECT handle FROM subjects ORDER BY handle LIMIT 1)",
        "UPDATE subjects SET blind = randomblob(16)",
        "INSERT INTO subjects SELECT randomblob(16), randomblob(16), wrapped, generation FROM subjects",
    ],
)
def test_a_subject_that_is_missing_is_never_nobody(filled: Place, places: Places, key: KeyFile, statement: str) -> None:
    places.run(filled, statement)
    with Vault.open(filled, keys=key) as vault:
        with pytest.raises(SecurityError):
            list(vault.records(subject="never seen"))
        with pytest.raises(SecurityError):
            vault.verify()
        for subject in (SUBJECT.id, "other"):
            try:
                assert list(vault.records(subject=subject))
            except SecurityError:
                continue


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM identifiers",
        "UPDATE identifiers SET record = randomblob(16)",
        "INSERT INTO identifiers VALUES (randomblob(16), randomblob(16))",
    ],
)
def test_a_tampered_index_of_identifiers_fails_verification(
    filled: Place, places: Places, key: KeyFile, statement: str
) -> None:
    places.run(filled, statement)
    with Vault.open(filled, keys=key) as vault, pytest.raises(StoreDamaged):
        vault.verify()


def test_identifiers_are_found_by_system_and_authority_and_in_every_version(
    filled: Place, places: Places, key: KeyFile
) -> None:
    with Vault.open(filled, keys=key, mode="write") as vault:
        for system in (None, "urn:oid:1.2.3", "WARD"):
            assert vault.find(SECRET, system) == [SUBJECT.id]
        assert vault.find(SECRET, "urn:oid:1.2.4") == []
        vault.put([SUBJECT.replace(identifiers=(m.Identifier(value="Q-1"),))])
        for system in (None, "urn:oid:1.2.3", "WARD"):
            assert vault.find(SECRET, system) == [SUBJECT.id]
        assert vault.find("Q-1") == [SUBJECT.id]
        vault.verify()


@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 2000])
def test_as_many_records_as_there_are_are_known_again(places: Places, key: KeyFile, count: int) -> None:
    many = [observation(n) for n in range(count)]
    with Vault.create(places.new("v"), keys=key) as vault:
        assert vault.put(many).stored == count
        assert vault.put([*many, observation(count)]) == PutResult(1, 0, count)
        assert vault.put([observation(n, 1) for n in range(count)]) == PutResult(0, count, 0)
        assert vault.put(many).unchanged == count
        vault.verify()


def person(version: int, value: str = SECRET, system: str = "WARD") -> m.Subject:
    """Return a version of one person: the same identifier in other octets."""
    made = SUBJECT.replace(
        identifiers=(m.Identifier(value=value, authority=system),),
        provenance=m.Provenance(adapter="a", version=f"{version}"),
    )
    assert isinstance(made, m.Subject)
    return made


def test_identifiers_told_again_are_still_found_after_an_erasure_elsewhere(places: Places, key: KeyFile) -> None:
    """What a writer remembers of a person must not outlive the person."""
    place = places.new("v")
    with Vault.create(place, keys=key) as writer:
        for version in range(3):
            writer.put([person(version)])
        with Vault.open(place, keys=key, mode="write") as other:
            other.erase(SUBJECT.id, at="2026-11-24T10:00:00Z")
            assert other.find(SECRET) == []
        for version in range(3):
            writer.put([person(version)])
        assert writer.find(SECRET) == [SUBJECT.id]
        writer.verify()


def test_identifiers_of_a_transaction_that_failed_are_told_anew(
    places: Places, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vault.create(places.new("v"), keys=key) as vault:
        with monkeypatch.context() as broken:
            broken.setattr(Ledger, "seal_root", lambda _: 1 / 0)
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    vault.put([person(0), person(1)])
        vault.put([person(1)])
        vault.put([person(2)])
        assert vault.find(SECRET) == [SUBJECT.id]
        vault.verify()


def test_identifiers_that_change_and_change_back_are_all_found(places: Places, key: KeyFile) -> None:
    told = [("A", "one"), ("A", "one"), ("B", "one"), ("B", "two"), ("A", "one"), ("Aone", ""), ("A", "one")]
    with Vault.create(places.new("v"), keys=key) as vault:
        for version, (value, system) in enumerate(told):
            vault.put([person(version, value, system)])
        for value, system in told:
            assert vault.find(value, system or None) == [SUBJECT.id]
        assert vault.find("B", "three") == []
        vault.verify()


def test_a_version_that_was_there_comes_back_within_a_transaction(places: Places, key: KeyFile) -> None:
    with Vault.create(places.new("v"), keys=key) as vault:
        vault.put([observation(0, 1), observation(0, 2)])
        again = [observation(0, 1), observation(0, 3), observation(0, 2), observation(0, 3), observation(0, 4)]
        assert vault.put([*again, observation(0, 3)]) == PutResult(0, 2, 4)
        assert vault.history(observation(0).id, subject="") == [observation(0, n) for n in (1, 2, 3, 4)]
        vault.verify()


def test_records_come_back_in_the_order_of_storing(places: Places, key: KeyFile) -> None:
    """Though each subject's are sealed together."""
    place = places.new("v")
    many = [observation(n, subject=f"s{n % 7}" if n % 5 else None) for n in range(2500)]
    with Vault.create(place, keys=key) as vault:
        vault.put(many[:1200])
        vault.put(many[1200:])
        assert list(vault.records()) == many
        assert list(vault.records(subject="s3")) == [r for r in many if r.subject == "s3"]


def test_versions_within_one_transaction_share_a_block(places: Places, key: KeyFile) -> None:
    """Every message of a feed brings its device and its patient again, each time from other octets."""
    place = places.new("v")
    feed = [record for n in range(300) for record in (observation(0, n), observation(n + 1))]
    with Vault.create(place, keys=key) as vault:
        result = vault.put([*feed, observation(0, 299)])
        assert (result.stored, result.replaced, result.unchanged) == (301, 299, 1)
        assert vault.info()["blocks"] == 1
        assert [r for r in vault.records() if r.id == observation(0).id] == [observation(0, 299)]
        vault.verify()
    with Vault.open(place, keys=key) as vault:
        assert len(list(vault.records())) == vault.info()["records"] == 301
        vault.verify()
