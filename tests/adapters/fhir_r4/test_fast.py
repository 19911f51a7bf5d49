"""The short way writes what the long way writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4.envelope import Sources
from iomt_interop.adapters.fhir_r4.fast import FastPath
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.plugins import WriteContext
from iomt_interop.terminology import systems

SYNC = m.record_id("sync")
IDS = [m.record_id(name) for name in "abcd"]
CODES = [
    m.Concept(codings=(m.Coding(system=systems.MDC, code=code, refid="MDC_ANY", native_system=native),), text=text)
    for code, native, text in (
        ("150456", None, None),
        ("149530", "MDC", 'a "b"'),
        ("12", None, "\x00"),
        ("131329", None, "ä"),
    )
]
UNITS = [(None, None), ("%", None), ("/min", m.Coding(display="bpm")), ("odd unit", None), (None, m.Coding(code="x"))]
TIMES = [
    m.Instant(value="2026-11-24T10:58:03.20+01:00"),
    m.Instant(value="2026-11-24"),
    m.Instant(value="2026-11-24T10:58"),
    m.Instant(value="2026-02-30T10:58:03Z"),
    m.Instant(value="2026-11-24T10:58:03Z", native="20261124105803Z"),
    m.Instant(value="2026-11-24T10:58:03Z", clock_sync=SYNC),
]
optional = st.sampled_from([None, *IDS])


@st.composite
def observations(draw: st.DrawFn) -> m.Observation:
    unit, native = draw(st.sampled_from(UNITS))
    return m.Observation(
        id=draw(st.sampled_from([*IDS, "no id", "x" * 80, m.record_id(draw(st.integers()))])),
        provenance=m.Provenance(
            adapter=draw(st.sampled_from(["acme", "fhir_r4", "a b"])),
            version="1",
            digest=draw(st.sampled_from([None, "ff" * 32])),
            span=draw(st.sampled_from([None, (0, 9), (7, 123456789012)])),
            path=draw(st.sampled_from([None, 'OBX(3) "x"'])),
        ),
        code=draw(st.sampled_from(CODES)),
        status=draw(st.sampled_from(["final", "unknown"])),
        native_status=draw(st.sampled_from([None, "R", "F"])),
        native_type=draw(st.sampled_from([None, "NM", ""])),
        handle=draw(st.sampled_from([None, "1.2.1", " "])),
        subject=draw(optional),
        device=draw(optional),
        gateway=draw(optional),
        encounter=draw(optional),
        order=draw(optional),
        clock_sync=draw(st.sampled_from([None, SYNC])),
        metric=draw(st.sampled_from([None, None, IDS[0]])),
        categories=draw(st.sampled_from([(), (CODES[0],)])),
        time=draw(st.sampled_from([None, *TIMES])),
        notes=draw(st.sampled_from([(), (), (m.Note(text="n"),)])),
        labels=draw(st.sampled_from([(), (), (m.Coding(code="R"),)])),
        value=m.Quantity(
            mantissa=draw(st.integers(-(10**20), 10**20)),
            exponent=draw(st.integers(-5, 3)),
            unit=unit,
            native_unit=native,
            comparator=draw(st.sampled_from([None, None, "<"])),
        ),
    )


class _Never(FastPath):
    def write(self, record: m.Observation) -> str | None:
        return None


@given(st.lists(observations(), max_size=6), st.sampled_from(["ndjson", "collection", "transaction"]))
def test_short_and_long_way_write_the_same(records: list[Any], form: str) -> None:
    provenance = m.Provenance(adapter="acme", version="1")
    frame: list[Any] = [
        m.Subject(id=IDS[0], provenance=provenance),
        m.Device(id=IDS[1], provenance=provenance, node="phd"),
        m.Order(id=IDS[2], provenance=provenance),
        m.ClockSync(id=SYNC, provenance=provenance),
    ]
    mixed = [*records[:2], *frame, *records[2:], m.Device(id=IDS[2], provenance=provenance, node="phd"), *records]
    results = []
    for kind in (FastPath, _Never):
        writer = make_writer(WriteContext(form=form))
        writer._fast = kind(writer._emit, Sources())
        results.append((b"".join(writer.write(mixed)), list(writer.losses)))
    assert results[0][0].split(b'{"fullUrl"') == results[1][0].split(b'{"fullUrl"')
    assert results[0][1] == results[1][1]


def test_plain_observation_takes_the_short_way() -> None:
    writer = make_writer(WriteContext(form="ndjson"))
    record = m.Observation(
        id=IDS[0],
        provenance=m.Provenance(adapter="acme", version="1", digest="ff" * 32, span=(0, 1)),
        code=CODES[0],
        value=m.Quantity(mantissa=970, exponent=-1, unit="%"),
        time=TIMES[0],
        subject=IDS[1],
        device=IDS[2],
        status="final",
        handle="1.2",
        native_type="NM",
        native_status="R",
    )
    assert writer._fast.write(record) is not None
