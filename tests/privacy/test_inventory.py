"""The inventory, from records made by hand and from the fixtures' devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.records import PROVENANCE

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.privacy.inventory import Drift, inventory

MDC = "urn:iso:std:iso:11073:10101"


def device(name: str, **more: Any) -> m.Device:
    return m.Device(id=m.record_id(name), provenance=PROVENANCE, **more)


def version(code: str, value: str) -> m.DeviceVersion:
    return m.DeviceVersion(type=m.Concept(codings=(m.Coding(system=MDC, code=code),)), value=value)


def sync(name: str, time: str | None, offset: int | None, **more: Any) -> m.ClockSync:
    reference = None if time is None else m.Instant(value=time)
    return m.ClockSync(
        id=m.record_id(name, time, offset), provenance=PROVENANCE, device=m.record_id(name), reference=reference,
        offset_ns=offset, **more,
    )  # fmt: skip


def seen(name: str, time: m.Time) -> m.Observation:
    return m.Observation(
        id=m.record_id(name, time.model_dump_json()), provenance=PROVENANCE, device=m.record_id(name), time=time,
        status="final", code=m.Concept(text="x"), value=m.TextValue(text="y"),
    )  # fmt: skip


def at(text: str) -> m.Instant:
    return m.Instant(value=text)


def test_a_device_and_its_parts_are_one_entry() -> None:
    records = [
        seen("vmd", at("2026-11-24T11:00:00+01:00")),
        device(
            "mds", node="mds", manufacturer="Acme", model="X200", serial="7", regulated=True,
            versions=(version("531976", "1.4"), version("531974", "B"), version("531977", "2")),
            certifications=(m.Concept(codings=(m.Coding(code="4100", display="oximeter"),)), m.Concept(text="CE")),
        ),
        device("vmd", node="vmd", parent=m.record_id("mds"), versions=(m.DeviceVersion(value="9"),)),
        device("channel", node="channel", parent=m.record_id("vmd")),
        seen("channel", m.Interval(start=at("2026-11-24T09:00:00Z"), end=at("2026-11-24T12:00:00Z"))),
        seen("mds", at("2026-11-24T10:30:00")),
        seen("mds", m.Day(value="2026-11-30")),
        seen("somebody else", at("2026-12-24T10:30:00Z")),
    ]  # fmt: skip
    (entry,) = inventory(records)
    assert (entry.manufacturer, entry.model, entry.serial, entry.node) == ("Acme", "X200", "7", "mds")
    assert entry.versions == (("firmware", "1.4"), ("hardware", "B"), ("protocol", "2"), ("other", "9"))
    assert (entry.version("firmware"), entry.version("software")) == ("1.4", None)
    assert (entry.first_seen, entry.last_seen) == ("2026-11-24T09:00:00Z", "2026-11-24T12:00:00Z")
    assert entry.records == 4
    assert entry.certifications == ("oximeter", "CE")
    assert entry.regulated is True
    assert entry.drift is None
    (other,) = inventory(reversed(records))
    assert set(other.versions) == set(entry.versions)
    assert (other.first_seen, other.last_seen, other.records) == (entry.first_seen, entry.last_seen, 4)


def test_versions_by_their_words() -> None:
    firmware = m.DeviceVersion(type=m.Concept(text="Firmware Version"), value="3")
    software = m.DeviceVersion(type=m.Concept(codings=(m.Coding(display="software"),)), value="4")
    (entry,) = inventory([device("a", versions=(firmware, software))])
    assert entry.versions == (("firmware", "3"), ("software", "4"))


def test_two_descriptions_of_a_device_complete_each_other() -> None:
    one, two = device("a", model="X200"), device("a", manufacturer="Acme", model="other", serial="7")
    (entry,) = inventory([one, two])
    assert (entry.manufacturer, entry.model, entry.serial) == ("Acme", "X200", "7")


def test_a_ring_of_parts_ends() -> None:
    ring = [
        device("a", node="vmd", parent=m.record_id("b")),
        device("b", node="vmd", parent=m.record_id("a")),
        device("c", node="channel", parent=m.record_id("gone")),
    ]
    assert len(inventory(ring)) >= 1


@pytest.mark.parametrize(
    ("syncs", "expected"),
    [
        # A second in a day, of which half is seen: 0.5 s over 12 hours.
        ([("2026-11-24T00:00:00Z", 0), ("2026-11-24T12:00:00Z", 500_000_000)], Drift(2, 500_000_000, 10**9, False)),
        ([("2026-11-25T00:00:00Z", -86_400), ("2026-11-24T00:00:00Z", 0)], Drift(2, -86_400, -86_400, False)),
        ([("2026-11-24T00:00:00Z", 7)], Drift(1, 7, None, False)),
        ([(None, 7)], Drift(1, 7, None, False)),
        ([("2026-11-24T00:00:00Z", None)], Drift(1, None, None, False)),
        ([("2026-11-24T00:00:00", 7), ("2026-11-25T00:00:00Z", 9)], Drift(2, 9, None, False)),
    ],
)
def test_drift(syncs: list[tuple[str | None, int | None]], expected: Drift) -> None:
    (entry,) = inventory([device("a"), *(sync("a", *pair) for pair in syncs)])
    assert entry.drift == expected


def test_no_drift_is_told_over_a_clock_that_was_set() -> None:
    first, second = sync("a", "2026-11-24T00:00:00Z", 0), sync("a", "2026-11-25T00:00:00Z", 9, timeline_change=True)
    (entry,) = inventory([device("a"), first, second])
    assert entry.drift == Drift(2, 9, None, False)
    (entry,) = inventory([device("a"), sync("a", None, 1, fault=True)])
    assert entry.drift == Drift(1, 1, None, True)


def test_the_devices_of_the_fixtures(root: Path) -> None:
    (oximeter,) = [
        entry
        for entry in inventory(iomt.read(root / "fixtures" / "ieee11073_phd" / "pulse_oximeter.apdu"))
        if entry.node == "phd"
    ]
    assert oximeter.model
    assert oximeter.manufacturer
    monitors = inventory(iomt.read(root / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7"))
    assert [entry.node for entry in monitors].count("mds") == 1
    assert not any(entry.node in {"vmd", "channel"} for entry in monitors)
    assert inventory([]) == []
