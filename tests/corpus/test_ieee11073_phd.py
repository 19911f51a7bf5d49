"""Captures and worked examples of 11073-20601, read against trees that another decoder made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from iomt_interop.adapters.ieee11073_phd.columns import read_columns
from iomt_interop.adapters.ieee11073_phd.reader import make_reader
from iomt_interop.errors import InputError, TruncatedInput
from iomt_interop.model import (
    Device,
    Event,
    Instant,
    Issue,
    Message,
    Metric,
    Observation,
    Quantity,
    Record,
    Residue,
    Subject,
    record_from_json,
    records_from_json,
    to_json,
)
from iomt_interop.plugins import Evidence, ReadContext, sniff_bytes
from iomt_interop.plugins.registry import default_registry

Vector = dict[str, Any]


@pytest.fixture(scope="module")
def vectors(corpus: Path) -> dict[str, Vector]:
    rows = map(json.loads, (corpus / "ieee11073" / "phd_apdu" / "vectors.jsonl").read_text().splitlines())
    return {row["name"]: row for row in rows}


def read(stream: bytes) -> tuple[list[Record], InputError | None]:
    reader, records = make_reader(ReadContext()), list[Record]()
    try:
        records += reader.feed(stream)
        records += reader.finish()
    except InputError as error:
        return records, error
    return records, None


def stated(vector: Vector) -> Iterator[tuple[int, list[str], str]]:
    """Yield handle, numbers and time of each fixed observation of a report, as the other decoder saw them."""
    decoded = vector["decoded"]
    info = decoded.get("info") or decoded["response"]["info"]
    for part in info.get("persons", [info]):
        for observation in part["obs"]:
            found = next(value for key, value in observation.items() if key.startswith("if_"))
            yield observation["handle"], found[0] if isinstance(found[0], list) else [found[0]], found[1]


def said(records: Iterable[Record]) -> Iterator[tuple[int, list[str], str]]:
    for record in records:
        if isinstance(record, Observation):
            values = [part.value for part in record.components or (record,)]
            assert isinstance(record.time, Instant)
            numbers = [str(value.to_decimal()) for value in values if isinstance(value, Quantity)]
            yield int(record.handle or 0), numbers, record.time.value


def test_every_apdu_alone(vectors: dict[str, Vector]) -> None:
    """What the other decoder reads gives records; what it calls malformed gives an error and no record."""
    read_well = 0
    for name, vector in vectors.items():
        records, error = read(bytes.fromhex(vector["hex"]))
        assert (error is None) == ("decode_error" not in vector), name
        assert bool(records) == (error is None), name
        assert records_from_json(to_json(records)) == records
        read_well += error is None
    assert read_well >= 40


SESSIONS = [
    (("H211", "H221", "H233", "H241"), 2),
    (("H211", "H221", "H244"), 2),
    (("H211_ID_02BC", "H233_ID_02BC", "H241_ID_02BC"), 2),
    (("H211_ID_05DC", "H221_ID_05DC", "H241_ID_05DC"), 4),
    (("blood_pressure/aarq", "blood_pressure/roiv_mdc_noti_config",
      "blood_pressure/roiv_mds_note_scan_report_mp_fixed"), 3),
    *((("pulse_oximeter/pulse_oximeter_association_request", "pulse_oximeter/pulse_oximeter_noti_config_with_scanner",
        f"pulse_oximeter/pulse_oximeter_unbuf_scan_report_{form}"), 2) for form in ("fixed", "mp_fixed")),
    (("pulse_oximeter/pulse_oximeter_noti_config_with_scanner", "H241_ID_0190"), 2),
]  # fmt: skip


@pytest.mark.parametrize(("names", "count"), SESSIONS)
def test_sessions_give_the_stated_values(vectors: dict[str, Vector], names: tuple[str, ...], count: int) -> None:
    records, error = read(b"".join(bytes.fromhex(vectors[name]["hex"]) for name in names))
    assert error is None
    expected, found = list(stated(vectors[names[-1]])), list(said(records))
    assert found == expected
    assert len(found) == count
    assert not [record for record in records if isinstance(record, Residue)]


def test_grouped_and_var_reports(vectors: dict[str, Vector]) -> None:
    folder = "pulse_oximeter/pulse_oximeter_"
    begin = bytes.fromhex(vectors[folder + "noti_config_with_scanner"]["hex"])
    records, _ = read(begin + bytes.fromhex(vectors[folder + "unbuf_scan_report_var"]["hex"]))
    assert list(said(records)) == [(1, ["98"], "2007-12-06T12:10:00.00"), (10, ["72"], "2007-12-06T12:10:00.00")]
    # f3cf is 975 tenths, f321 is 801 tenths, in the order of the scanner's handles.
    records, _ = read(begin + bytes.fromhex(vectors[folder + "unbuf_scan_report_grouped"]["hex"]))
    assert list(said(records)) == [(1, ["97.5"], "2010-08-03T10:51:11.00"), (10, ["80.1"], "2010-08-03T10:51:11.00")]


def test_nonin_announces_a_clock_where_it_sends_a_stamp(vectors: dict[str, Vector]) -> None:
    begin = vectors["pulse_oximeter/pulse_oximeter_noti_config"]["hex"]
    records, error = read(bytes.fromhex(begin + vectors["H241_ID_0190"]["hex"]))
    assert error is None
    metrics = [record for record in records if isinstance(record, Metric)]
    assert {c.codings[0].refid for metric in metrics for c in metric.supplemental} <= {"MDC_MODALITY_SPOT", None}
    assert len(metrics) == 2


def test_devices_name_themselves(vectors: dict[str, Vector]) -> None:
    seen = 0
    for name, vector in vectors.items():
        if not name.startswith("H233"):
            continue
        told = dict(vector["decoded"]["attributes"])
        records, _ = read(bytes.fromhex(vector["hex"]))
        (device,) = (record for record in records if isinstance(record, Device))
        assert device.identifiers[0].value == told["MDC_ATTR_SYS_ID"].upper()
        assert [device.manufacturer, device.model] == [text.rstrip("\0") for text in told["MDC_ATTR_ID_MODEL"]]
        assert device.serial == told["MDC_ATTR_ID_PROD_SPECN"][0][2]
        refid, version = told["MDC_ATTR_SYS_TYPE_SPEC_LIST"][0]
        assert [(s.type.codings[0].refid, s.version) for s in device.specializations] == [(refid, str(version))]
        seen += 1
    assert seen == 4


def test_configurations_keep_types_units_and_private_codes(vectors: dict[str, Vector]) -> None:
    records, _ = read(bytes.fromhex(vectors["blood_pressure/roiv_mdc_noti_config"]["hex"]))
    metrics = {record.handle: record for record in records if isinstance(record, Metric)}
    assert metrics["1"].code.codings[0].refid == "MDC_PRESS_BLD_NONINV"
    assert metrics["3"].code.codings[0].code == str((2 << 16) + 0xF012)
    assert metrics["1"].unit is not None
    assert [coding.code for coding in metrics["1"].unit.codings] == [str((4 << 16) + 3872), "mm[Hg]"]


def test_person_numbers_are_subjects_of_their_own(vectors: dict[str, Vector]) -> None:
    names = SESSIONS[4][0]
    records, _ = read(b"".join(bytes.fromhex(vectors[name]["hex"]) for name in names))
    (subject,) = (record for record in records if isinstance(record, Subject))
    assert (subject.identifiers[0].value, subject.confidence) == ("66", "ambiguous")


def test_reasons_and_invoke_ids_are_the_stated_ones(vectors: dict[str, Vector]) -> None:
    for vector in vectors.values():
        decoded = vector.get("decoded")
        if decoded is None:
            continue
        records, _ = read(bytes.fromhex(vector["hex"]))
        events = [record for record in records if isinstance(record, Event)]
        if "reason" in decoded:
            value = events[0].value
            assert value is not None
            assert value.model_dump()["concepts"][0]["codings"][0]["code"] == str(decoded["reason"])
        if "invoke_id" in decoded:
            message = next(record for record in records if isinstance(record, Message))
            assert message.control_id == str(decoded["invoke_id"])


def test_every_truncation_is_an_error_and_no_record(vectors: dict[str, Vector]) -> None:
    for name, vector in vectors.items():
        data = bytes.fromhex(vector["hex"])
        for stop in range(1, len(data)):
            records, error = read(data[:stop])
            assert records == []
            assert isinstance(error, TruncatedInput) or "decode_error" in vector, name


def test_every_changed_octet_is_read_or_refused(vectors: dict[str, Vector]) -> None:
    stream = b"".join(bytes.fromhex(vectors[name]["hex"]) for name in SESSIONS[4][0])
    plain = to_json(read(stream)[0])
    for place in range(len(stream)):
        damaged = bytearray(stream)
        damaged[place] ^= 0x41
        records, error = read(bytes(damaged))
        assert error is not None or to_json(records) != plain
        for issue in (record for record in records if isinstance(record, Issue)):
            assert record_from_json(issue.model_dump_json(exclude_none=True).encode()) == issue


def test_columns_hold_the_stated_values(vectors: dict[str, Vector]) -> None:
    for names, _ in SESSIONS:
        expected = [(number, time) for _, numbers, time in stated(vectors[names[-1]]) for number in numbers]
        rest: list[tuple[int, int]] = []
        batch = read_columns(b"".join(bytes.fromhex(vectors[n]["hex"]) for n in names), ReadContext(), rest=rest)
        rows = [
            (str(Decimal(row.value.to_decimal())), row.time.value)
            for row in batch.records()
            if isinstance(row.value, Quantity) and isinstance(row.time, Instant)
        ]
        assert rows == ([] if rest else expected), names


def test_detection(vectors: dict[str, Vector], corpus: Path) -> None:
    usable = [adapter for adapter in default_registry().usable() if adapter.id == "ieee11073_phd"]
    if not usable:
        pytest.skip("the package is not installed, so no adapter is registered")
    for name, vector in vectors.items():
        found = sniff_bytes(bytes.fromhex(vector["hex"]), None, usable)
        assert "decode_error" in vector or [candidate.evidence for candidate in found] == [Evidence.VERIFIED], name
    strangers = [p for part in ("hl7v2", "dicom", "vendor", "fhir_model") for p in (corpus / part).rglob("*")]
    files = [path for path in strangers if path.is_file()]
    assert files
    for path in files:
        with path.open("rb") as stream:
            assert not sniff_bytes(stream.read(4096), None, usable), path
