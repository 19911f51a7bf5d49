"""The project's own fixtures: what their generator put in comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iomt_interop.adapters.ieee11073_phd.reader import make_reader
from iomt_interop.model import Absent, BitSetValue, Observation, Quantity, Record, Waveform
from iomt_interop.plugins import ReadContext, parse_manifest
from iomt_interop.plugins.detect import HEAD

# Handle, and the value or values as make_fixtures.py states them.
EXPECTED = {
    "pulse_oximeter.apdu": [
        ("1", "97 %"), ("10", "61 /min"), ("1", "97.5 %"), ("10", "not-a-number"), ("3", "96 %"), ("30", "0x2100"),
        ("1", "98 %"), ("10", "60.0 /min"), ("20", "8 samples"), ("1", "not-at-this-resolution"), ("1", "95 %"),
        ("1", "99 %"),
    ],
    "blood_pressure.apdu": [("1", "118 mm[Hg], 76 mm[Hg], not-a-number"), ("2", "64.0 /min")],
    "thermometer.apdu": [("1", "36.60 Cel")],
    "weighing_scale.apdu": [("1", "76.2 kg")],
    "glucose_meter.apdu": [("1", "104 mg/dL")],
    "measurements_only.apdu": [],
}  # fmt: skip


def values(records: list[Record]) -> Iterator[tuple[str | None, str]]:
    for record in records:
        if isinstance(record, Waveform):
            yield record.handle, f"{record.segments[0].n} samples"
        elif isinstance(record, Observation):
            yield record.handle, ", ".join(map(shown, record.components or (record,)))


def shown(part: object) -> str:
    value = getattr(part, "value", None)
    if isinstance(value, Quantity):
        return f"{value.text} {value.unit}"
    if isinstance(value, BitSetValue):
        return f"{value.bits:#06x}"
    assert isinstance(value, Absent)
    return value.reason


@pytest.mark.parametrize("name", EXPECTED)
def test_fixture(root: Path, name: str) -> None:
    reader = make_reader(ReadContext())
    records = [*reader.feed((root / "fixtures" / "ieee11073_phd" / name).read_bytes()), *reader.finish()]
    assert list(values(records)) == EXPECTED[name]


def test_manifest_and_sample(root: Path) -> None:
    folder = root / "iomt_interop" / "adapters" / "ieee11073_phd"
    manifest = parse_manifest((folder / "adapter.toml").read_text(encoding="utf-8"))
    kinds = set()
    for sample in manifest.samples:
        data = (folder / sample).read_bytes()
        assert data[:HEAD].startswith(tuple(bytes.fromhex(tag) for tag in manifest.sniff.frames[0].tags))
        reader = make_reader(ReadContext())
        kinds |= {record.kind for record in [*reader.feed(data), *reader.finish()]}
    assert kinds <= set(manifest.records)
