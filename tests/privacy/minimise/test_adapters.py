"""Safe Harbor over what the adapters read: canaries stand in for the identifiers of every sample; none comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop.errors import IomtError
from iomt_interop.model import Record, to_json
from iomt_interop.plugins import default_registry
from iomt_interop.privacy import find_leaks, identifying_values
from iomt_interop.privacy.minimise import built_in, minimise
from iomt_interop.testing.canaries import plant
from iomt_interop.testing.corpus import Member

READERS = [
    each.id for each in default_registry().usable() if each.manifest is not None and "read" in each.manifest.directions
]


def records_of(data: bytes, adapter: str) -> list[Record]:
    found: list[Record] = []
    try:
        for record in iomt.read(data, adapter=adapter):
            found.append(record)
    except IomtError:
        pass
    return found


def inputs(root: Path, adapter: str) -> list[bytes]:
    paths = [path for path in default_registry().get(adapter).samples() if path.is_file()]
    folder = root / "fixtures" / adapter
    if folder.is_dir():
        names = (".toml", ".py", ".md", ".golden.json")
        paths += [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(names)]
    return [path.read_bytes() for path in paths]


@pytest.mark.parametrize("adapter", READERS)
def test_no_canary_of_a_sample_comes_out(adapter: str, root: Path) -> None:
    planted = read = kept = 0
    for data in inputs(root, adapter):
        (member,), canaries = plant([Member(None, data)], records_of(data, adapter))
        records, texts = records_of(member.data, adapter), [canary.text for canary in canaries]
        if not records:  # a checksum over what was changed
            records = records_of(data, adapter)
            texts = list(set(identifying_values(records)))
        before = to_json(records)
        present = [text for text in texts if find_leaks(before, [text])]
        result = minimise(records, built_in("safe-harbor"), as_of=2026)
        out = to_json(result.records)
        leaks = find_leaks(out, present)
        # A short number can stand among measured ones by chance; then it stands there as a number.
        words = {text for number, _ in leaks if not re.fullmatch(r"[0-9.]{1,6}", text := present[number])}
        assert not words, adapter
        planted, read, kept = planted + len(present), read + len(records), kept + len(result.records)
    assert read > 0
    assert kept > 0
    assert planted > (5 if adapter in ("hl7v2_oru", "fhir_r4", "ieee11073_phd") else 0)
