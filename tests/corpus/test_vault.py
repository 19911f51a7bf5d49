"""Every shared input through the vault: equal records come back, and no file holds what identifies anybody."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.errors import InputError
from iomt_interop.privacy import find_leaks, identifying_values
from iomt_interop.vault import KeyFile, Vault

FOLDERS = {
    "hl7v2_oru": ("hl7v2", {".hl7"}, 3000),
    "ieee11073_phd": ("ieee11073/phd_apdu/bin", {""}, 100),
    "fhir_r4": ("ieee11073/fhir_phd", {".json"}, 20),
}


def read(path: Path, adapter: str) -> list[m.Record]:
    """Return the records of a file; none when it is malformed, which is another test's concern."""
    try:
        return list(iomt.read(path, adapter=adapter))
    except InputError:
        return []


def name_of(record: m.Record) -> tuple[str, str]:
    """Return what a record is known by: whose it is, and its id."""
    return (record.id if isinstance(record, m.Subject) else record.subject or "", record.id)


@pytest.mark.parametrize("adapter", sorted(FOLDERS))
def test_what_was_read_comes_back_and_stands_in_no_file(corpus: Path, tmp_path: Path, adapter: str) -> None:
    folder, suffixes, floor = FOLDERS[adapter]
    files = sorted(p for p in (corpus / folder).rglob("*") if p.suffix in suffixes and p.is_file())
    portions = [read(path, adapter) for path in files]
    said = list(dict.fromkeys(record for portion in portions for record in portion))
    assert len(said) >= floor
    key = KeyFile.create(tmp_path / "key")
    with Vault.create(tmp_path / "v", keys=key) as vault:
        for portion in portions:
            vault.put(portion)
        names = {name for record in said for name in name_of(record) if name}
        words = [*identifying_values(said), *names]
        # Shorter ones stand in random octets by chance; some are words of the format, which an empty vault holds too.
        words = sorted({word for word in words if len(word) >= 6})
        empty = tmp_path / "empty"
        Vault.create(empty, keys=key).close()
        known = {number for number, _ in find_leaks(empty.read_bytes(), words)}
        words = [word for number, word in enumerate(words) if number not in known]
        assert len(known) <= 5
        assert len(words) >= floor // 5
        for path in tmp_path.glob("v*"):
            assert find_leaks(path.read_bytes(), words) == [], path.name
        again = vault.put([record for portion in portions[-1:] for record in portion])
        assert again.stored == 0
    with Vault.open(tmp_path / "v", keys=key) as vault:
        vault.verify()
        found = list(vault.records(versions="all"))
        assert Counter(found) == Counter(said)
        latest = list(vault.records(versions="latest"))
        assert Counter(map(name_of, latest)) == Counter({name_of(record) for record in said})
        for record in [r for r in found if isinstance(r, m.Subject)][:50]:
            for identifier in record.identifiers:
                assert not identifier.value or record.id in vault.find(identifier.value, identifier.system)
