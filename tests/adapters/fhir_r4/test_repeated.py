"""Devices and metrics whose text is filled in are written as those that are written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4 import repeated
from iomt_interop.adapters.fhir_r4.envelope import Sources, source_uri
from iomt_interop.adapters.fhir_r4.jsontext import dumps
from iomt_interop.adapters.fhir_r4.repeated import Repeated
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.facade import read
from iomt_interop.plugins import WriteContext
from iomt_interop.testing import strategies

ROOT = Path(__file__).resolve().parents[3]
IDS = [m.record_id(name) for name in "abc"]
MADE = sorted((ROOT / "fixtures/hl7v2_oru").glob("*.hl7")) + sorted((ROOT / "fixtures/ieee11073_phd").glob("*.apdu"))
origins = st.builds(
    m.Provenance,
    adapter=st.sampled_from(["acme", "a b", "fhir_r4"]),
    version=st.just("1"),
    digest=st.sampled_from([None, "ff" * 32, 'a"b', "a&b#c"]),
    span=st.sampled_from([None, (0, 9), (7, 123456789012)]),
    path=st.sampled_from([None, 'OBX(3) "x"', "a&b"]),
    clause=st.sampled_from([None, "any 4.2"]),
)


class _Never(Repeated):
    def write(self, record: m.Record) -> str | None:
        return None


def written(records: list[Any], form: str, kind: type[Repeated]) -> tuple[bytes, list[Any]]:
    writer = make_writer(WriteContext(form=form, include_test_data=True))
    writer._repeated = kind(writer._emit, Sources())
    return b"".join(writer.write(records)), list(writer.losses)


@settings(max_examples=40)
@given(
    st.lists(strategies.records(kinds=("device", "metric")), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.integers(0, 2), *[st.sampled_from([None, *IDS])] * 3, st.sampled_from([*IDS, "no id"]), origins),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["ndjson", "collection", "transaction"]),
)
def test_both_ways_write_the_same(shapes: list[Any], changes: list[Any], form: str) -> None:
    """The same device or metric for other persons, in other places, under other ids."""
    records: list[Any] = []
    for number, subject, parent, device, identity, provenance in changes:
        record = shapes[number % len(shapes)]
        more = {"device": device or IDS[0]} if isinstance(record, m.Metric) else {}
        plain = {"labels": (), "extensions": (), "links": (), "consent": None} if number else {}
        mould = m.Mould(record.replace(subject=subject, parent=parent, provenance=provenance, **more, **plain))
        records.append(mould.cast({"id": identity}))
    for _ in range(2):
        assert written(records, form, Repeated) == written(records, form, _Never)


@pytest.mark.parametrize("form", ["ndjson", "collection", "transaction"])
@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_fixtures(path: Path, form: str) -> None:
    records = list(read(path.read_bytes()))
    for _ in range(2):
        assert written(records, form, Repeated) == written(records, form, _Never)


def test_the_nodes_of_a_monitor_take_the_short_way() -> None:
    records = list(read(ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7"))
    writer = make_writer(WriteContext(form="ndjson"))
    ways = [writer._repeated.write(record) is not None for record in records if record.kind in ("device", "metric")]
    assert len(ways) > 40
    assert all(ways)


@given(origins)
def test_the_source_is_written_as_a_tree_would_be(provenance: m.Provenance) -> None:
    sources = Sources()
    for _ in range(2):
        assert f'"{sources.text(provenance)}"' == dumps(source_uri(provenance))


def test_the_number_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "_LIMIT", 8)
    writer = make_writer(WriteContext(form="ndjson"))
    for number in range(50):
        device = m.Device(id=IDS[0], provenance=m.Provenance(adapter="acme", version="1"), serial=str(number))
        assert writer._repeated.write(device) is not None
    assert 0 < len(repeated._texts) <= 8
