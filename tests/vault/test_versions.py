"""No version of a record is lost: what a later message does not say again is still there, and still found."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from support.places import Places
from support.records import AT, SPO2, make

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.errors import InvalidRequest, StoreDamaged
from iomt_interop.plugins import default_registry
from iomt_interop.vault import KeyFile, Vault

SAMPLES = {path.name: path for path in default_registry().get("hl7v2_oru").samples()}
MONITOR, LAB = SAMPLES["pcd01_monitor.hl7"], SAMPLES["oru_lab.hl7"]


def event(text: str, subject: str | None = "s") -> m.Record:
    """Return a version of one event."""
    return make(m.Event, code=SPO2, text=text, subject=subject)


def person(**fields: object) -> m.Subject:
    """Return a version of one person."""
    record = make(m.Subject, **fields)
    assert isinstance(record, m.Subject)
    return record


@pytest.mark.parametrize("order", list(itertools.permutations([MONITOR, LAB])), ids=lambda order: order[0].stem)
def test_a_later_message_takes_nothing_of_a_person_away(places: Places, key: KeyFile, order: tuple[Path, Path]) -> None:
    with Vault.create(places.new("v"), keys=key) as vault:
        for path in order:
            vault.put(iomt.read(path))
        (subject,) = vault.records(kinds={"subject"})
        assert isinstance(subject, m.Subject)
        assert {i.value for i in subject.identifiers} == {"EX-4711", "900017"}
        assert {name.given for name in subject.names} == {("Erika", "Maria"), ("Erika",)}
        assert [address.city for address in subject.addresses] == ["Musterstadt"]
        newest = next(r for r in iomt.read(order[1]) if isinstance(r, m.Subject))
        assert subject.provenance == newest.provenance
        assert subject.names[0] == newest.names[0]
        for number in ("EX-4711", "900017"):
            assert vault.find(number) == [subject.id]
        assert vault.history(subject.id) == [
            next(r for r in iomt.read(path) if isinstance(r, m.Subject)) for path in order
        ]
        vault.verify()


def test_the_versions_of_a_record(places: Places, key: KeyFile) -> None:
    versions = [event(str(n)) for n in range(4)]
    with Vault.create(places.new("v"), keys=key) as vault:
        vault.put(versions[:2])
        vault.put([event("of another", "t"), event("of nobody", None)])
        vault.put(versions[2:])
        assert vault.history(versions[0].id, subject="s") == versions
        assert vault.history(versions[0].id) == [
            *versions[:2], event("of another", "t"), event("of nobody", None), *versions[2:]
        ]  # fmt: skip
        assert vault.history(versions[0].id, subject="") == [event("of nobody", None)]
        assert vault.history(versions[0].id, subject="nobody known") == vault.history("no such id") == []
        assert vault.history("no such id", subject="s") == []
        assert list(vault.records(subject="s")) == list(vault.records(subject="s", versions="latest")) == versions[3:]
        assert list(vault.records(subject="s", versions="all")) == versions
        assert len(list(vault.records(versions="all", kinds={"event"}))) == 6
        with pytest.raises(InvalidRequest, match="USE-001"):
            vault.records(versions="oldest")  # type: ignore[arg-type]


@pytest.mark.parametrize("together", [True, False])
def test_what_was_ever_stored_is_not_stored_again(places: Places, key: KeyFile, together: bool) -> None:
    path = places.new("v")
    feed = [event(str(n % 5)) for n in range(5)] + [person(active=flag) for flag in (True, False)]
    Vault.create(path, keys=key).close()
    sizes = []
    for turn in range(4):
        with Vault.open(path, keys=key, mode="write") as vault:
            results = [vault.put(feed * 2)] if together else [vault.put([record]) for record in feed * 2]
            assert sum(r.stored for r in results) == (2 if turn == 0 else 0)
            assert sum(r.replaced for r in results) == (5 if turn == 0 else 0)
            assert list(vault.records(kinds={"event"})) == [event("4")]
            vault.verify()
        sizes.append(places.rows(path, "SELECT count(*), sum(length(ciphertext)) FROM blocks")[0])
    assert len(set(sizes)) == 1


def test_a_put_of_what_is_known_makes_no_block(places: Places, key: KeyFile) -> None:
    path = places.new("v")
    with Vault.create(path, keys=key) as vault:
        vault.put([event("a")])
        vault.put([event("b")])
        before = vault.info()
        assert vault.put([event("a"), event("b")]).unchanged == 2
        assert vault.info() == before


def test_the_merge_is_of_all_versions_in_every_view(places: Places, key: KeyFile) -> None:
    """In one transaction or several, across blocks, and again after it was opened."""
    place = places.new("v")
    numbers = [person(identifiers=(m.Identifier(value=f"N-{n}"),)) for n in range(2300)]
    with Vault.create(place, keys=key) as vault:
        vault.put(numbers[:2200])
        for record in numbers[2200:2205]:
            vault.put([record])
        vault.put([make(m.Observation, code=SPO2, time=AT, subject=numbers[0].id), *numbers[2205:]])
    with Vault.open(place, keys=key) as vault:
        expected = [f"N-{n}" for n in reversed(range(2300))]
        for found in (vault.records(kinds={"subject"}), vault.records(subject=numbers[0].id), vault.records()):
            (merged,) = (record for record in found if isinstance(record, m.Subject))
            assert [i.value for i in merged.identifiers] == expected
        for number in ("N-0", "N-1777", "N-2299"):
            assert vault.find(number) == [merged.id]
        assert vault.history(merged.id) == numbers
        assert list(vault.subjects()) == [merged.id]
        assert vault.info()["records"] == 2
        vault.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM records WHERE seq = 1",
        "DELETE FROM records WHERE seq = 2",
        "UPDATE records SET seq = 1 WHERE seq = 2",
        "UPDATE records SET content = substr(content, 1, 32)",
        "UPDATE records SET content = (SELECT content FROM records WHERE seq = 1)",
    ],
)
def test_a_tampered_index_of_versions_is_noticed(places: Places, key: KeyFile, statement: str) -> None:
    place = places.new("v")
    with Vault.create(place, keys=key) as vault:
        for text in "abc":
            vault.put([event(text)])
    places.run(place, statement)
    with Vault.open(place, keys=key) as vault:
        for use in (vault.verify, lambda: vault.history(event("").id, subject="s")):
            with pytest.raises(StoreDamaged):
                use()
        assert list(vault.records(versions="all")) == [event(text) for text in "abc"]


def test_kinds_are_checked_at_once(places: Places, key: KeyFile) -> None:
    with Vault.create(places.new("v"), keys=key) as vault:
        vault.put([event("a")])
        for wrong in ("device metric", "event", {"event", "ZEBRA"}, [5]):
            with pytest.raises(InvalidRequest, match=r"USE-001.*kinds") as caught:
                vault.records(kinds=wrong)  # type: ignore[arg-type]
            assert "ZEBRA" not in str(caught.value)
        with pytest.raises(InvalidRequest, match="USE-001"):
            vault.put(event("b"))  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="USE-001"):
            vault.put(["event"])  # type: ignore[list-item]
        assert list(vault.records(subject="nobody known")) == list(vault.records(kinds=())) == []
        assert list(vault.records(kinds=["event"])) == [event("a")]
