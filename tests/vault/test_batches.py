"""Batches in a vault: columns go in and come out, and everything that holds for records holds for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.batches import pulse, resolved
from support.places import Places
from support.records import SECRET, every_kind

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.adapters.hl7v2_oru import columns as hl7v2
from iomt_interop.crypto.hpke import RecipientSecret
from iomt_interop.errors import InvalidRecord, InvalidRequest, LegalHold, SecurityError
from iomt_interop.model import ObservationBatch
from iomt_interop.plugins import ReadContext, default_registry
from iomt_interop.portability import export_subject, open_portable
from iomt_interop.vault import KeyFile, PutResult, Vault
from iomt_interop.vault.documents import BLOCK_BYTES

WHEN = "2026-11-24T12:00:00Z"
MESSAGE = next(path for path in default_registry().get("hl7v2_oru").samples() if path.name == "pcd01_monitor.hl7")


def rows(*found: ObservationBatch) -> list[m.Record]:
    """Return the records of batches."""
    return [row for batch in found for row in batch.records()]


def told(found: object) -> list[object]:
    """Return what batches say."""
    return [resolved(batch) for batch in found]  # type: ignore[attr-defined]


def test_batches_come_back_in_order_and_exactly(places: Places, key: KeyFile) -> None:
    place, first = places.new("b"), [pulse(9, "s"), pulse(5, "t", "cd"), pulse(4, "s", "ef"), pulse(3, None)]
    with Vault.create(place, keys=key) as vault:
        assert vault.put_batches(first) == PutResult(4, 0, 0)
        vault.put(every_kind())
        assert vault.put_batches([pulse(7, "s", "01")]) == PutResult(1, 0, 0)
    with Vault.open(place, keys=key) as vault:
        assert told(vault.batches()) == told([*first, pulse(7, "s", "01")])
        assert told(vault.batches(subject="s")) == told([first[0], first[2], pulse(7, "s", "01")])
        assert told(vault.batches(subject="")) == told([pulse(3, None)])
        assert list(vault.batches(subject="nobody known")) == []
        assert list(vault.records()) == [*rows(*first), *every_kind(), *rows(pulse(7, "s", "01"))]
        assert list(vault.records(subject="t")) == rows(first[1])
        assert list(vault.records(kinds={"device"})) == [r for r in every_kind() if r.kind == "device"]
        info = vault.info()
        assert (info["batches"], info["rows"], info["records"]) == (5, 28, len(every_kind()))
        vault.verify()


def test_nothing_is_stored_per_row(places: Places, key: KeyFile) -> None:
    """No entry of the index, and all in all less than 16 octets of a row; the measured figure is below one."""
    place = places.new("rows")
    with Vault.create(place, keys=key) as vault:
        vault.put_batches([pulse(5000, "s", f"{n:02x}") for n in range(20)])
    (entries, blocks) = (places.rows(place, f"SELECT count(*) FROM {table}")[0][0] for table in ("records", "blocks"))
    assert entries == 20
    assert int(str(blocks)) <= 4
    sizes = places.rows(
        place, "SELECT length(header) + length(salt) + length(commitment) + length(ciphertext) FROM blocks"
    )
    assert sum(int(str(size)) for (size,) in sizes) < 16 * 100_000
    if isinstance(place, Path):
        assert place.stat().st_size < 16 * 100_000


def test_a_long_batch_and_many_blocks(tmp_path: Path, key: KeyFile) -> None:
    one = pulse(40_000)
    assert 33 * len(one) > BLOCK_BYTES
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put_batches([one, *(pulse(20_000, "s", f"{n:02x}") for n in range(8))])
        assert int(vault.info()["blocks"]) > 1
        assert [len(batch) for batch in vault.batches()] == [40_000, *[20_000] * 8]
        assert resolved(next(vault.batches())) == resolved(one)


def test_the_same_batch_is_stored_once(places: Places, key: KeyFile, tmp_path: Path) -> None:
    """Also by another process, whose tables number codes and units otherwise."""
    place, data = places.new("same"), MESSAGE.read_bytes()
    one = hl7v2.read_columns(data, ReadContext())
    assert len(one) > 5
    with Vault.create(place, keys=key) as vault:
        assert vault.put_batches([one, one]) == PutResult(1, 0, 1)
    script = tmp_path / "again.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom iomt_interop.adapters.hl7v2_oru.columns import read_columns\n"
        "from iomt_interop.plugins import ReadContext\nfrom iomt_interop.vault import KeyFile, Vault\n"
        "data = Path(sys.argv[3]).read_bytes()\nfirst, *obx = data.split(b'\\rOBX|')\n"
        "read_columns(b'\\rOBX|'.join([first, *reversed(obx)]).strip() + b'\\r', ReadContext())\n"
        "with Vault.open(sys.argv[1], keys=KeyFile(sys.argv[2]), mode='write') as vault:\n"
        "    print(vault.put_batches([read_columns(data, ReadContext())]).unchanged)\n"
    )
    import subprocess
    import sys

    command = [sys.executable, str(script), str(place), str(tmp_path / "test.key"), str(MESSAGE)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_another_content_is_a_new_version(places: Places, key: KeyFile) -> None:
    old, new = pulse(6), pulse(6)
    new.mantissa[2] += 1
    with Vault.create(places.new("versions"), keys=key) as vault:
        vault.put_batches([old, pulse(2, "s", "cd")])
        assert vault.put_batches([new]) == PutResult(0, 1, 0)
        assert vault.put_batches([old, new]) == PutResult(0, 0, 2)
        assert told(vault.batches()) == told([pulse(2, "s", "cd"), new])
        assert list(vault.records()) == rows(pulse(2, "s", "cd"), new)
        assert list(vault.records(versions="all")) == rows(old, pulse(2, "s", "cd"), new)
        assert vault.history(rows(old)[2].id, subject="s") == [rows(old)[2], rows(new)[2]]
        assert (vault.info()["batches"], vault.info()["rows"]) == (2, 14)
        vault.verify()


@pytest.mark.parametrize("order", ["records first", "batch first", "together"])
def test_a_message_that_is_stored_both_ways_shows_once(places: Places, key: KeyFile, order: str) -> None:
    data = MESSAGE.read_bytes()
    records, one = list(iomt.read(data)), hl7v2.read_columns(data, ReadContext())
    ids = {row.id for row in one.records()}
    assert ids <= {record.id for record in records}  # they are of the same octets
    with Vault.create(places.new("both"), keys=key) as vault:
        if order == "batch first":
            vault.put_batches([one])
            assert {record.id for record in vault.records()} == ids
        vault.put(records)
        if order != "batch first":
            vault.put_batches([one])
        for versions in ("merged", "latest", "all"):
            found = list(vault.records(versions=versions))  # type: ignore[arg-type]
            assert sorted(record.id for record in found) == sorted(record.id for record in records)
        assert sorted(vault.records(versions="all"), key=lambda r: r.id) == sorted(records, key=lambda r: r.id)
        assert told(vault.batches()) == told([one])
        for row in one.records():
            assert vault.history(row.id) == [record for record in records if record.id == row.id]
        vault.verify()


def test_a_record_that_comes_meanwhile_leaves_no_gap(places: Places, key: KeyFile) -> None:
    """Who reads sees the vault as it was when the first record was asked for."""
    one = pulse(1200)
    with Vault.create(places.new("gap"), keys=key) as vault:
        vault.put_batches([one])
        (first, *rest), later = rows(one), vault.records()
        assert next(later) == first
        vault.put([rest[-1].replace(handle="1"), rest[-1].replace(handle="2")])
        assert list(later) == rest
        assert len(list(vault.records())) == 1200


def test_a_batch_is_erased_with_its_subject(places: Places, key: KeyFile) -> None:
    place = places.new("erase")
    with Vault.create(place, keys=key) as vault:
        vault.put_batches([pulse(50, "anna"), pulse(3, "bert")])
        vault.hold("anna", "a lawsuit")
        with pytest.raises(LegalHold):
            vault.erase("anna", at=WHEN)
        vault.release("anna")
        receipt = vault.erase("anna", at=WHEN)
        assert (receipt.blocks, receipt.versions) == (1, 50)
        assert vault.compact() > 0
        assert told(vault.batches()) == told([pulse(3, "bert")])
        assert list(vault.batches(subject="anna")) == list(vault.records(subject="anna")) == []
        assert places.rows(place, "SELECT count(*) FROM records") == [(1,)]
        assert vault.put_batches([pulse(50, "anna")]).stored == 1
        vault.verify()


def test_a_batch_survives_rotation_renewal_and_backup(places: Places, key: KeyFile, tmp_path: Path) -> None:
    place, copy, new = places.new("keep"), places.new("copy"), KeyFile.create(tmp_path / "new.key")
    with Vault.create(place, keys=key) as vault:
        vault.put_batches([pulse(8)])
        vault.renew()
        vault.put_batches([pulse(6, "s", "cd")])
        assert vault.info()["subjects"] == 1
        assert vault.rotate(new) == 2
        assert vault.put_batches([pulse(8)]).unchanged == 1
        vault.backup(copy)
    with Vault.open(copy, keys=new) as vault:
        vault.verify()
        assert told(vault.batches()) == told([pulse(8), pulse(6, "s", "cd")])


def test_rows_are_portable(tmp_path: Path, key: KeyFile) -> None:
    secret = RecipientSecret.generate()
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put_batches([pulse(8)])
        sealed = export_subject(vault, "s", secret.public)
    with Vault.create(tmp_path / "w", keys=key) as other:
        other.put(open_portable(sealed, secret).records)
        assert list(other.records()) == rows(pulse(8))


def test_a_refused_batch_leaves_nothing(places: Places, key: KeyFile) -> None:
    bad = pulse(4, "s", "cd")
    bad.code[3] = 7
    with Vault.create(places.new("bad"), keys=key) as vault:
        with pytest.raises(InvalidRecord):
            vault.put_batches([pulse(4), bad])
        for wrong in (pulse(4), [SECRET], every_kind()):
            with pytest.raises(InvalidRequest, match=r"USE-001.*batches"):
                vault.put_batches(wrong)  # type: ignore[arg-type]
        assert vault.info()["blocks"] == 0
        assert vault.put_batches([pulse(0), pulse(0)]) == vault.put_batches([]) == PutResult(0, 0, 0)
        assert vault.info()["blocks"] == 0
    with pytest.raises((InvalidRequest, SecurityError)):
        vault.put_batches([pulse(4)])


@pytest.mark.parametrize("bit", [0, 7])
def test_every_octet_of_a_block_of_columns_counts(tmp_path: Path, key: KeyFile, bit: int) -> None:
    path = tmp_path / "v"
    with Vault.create(path, keys=key) as vault:
        vault.put_batches([pulse(3)])
    import sqlite3

    good = path.read_bytes()
    connection = sqlite3.connect(path)
    (row,) = connection.execute("SELECT header, salt, commitment, ciphertext FROM blocks").fetchall()
    connection.close()
    places = [good.find(cell) + n for cell in row for n in range(len(cell))]
    assert len(places) > 300
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << bit
        path.write_bytes(bad)
        with pytest.raises(SecurityError), Vault.open(path, keys=key) as vault:
            list(vault.batches())
