"""Reading: Bundles, lines, hostile text, the read context."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4.jsontext import dumps, parse
from iomt_interop.adapters.fhir_r4.patch import apply, diff
from iomt_interop.adapters.fhir_r4.reader import make_reader
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.errors import (
    InputError,
    InvalidRequest,
    LimitExceeded,
    MalformedInput,
    NotRepresentable,
    TruncatedInput,
)
from iomt_interop.plugins import (
    HEAD,
    Adapter,
    Candidate,
    Evidence,
    Limits,
    ReadContext,
    WriteContext,
    parse_manifest,
    sniff_bytes,
)

OBSERVATION = (
    b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},"valueQuantity":{"value":2.00}}'
)


def read(data: bytes, size: int = 1 << 20, **context: Any) -> list[Any]:
    reader = make_reader(ReadContext(**context))
    found: list[Any] = []
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    return [*found, *reader.finish()]


def write(records: list[Any], form: str = "source") -> bytes:
    return b"".join(make_writer(WriteContext(form=form)).write(records))


@pytest.fixture
def sample(root: Path) -> bytes:
    return (root / "iomt_interop/adapters/fhir_r4/samples/bundle.json").read_bytes()


@pytest.fixture
def lines(root: Path) -> bytes:
    return (root / "fixtures/fhir_r4/vitals.ndjson").read_bytes()


def test_bundle_gives_a_message_and_one_record_per_entry(sample: bytes) -> None:
    records = read(sample)
    assert [record.kind for record in records] == ["message", "subject", "device", "device"] + ["observation"] * 3 + [
        "waveform",
        "observation",
    ]
    subject, oximeter = records[1], records[2]
    assert {record.subject for record in records[4:]} == {subject.id}
    assert records[4].device == oximeter.id
    assert records[4].value == m.Quantity(mantissa=970, exponent=-1, unit="%")
    assert records[5].quality == m.Quality(flags=("questionable",))
    assert oximeter.identifiers[0].value == "0A1B2CFFFE3D4E5F"
    wave = records[7]
    assert (wave.segments[0].dtype, wave.segments[0].n, wave.segments[0].marks) == (
        "i1",
        10,
        bytes([0] * 4 + [2, 0, 0, 0, 3, 4]),
    )
    assert wave.channels[0].factor.text == "0.25"


def test_same_person_is_the_same_in_bundle_and_lines(sample: bytes, lines: bytes) -> None:
    assert read(sample)[1].id == read(lines)[0].id == read(lines)[3].subject


@pytest.mark.parametrize("name", ["vitals.ndjson", "odd.json"])
def test_own_fixtures_come_back_as_they_were(root: Path, name: str) -> None:
    data = (root / "fixtures/fhir_r4" / name).read_bytes()
    assert _lines(write(read(data))) == _lines(data)
    assert _lines(write(read(data), "ndjson")) == _lines(data)


def test_sample_comes_back_as_it_was(sample: bytes) -> None:
    assert _canonical(parse(write(read(sample)))) == _canonical(parse(sample))


@pytest.mark.parametrize("size", [1, 3, 64])
def test_chunking_changes_nothing(sample: bytes, lines: bytes, size: int) -> None:
    assert read(lines, size) == read(lines)
    assert read(sample, 100 * size) == read(sample)


def test_references_in_a_new_bundle_resolve_inside_it(sample: bytes) -> None:
    for form in ("collection", "transaction"):
        bundle = json.loads(write(read(sample), form))
        urls = {entry["fullUrl"] for entry in bundle["entry"]}
        assert len(urls) == len(bundle["entry"]) == 8
        assert _references(bundle) <= urls


def test_transaction_creates_conditionally_and_is_the_same_each_time(lines: bytes) -> None:
    first, second = write(read(lines), "transaction"), write(read(lines), "transaction")
    assert first == second
    for entry in json.loads(first)["entry"]:
        assert entry["request"]["method"] == "POST"
        assert entry["request"]["ifNoneExist"].startswith("identifier=")


def test_foreign_resource_is_kept_whole() -> None:
    data = b'{"resourceType":"Medication","id":"x","amount":{"numerator":{"value":1.50}}}'
    (record,) = read(data)
    assert record.kind == "residue"
    assert write([record]) == data + b"\n"


def test_edit_whose_place_changed_is_left_out_and_reported(root: Path) -> None:
    (record,) = read((root / "fixtures/fhir_r4/odd.json").read_bytes())
    changed = record.replace(status="final")
    writer = make_writer(WriteContext(form="ndjson"))
    tree = json.loads(b"".join(writer.write([changed.replace(native_status="F")])))
    assert tree["status"] == "final"
    assert tree["language"] == "de-CH"
    quality = changed.replace(code=m.Concept(text="Herzfrequenz"))
    list(writer.write([quality]))
    assert any(loss.path.startswith("extensions[/code") for loss in writer.losses)


HOSTILE = {
    b'{"resourceType":"Patient","resourceType":"Patient"}': "FHR-003",
    b'{"resourceType":"Patient","a":NaN}': "FHR-004",
    b'{"resourceType":"Patient","a":-Infinity}': "FHR-004",
    b'{"resourceType":"Patient","a":"\xff"}': "FHR-001",
    b'{"resourceType":"Patient","a":"\\ud800"}': "FHR-006",
    b'{"resourceType":"Patient","a":' + b"[" * 5000 + b"]" * 5000 + b"}": "FHR-005",
    b'{"resourceType":"Patient","a"': "FHR-007",
    b'{"resourceType":"Patient","a":"x': "FHR-007",
    b'{"resourceType":"Patient"} x': "FHR-002",
    b"[1]": "FHR-009",
    b'{"a":1}': "FHR-009",
}


@pytest.mark.parametrize(("data", "code"), HOSTILE.items(), ids=HOSTILE.values())
def test_hostile_text_is_refused_by_code_and_place(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as found:
        read(data)
    assert found.value.code == code
    assert found.value.span is not None
    assert found.value.__cause__ is None


def test_resource_beyond_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded) as found:
        read(b'{"resourceType":"Patient","a":"' + b"x" * 999, 10, limits=Limits(max_unit=500))
    assert found.value.code == "FHR-008"


def test_flawed_line_is_kept_and_the_others_are_read() -> None:
    data = OBSERVATION + b'\n{"resourceType":"Observation",}\n' + OBSERVATION + b"\n"
    assert [record.kind for record in read(data)] == ["observation", "residue", "issue", "observation"]
    with pytest.raises(MalformedInput):
        read(data, strictness="strict")


def test_truncated_lines_give_what_was_whole_then_the_error() -> None:
    reader = make_reader(ReadContext())
    assert len(reader.feed(OBSERVATION + b"\n" + OBSERVATION[:40])) == 1
    with pytest.raises(TruncatedInput):
        reader.finish()


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789resourceTypObvatinE. -', max_size=60).map(str.encode))
def test_any_bytes_give_records_or_an_input_error(data: bytes) -> None:
    for text in (data, b'{"resourceType":"Observation","code":' + data + b"}"):
        with suppress(InputError):
            read(text)


KEYS = [
    "code",
    "coding",
    "system",
    "value",
    "valueQuantity",
    "valueSampledData",
    "component",
    "extension",
    "url",
    "status",
    "subject",
    "reference",
    "effectiveDateTime",
    "_effectiveDateTime",
    "interpretation",
    "dataAbsentReason",
    "identifier",
    "meta",
    "data",
    "period",
    "origin",
    "dimensions",
    "type",
    "name",
    "device",
    "entry",
    "resource",
    "valueCode",
    "bits",
]
json_trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "final", "Patient/1", "2026-11-24", "1 2 E", "68193", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@given(
    st.sampled_from(
        [
            "Observation",
            "Patient",
            "Device",
            "DeviceMetric",
            "Encounter",
            "DiagnosticReport",
            "DocumentReference",
            "MessageHeader",
            "Bundle",
            "Basic",
        ]
    ),
    st.dictionaries(st.sampled_from(KEYS), json_trees, max_size=6),
)
def test_any_tree_comes_back_as_it_was(resource: str, tree: dict[str, Any]) -> None:
    data = json.dumps({"resourceType": resource, **tree}).encode()
    assert _canonical(parse(write(read(data)))) == _canonical(parse(data))


@given(json_trees, json_trees)
def test_edits_turn_one_tree_into_the_other(old: Any, new: Any) -> None:
    old, new = (parse(json.dumps(tree).encode()) for tree in (old, new))
    found, failed = apply(parse(dumps(old).encode()), diff(old, new))
    assert failed == []
    assert _canonical(found) == _canonical(new)


def test_context_names_the_person_and_the_time_where_the_source_does_not() -> None:
    person = m.Subject(id=m.record_id("p"), provenance=m.Provenance(adapter="x", version="1"))
    records = read(OBSERVATION, subject=person, received=m.Instant(value="2026-11-24T11:00:00Z"))
    assert [record.kind for record in records] == ["subject", "observation"]
    assert records[1].subject == person.id
    assert records[1].time.origin == "received"
    assert _canonical(parse(write(records[1:]))) == _canonical(parse(OBSERVATION))


def test_test_data_are_kept_from_the_patient() -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    tree = json.loads(OBSERVATION) | {"meta": {"security": [label]}, "subject": {"reference": "Patient/1"}}
    subject, record = read(json.dumps(tree).encode())
    assert (subject.confidence, record.subject) == ("test", subject.id)
    assert write([record]) == b""
    (kept,) = read(json.dumps(tree).encode(), identity="keep")
    assert kept.subject not in (None, subject.id)


def test_detection_by_content(root: Path, sample: bytes, lines: bytes) -> None:
    manifest = parse_manifest((root / "iomt_interop/adapters/fhir_r4/adapter.toml").read_text())
    adapter = Adapter("fhir_r4", "iomt_interop.adapters.fhir_r4", "1", "iomt_interop", None, manifest, None)
    for data in (sample, lines, b"\xef\xbb\xbf" + OBSERVATION):
        assert sniff_bytes(data[:HEAD], None, [adapter]) == [Candidate("fhir_r4", Evidence.MAGIC)]
    assert sniff_bytes(b'{"type":"Observation"}', None, [adapter]) == []
    assert {record.kind for record in read(sample)} <= set(manifest.records)


def test_repr_says_nothing_of_the_content() -> None:
    reader = make_reader(ReadContext())
    reader.feed(OBSERVATION)
    assert repr(reader) == f"FhirReader({len(OBSERVATION)} bytes buffered)"


def test_class_library_reads_the_payload_and_its_errors_hold_no_value(sample: bytes) -> None:
    (bundle,) = to_fhir_resources(write(read(sample), "collection"))
    assert len(bundle.entry) == 8
    with pytest.raises(NotRepresentable) as found:
        to_fhir_resources(b'{"resourceType":"Observation","status":"SECRET","odd":1}')
    assert "SECRET" not in str(found.value)
    assert found.value.__suppress_context__


def test_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        make_writer(WriteContext(form="xml"))


def _lines(data: bytes) -> list[Any]:
    try:
        return [_canonical(parse(data))]
    except MalformedInput:
        return [_canonical(parse(line)) for line in data.splitlines() if line]


def _canonical(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _canonical(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_canonical(value) for value in tree]
    return type(tree).__name__, tree


def _references(tree: Any) -> set[str]:
    if isinstance(tree, list):
        return set().union(*map(_references, tree)) if tree else set()
    if isinstance(tree, dict):
        found = _references(list(tree.values()))
        return found | ({tree["reference"]} if "reference" in tree else set())
    return set()
