"""Real device messages are read and written again: the same records, and the fields that PCD-01 is made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_pcd01.support import facts, normal, read, segments, written

from iomt_interop.plugins import ReadContext, default_registry
from iomt_interop.testing import assert_records_equal

PCD01 = (
    "ihe_pcd/ge_b1x5_vsp_art",
    "ihe_pcd/mindray_vs900_oru_r01",
    "ihe_pcd/nist_acme_gateway_nibp",
    "ihe_pcd/sll_dordriver_waveform_na",
    "ihe_pcd/sll_t5_pulseox_nte",
    "ihe_pcd/uv_pocd_philips_mx500",
    "vendor_device/mindray_egateway_waveform_v231",
    "vendor_device/mindray_waveform_17digit_ms_no_dot",
    "vendor_device/mindray_xh80x_sentinel_minus999",
)
PCD04 = ("ihe_pcd/draeger_pcd04_watchdog", "ihe_pcd/ge_mural_pcd04_alert")
NOT_ALERTS = ("event", "metric", "observation", "order", "setting", "waveform")


@pytest.fixture
def messages(corpus: Path) -> Path:
    folder = corpus / "hl7v2"
    if not (folder / "ihe_pcd").is_dir():
        pytest.skip("the corpus has no HL7 v2 messages")
    return folder


def source(messages: Path, name: str) -> bytes:
    return (messages / f"{name}.hl7").read_bytes()


def same(back: list[Any], original: list[Any], **options: Any) -> None:
    """Compare; a header that stated no time has the latest one in the message."""
    unsent = any(record.kind == "message" and record.sent is None for record in original)
    found = [record.replace(sent=None) if unsent and record.kind == "message" else record for record in back]
    assert_records_equal(normal(found, **options), normal(original, **options))


@pytest.mark.parametrize("name", PCD01)
def test_the_records_come_back(messages: Path, name: str) -> None:
    original = read(source(messages, name))
    data, _ = written(original)
    same(read(data), original)


@pytest.mark.parametrize("name", PCD04)
def test_the_alert_comes_back(messages: Path, name: str) -> None:
    original = read(source(messages, name))
    data, _ = written(original, "hl7v2_pcd04")
    same(read(data), original, drop=NOT_ALERTS)


@pytest.mark.parametrize("name", [name for name in PCD01 if name.startswith("ihe_pcd")])
def test_codes_addresses_values_units_and_times_are_those_of_the_source(messages: Path, name: str) -> None:
    text = source(messages, name).replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    old, new = segments(text, "OBX"), segments(written(read(text))[0], "OBX")
    for number in (4, 5, 14):
        assert stated(old, number) == stated(new, number), number
    for number in (3, 6):  # codings that the source wrote are still there, whatever stands beside them
        assert triples(old, number) <= triples(new, number), number


def stated(found: list[list[str]], number: int) -> set[str]:
    """Return what a field says; facets that describe a wave get numbers of their own, and their range has two ends."""
    values = [fields for fields in found if len(fields) > number and fields[4].count(".") < 4]
    texts = {_NO_SAMPLE.sub("", fields[number]) if fields[2] == "NA" else fields[number] for fields in values}
    return {text.rstrip("^") for text in texts} - {""}


_NO_SAMPLE = re.compile(r"(?<![^^])-(?: \d+)?(?![^^])")
"""A sign alone, or apart from its number: one sender's slips of the pen."""


def triples(found: list[list[str]], number: int) -> set[tuple[str, ...]]:
    known = set()
    for fields in (fields for fields in found if len(fields) > 4 and fields[4].count(".") < 4):
        parts = [*fields[number].split("^"), *[""] * 6] if len(fields) > number else [""] * 6
        known |= {tuple(parts[at : at + 3]) for at in (0, 3)}
    return {triple for triple in known if any(triple)}


def test_every_message_can_be_written_again(messages: Path) -> None:
    """In the general form the results of every file come back, and every loss names a record."""
    different = []
    for path in sorted(messages.rglob("*.hl7")):
        original = read(path.read_bytes())
        data, writer = written(original, form="oru")
        assert {loss.record for loss in writer.losses} <= {record.id for record in original}, path.name
        back = read(data)
        assert not [r for r in back if r.kind == "issue" and r.severity == "error"], path.name
        if facts(back) != facts(original):
            different.append(path.name)
    assert not different


def test_results_of_personal_and_point_of_care_devices_come_back(corpus: Path) -> None:
    paths = sorted((corpus / "ieee11073").glob("fhir_*/*.json"))
    if not paths:
        pytest.skip("the corpus has no resources of devices")
    tried = 0
    for path in paths:
        reader = default_registry().get("fhir_r4").reader_factory()(ReadContext())
        original = [*reader.feed(path.read_bytes()), *reader.finish()]
        tried += any(record.kind == "observation" for record in original)
        assert facts(read(written(original)[0])) == facts(original), path.name
    assert tried > 10
