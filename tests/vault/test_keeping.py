"""What a keeper does: rotation, erasure, holds, checkpoints, copies; and what must not come back afterwards."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from support.places import Place, Places
from support.records import AT, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import (
    DecryptionFailed,
    InvalidRequest,
    KeyUnavailable,
    LegalHold,
    SecurityError,
    StoreDamaged,
)
from iomt_interop.privacy.audit.checkpoint import verify_note
from iomt_interop.vault import Backend, KeyFile, PassphraseKey, Vault

WHEN = "2026-11-24T08:00:00Z"


@pytest.fixture
def signer() -> SigningKey:
    """Return a new signing key."""
    return SigningKey.generate("ward.example/vault")


def person(name: str) -> list[m.Record]:
    """Return a person and what was measured."""
    subject = m.record_id("person", name)
    known = m.Identifier(system="urn:oid:1.2.3", value=f"MRN-{name}")
    who = make(m.Subject, identifiers=(known,)).replace(id=subject)
    value = m.Quantity(mantissa=98, unit="%")
    base = make(m.Observation, code=SPO2, value=value, time=AT, status="final", subject=subject)
    return [who, *(base.replace(id=m.record_id(name, number)) for number in range(3))]  # type: ignore[list-item]


@pytest.fixture
def ward(places: Places, key: KeyFile) -> Place:
    """Return a closed vault with two persons and every kind of record."""
    path = places.new("ward")
    with Vault.create(path, keys=key) as vault:
        vault.put(every_kind())
        vault.put(person("anna"))
        vault.put(person("bert"))
        vault.put([record.replace(status="amended") for record in person("anna")[1:2]])
    return path


def records(path: Place, key: KeyFile) -> Counter[m.Record]:
    """Return every version of everything, after a verification."""
    with Vault.open(path, keys=key) as vault:
        vault.verify()
        return Counter(vault.records(versions="all"))


def test_rotation_keeps_everything_and_closes_the_old_key(
    ward: Place, places: Places, tmp_path: Path, key: KeyFile
) -> None:
    before, ciphertexts = records(ward, key), ciphertexts_of(places, ward)
    new = KeyFile.create(tmp_path / "new.key")
    with Vault.open(ward, keys=key, mode="write") as vault:
        assert vault.rotate(new) == vault.info()["subjects"]
        assert vault.put(person("carl")).stored == 4
    assert ciphertexts_of(places, ward)[: len(ciphertexts)] == ciphertexts
    assert records(ward, new) == before + Counter(person("carl"))
    with pytest.raises(DecryptionFailed):
        Vault.open(ward, keys=key)


def ciphertexts_of(places: Places, place: Place) -> list[bytes]:
    """Return the sealed blocks."""
    return [bytes(cell) for (cell,) in places.rows(place, "SELECT ciphertext FROM blocks ORDER BY seq")]  # type: ignore


def test_rotation_of_more_keys_than_are_looked_at_at_a_time(places: Places, tmp_path: Path, key: KeyFile) -> None:
    value = m.Quantity(mantissa=98, unit="%")
    base = make(m.Observation, code=SPO2, value=value, time=AT, status="final", subject="0")
    many = [base.replace(id=m.record_id("many", n), subject=str(n)) for n in range(5001)]
    new = KeyFile.create(tmp_path / "new.key")
    with Vault.create(places.new("many"), keys=key) as vault:
        vault.put(many)  # type: ignore[arg-type]
        assert vault.rotate(new) == 5001
        assert next(vault.records(subject="5000")) == many[5000]


def test_rotation_to_a_passphrase_and_back(ward: Place, places: Places, key: KeyFile) -> None:
    before = records(ward, key)
    with Vault.open(ward, keys=key, mode="write") as vault:
        vault.rotate(PassphraseKey("correct horse battery staple"))
        assert vault.info()["key"] == "scrypt"
        vault.rotate(key)
    assert records(ward, key) == before


def test_an_open_reader_is_told_that_the_key_was_rotated(
    ward: Place, places: Places, tmp_path: Path, key: KeyFile
) -> None:
    new = KeyFile.create(tmp_path / "new.key")
    with Vault.open(ward, keys=key) as reader, Vault.open(ward, keys=key, mode="write") as writer:
        writer.rotate(new)
        with pytest.raises(KeyUnavailable, match="open the vault again"):
            list(reader.records())


def test_a_rotation_that_breaks_off_changes_nothing(
    ward: Place, places: Places, tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, new = records(ward, key), KeyFile.create(tmp_path / "new.key")
    real = places.kind.set_meta
    for last in ("keys", "epoch", "store-key"):

        def breaks(self: Backend, name: str, value: bytes, *, at: str = last) -> None:
            if name == at:
                raise OSError
            real(self, name, value)

        monkeypatch.setattr(places.kind, "set_meta", breaks)
        with Vault.open(ward, keys=key, mode="write") as vault, pytest.raises(OSError):  # noqa: PT011 - ours
            vault.rotate(new)
        monkeypatch.undo()
        assert records(ward, key) == before


def test_new_data_keys_for_what_comes_and_the_old_ones_for_what_is_there(
    ward: Place, places: Places, key: KeyFile
) -> None:
    before = records(ward, key)
    anna = person("anna")
    with Vault.open(ward, keys=key, mode="write") as vault:
        people = vault.info()["subjects"]
        vault.renew()
        assert vault.put(anna).stored == 0
        more = anna[1].replace(id=m.record_id("anna", "later"))
        assert vault.put([more]).stored == 1
        vault.put([anna[0].replace(active=True)])
        assert vault.info()["subjects"] == people
        merged = [record for record in vault.records(subject=anna[0].id) if isinstance(record, m.Subject)]
        assert [(who.active, who.identifiers) for who in merged] == [(True, anna[0].identifiers)]  # type: ignore
        assert len(vault.history(anna[0].id)) == 2
    assert places.rows(ward, "SELECT count(*) FROM subjects WHERE generation = 2") == [(1,)]
    assert records(ward, key) == before + Counter([more, anna[0].replace(active=True)])
    with Vault.open(ward, keys=key, mode="write") as vault:
        receipt = vault.erase(anna[0].id, at=WHEN)
        assert len(receipt.handles) == 2
        assert not list(vault.records(subject=anna[0].id))
        vault.verify()


def test_erasure_takes_one_person_and_leaves_the_others(
    ward: Place, places: Places, key: KeyFile, signer: SigningKey
) -> None:
    anna, before, sealed = person("anna"), records(ward, key), ciphertexts_of(places, ward)
    with Vault.open(ward, keys=key, mode="write") as vault:
        receipt = vault.erase(anna[0].id, at=WHEN, signer=signer)
        assert (receipt.blocks, receipt.versions, receipt.erasures) == (2, 5, 1)
        assert vault.find("MRN-anna") == []
        assert vault.history(anna[0].id) == []
        assert vault.find("MRN-bert") == [person("bert")[0].id]
        assert vault.info()["erased"] == 1
        with pytest.raises(InvalidRequest):
            vault.erase(anna[0].id, at=WHEN)
    assert verify_note(receipt.note or "", [signer.verify_key]) == receipt.text()
    assert "anna" not in (receipt.note or "")
    assert anna[0].id not in (receipt.note or "")
    mine = Counter({record: count for record, count in before.items() if anna[0].id in (record.id, record.subject)})
    assert records(ward, key) == before - mine
    ((count,),) = places.rows(ward, "SELECT count(*) FROM records")
    assert count == (before - mine).total()
    with Vault.open(ward, keys=key, mode="write") as vault:
        assert vault.compact() == sum(len(each) for each in sealed) - sum(map(len, ciphertexts_of(places, ward))) > 0
        assert vault.put(anna).stored == 4  # somebody may come again, under another key
        vault.verify()
    whole = places.octets(ward)
    gone = set(sealed) - set(ciphertexts_of(places, ward))
    assert gone
    assert not any(each in whole for each in gone)
    assert records(ward, key) == before - mine + Counter(anna)


def test_an_erasure_that_breaks_off_erases_nothing(
    ward: Place, places: Places, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, anna = records(ward, key), person("anna")[0].id

    def breaks(self: Backend, *_: object) -> None:
        raise OSError

    for name in ("erase", "add_erasure", "set_meta"):
        monkeypatch.setattr(places.kind, name, breaks)
        with Vault.open(ward, keys=key, mode="write") as vault:
            with pytest.raises(OSError):  # noqa: PT011 - ours
                vault.erase(anna, at=WHEN)
            monkeypatch.undo()
            assert Counter(vault.records(versions="all")) == before
    assert records(ward, key) == before


def test_a_hold_blocks_until_it_is_lifted(ward: Place, places: Places, key: KeyFile) -> None:
    anna, reason = person("anna")[0].id, "court order 4711 about Anna"
    with Vault.open(ward, keys=key, mode="write") as vault:
        vault.hold(anna, reason)
        with pytest.raises(LegalHold) as caught:
            vault.erase(anna, at=WHEN)
        assert "4711" not in str(caught.value)
        assert vault.holds() == {anna: reason}
        for wrong in ("", " ", "x" * 1001):
            with pytest.raises(InvalidRequest):
                vault.hold(anna, wrong)
        with pytest.raises(InvalidRequest):
            vault.hold("nobody at all", reason)
    assert b"4711" not in places.octets(ward)
    assert anna.encode() not in places.octets(ward)
    with Vault.open(ward, keys=key, mode="write") as vault:
        assert vault.release(anna)
        assert not vault.release(anna)
        vault.erase(anna, at=WHEN)
        assert vault.holds() == {}


def test_an_earlier_copy_is_closed_by_rotation(ward: Place, places: Places, tmp_path: Path, key: KeyFile) -> None:
    """Erase, rotate, destroy the old key: nothing that was copied before opens, and everybody else is there."""
    anna, bert = person("anna"), person("bert")
    copy, new = places.new("copy"), KeyFile.create(tmp_path / "new.key")
    with Vault.open(ward, keys=key, mode="write") as vault:
        vault.backup(copy)
        vault.erase(anna[0].id, at=WHEN)
        with Vault.open(copy, keys=key) as old:
            assert list(old.records(subject=anna[0].id))  # until the epoch ends, the copy is a hole
        vault.rotate(new)
    (tmp_path / "test.key").unlink()
    for keys in (new, key):
        with pytest.raises(SecurityError):
            Vault.open(copy, keys=keys)
    # Not even the copy's rows in the place of the vault's own.
    places.add(ward, "subjects", places.rows(copy, "SELECT handle, blind, wrapped, generation FROM subjects"))
    places.run(ward, "DELETE FROM erasures")
    with pytest.raises(SecurityError):
        Vault.open(ward, keys=new)
    assert bert


TAMPERINGS = {
    "an erasure is dropped": "DELETE FROM erasures",
    "an erasure is of another": "UPDATE erasures SET handle = randomblob(16)",
    "an erasure is added": "INSERT INTO erasures SELECT 2, handle FROM subjects LIMIT 1",
    "the epoch is another": "UPDATE meta SET value = x'00000002' WHERE name = 'epoch'",
    "the epoch is dropped": "DELETE FROM meta WHERE name = 'epoch'",
}


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_tampering_with_erasures_and_epochs_is_detected(ward: Place, places: Places, key: KeyFile, name: str) -> None:
    with Vault.open(ward, keys=key, mode="write") as vault:
        vault.erase(person("anna")[0].id, at=WHEN)
    places.run(ward, TAMPERINGS[name])
    with pytest.raises(SecurityError):
        records(ward, key)


def test_a_reason_that_is_no_text_is_refused_and_told_to_nobody(ward: Place, key: KeyFile) -> None:
    """Octets of a command line that are not UTF-8 arrive as halves of surrogate pairs."""
    anna = person("anna")[0].id
    with Vault.open(ward, keys=key, mode="write") as vault:
        for subject, reason in ((anna, "a secret \udcff"), ("nobody \udcff", "a reason")):
            with pytest.raises(InvalidRequest) as caught:
                vault.hold(subject, reason)
            assert (caught.value.code, caught.value.__cause__) == ("USE-001", None)
            assert "secret" not in str(caught.value)
        assert vault.holds() == {}


def test_a_key_that_comes_back_is_noticed(ward: Place, places: Places, key: KeyFile) -> None:
    rows = places.rows(ward, "SELECT * FROM subjects")
    with Vault.open(ward, keys=key, mode="write") as vault:
        vault.erase(person("anna")[0].id, at=WHEN)
    places.add(ward, "subjects", rows)
    with Vault.open(ward, keys=key) as vault:
        with pytest.raises(SecurityError):
            vault.verify()
        with pytest.raises(SecurityError):
            list(vault.records(subject=person("anna")[0].id))


def test_a_checkpoint_tells_an_older_copy(
    ward: Place, places: Places, tmp_path: Path, key: KeyFile, signer: SigningKey
) -> None:
    older, trusted = places.new("older"), signer.verify_key
    with Vault.open(ward, keys=key, mode="write") as vault:
        first = vault.checkpoint(signer)
        vault.backup(older)
        vault.put(person("carl"))
        second = vault.checkpoint(signer)
        vault.erase(person("anna")[0].id, at=WHEN)
        third = vault.checkpoint(signer)
        for note in (first, second, third):
            vault.check(note, trusted)
    with Vault.open(older, keys=key) as vault:
        vault.verify()  # consistent in itself
        vault.check(first, trusted)
        for note in (second, third):
            with pytest.raises(StoreDamaged, match="SEC-011"):
                vault.check(note, trusted)
    # A copy that went another way.
    with Vault.open(older, keys=key, mode="write") as vault:
        vault.put(person("dora"))
        vault.check(first, trusted)
        with pytest.raises(StoreDamaged, match="SEC-011"):
            vault.check(second, trusted)


def test_a_checkpoint_is_signed_and_of_one_vault(
    ward: Place, places: Places, tmp_path: Path, key: KeyFile, signer: SigningKey
) -> None:
    with Vault.open(ward, keys=key) as vault:
        note = vault.checkpoint(signer)
        stranger = SigningKey.generate("ward.example/vault")
        fewer = note.replace(f"\n{vault.info()['blocks']}\n", "\n1\n")
        assert fewer != note
        for wrong in (fewer, vault.checkpoint(stranger), "", note[:-9], note + "x"):
            with pytest.raises(StoreDamaged, match="AUD-003"):
                vault.check(wrong, signer.verify_key)
    with Vault.create(places.new("other"), keys=key) as other:
        other.put(person("anna"))
        with pytest.raises(StoreDamaged, match="SEC-011"):
            other.check(note, signer.verify_key)
    assert person("anna")[0].id not in note


def test_a_backup_is_a_vault_and_replaces_nothing(ward: Place, places: Places, tmp_path: Path, key: KeyFile) -> None:
    copy, before = places.new("copy"), records(ward, key)
    with Vault.open(ward, keys=key) as vault:
        vault.backup(copy)
        with pytest.raises(InvalidRequest):
            vault.backup(copy)
        with pytest.raises(InvalidRequest):
            vault.backup(tmp_path / "none" / "copy")
        vault.backup(tmp_path / "copy.vault")
        with pytest.raises(InvalidRequest):
            vault.backup(tmp_path / "copy.vault")
    assert records(copy, key) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.vault", "test.key"]
    shutil.copy(tmp_path / "copy.vault", tmp_path / "again.vault")
    assert records(tmp_path / "again.vault", key) == before
