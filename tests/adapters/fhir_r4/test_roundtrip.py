"""Canonical records through FHIR and back: what FHIR can say comes back, the rest is listed."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4.enrich import enrich
from iomt_interop.adapters.fhir_r4.reader import make_reader
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.adapters.fhir_r4.tables import ABSENT_CODES
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.model.observation import QualityFlag
from iomt_interop.plugins import ReadContext, WriteContext
from iomt_interop.terminology import systems

EXAMPLES = 12
"""Per kind of record; each is a large tree."""

FORM = WriteContext(form="ndjson", include_test_data=True)
PROVENANCE = m.Provenance(adapter="acme_x200", version="1.0", digest="ab" * 32, span=(3, 17), path="row 4")
ID = m.record_id("one")
OTHER = m.record_id("two")

words = st.text("abcdefghijklmnopqrstuvwxyzÄβ中-_.#/&=<>\"\\'0123456789", min_size=1, max_size=12)
texts = st.builds(" ".join, st.lists(words, min_size=1, max_size=3))
codes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.", min_size=1, max_size=10)
uris = st.builds("urn:oid:2.999.{}".format, st.integers(1, 999))
ids = st.sampled_from([m.record_id("a"), m.record_id("b"), m.record_id("c")])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def several(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=most).map(tuple)


codings = st.one_of(
    st.builds(
        m.Coding, system=uris, code=codes, display=maybe(texts), version=maybe(codes), native_system=maybe(texts)
    ),
    st.builds(
        m.Coding,
        system=st.just(systems.MDC),
        code=st.sampled_from(["150456", "149530", "188736", "150020", "8410608"]),
        refid=maybe(st.sampled_from(["MDC_ONE", "MDC_PULS_OXIM_SAT_O2"])),
        display=maybe(texts),
    ),
)
concepts = st.builds(
    m.Concept, codings=st.lists(codings, min_size=1, max_size=2).map(tuple), text=maybe(texts)
) | st.builds(m.Concept, text=texts)
numbers: dict[str, Any] = {"mantissa": st.integers(-(10**22), 10**22), "exponent": st.integers(-30, 12)}
units = st.sampled_from([None, "%", "/min", "mm[Hg]", "Cel", "kg", "mV"])
natives = st.one_of(
    st.none(),
    st.builds(m.Coding, display=st.sampled_from(["bpm", "mmHg", "degC"])),
    st.builds(m.Coding, system=st.just(systems.MDC), code=st.just("264864"), refid=st.just("MDC_DIM_BEAT_PER_MIN")),
    st.builds(m.Coding, system=st.just(systems.MDC), code=st.just("264864"), display=st.just("bpm")),
)
quantities = st.builds(
    m.Quantity, **numbers, unit=units, native_unit=natives, comparator=st.sampled_from([None, None, "<", ">=", "~"])
) | st.sampled_from(["+7", "007", "-0", "2e1", ".5"]).map(m.Quantity.from_text)
ranges = st.builds(m.Range, low=quantities, high=maybe(quantities), text=maybe(texts))
days = st.dates().map(lambda d: d.isoformat())
clocks = st.sampled_from(
    [
        "",
        "T10",
        "T10:58",
        "T10:58:03",
        "T10:58:03Z",
        "T10:58:03.20+01:00",
        "T23:59:59.000000000001-05:30",
        "T10:58+01:00",
    ]
)
instants = st.one_of(
    st.builds(
        m.Instant,
        value=st.builds("{}{}".format, days.filter(lambda d: d >= "0002"), clocks),
        native=maybe(texts),
        origin=st.sampled_from(["observed", "message", "received"]),
        uncertainty_ns=maybe(st.integers(0, 10**12)),
        flags=st.sampled_from([(), ("estimated",), ("corrected", "leap-second")]),
        clock_sync=maybe(ids),
        device_clock=maybe(
            st.builds(
                m.DeviceClock,
                kind=st.sampled_from(["relative", "absolute"]),
                value=codes,
                resolution_ns=maybe(st.integers(1, 10**10)),
            )
        ),
    ),
    st.sampled_from(["2026", "2026-11"]).map(lambda value: m.Instant(value=value)),
)
times = st.one_of(
    instants,
    st.builds(m.Interval, start=instants, end=maybe(instants)),
    st.builds(m.Day, value=days.filter(lambda d: d >= "0002"), zone=st.sampled_from([None, "Europe/Zurich"])),
)
values = st.one_of(
    quantities,
    st.builds(m.CodedValue, concepts=st.lists(concepts, min_size=1, max_size=3).map(tuple)),
    st.builds(m.TextValue, text=texts | st.just(""), format=st.sampled_from([None, "ST"])),
    st.builds(m.BooleanValue, value=st.booleans()),
    st.builds(m.TimeValue, time=times),
    st.builds(m.TimeOfDayValue, value=st.sampled_from(["10:58:03", "10:58", "10:58:03.20"]), native=maybe(codes)),
    ranges,
    st.builds(m.Ratio, numerator=quantities, denominator=quantities),
    st.builds(
        m.AttachmentValue, media_type=st.sampled_from([None, "text/plain"]), data=st.binary(min_size=1, max_size=9)
    ),
    st.builds(m.Absent, reason=st.sampled_from(sorted(ABSENT_CODES)), concept=maybe(concepts), native=maybe(texts)),
    st.builds(m.BitSetValue, width=st.just(16), bits=st.integers(0, 65535), mask=maybe(st.integers(0, 65535))),
)
flags = st.lists(st.sampled_from(QualityFlag.__args__), unique=True, max_size=3).map(
    lambda found: tuple(flag for flag in QualityFlag.__args__ if flag in found)
)
qualities = st.builds(
    m.Quality,
    flags=flags,
    index=maybe(st.builds(m.Number, mantissa=st.integers(0, 100), exponent=st.just(-2))),
    mode=st.sampled_from([None, "real", "demo"]),
    status_bits=maybe(st.integers(0, 65535)),
    native=several(texts),
).map(lambda quality: None if quality == m.Quality() else quality)
identifiers = st.builds(
    m.Identifier,
    value=texts,
    system=maybe(uris),
    authority=maybe(texts),
    authority_id=maybe(codes),
    type=maybe(concepts),
    use=st.sampled_from([None, "official"]),
    check_digit=maybe(codes),
    start=maybe(st.sampled_from(["2026-01", "2026-01-01T10"])),
)
limits = st.builds(
    m.ReferenceRange,
    range=ranges,
    purpose=st.sampled_from(["reference", "alarm", "technical", "unknown"]),
    applies_to=several(concepts),
    age=maybe(ranges),
)
names = st.builds(
    m.PersonName,
    family=texts,
    given=several(texts),
    prefix=several(texts),
    own_prefix=maybe(texts),
    use=st.sampled_from([None, "usual", "maiden"]),
    native_type=maybe(codes),
)
actors = st.builds(
    m.Actor, role=texts, identifiers=several(identifiers), names=several(names), organization=maybe(texts)
)
notes = st.builds(m.Note, text=texts, author=maybe(texts), time=st.sampled_from([None, "2026-11-24", "20261124"]))
links = st.builds(m.Link, relation=st.sampled_from(["derived_from", "has_member", "corrects"]), target=ids)
frame: dict[str, Any] = {"id": st.just(ID), "provenance": st.just(PROVENANCE)}

components = st.builds(
    m.Component,
    code=concepts,
    value=maybe(values.filter(lambda v: v.type != "bits")),
    interpretation=several(concepts),
    reference_ranges=several(limits),
    quality=maybe(qualities),
    handle=maybe(texts),
)
observations = st.builds(
    m.Observation,
    **frame,
    code=concepts,
    value=maybe(values),
    components=several(components),
    subject=maybe(ids),
    status=st.sampled_from(["registered", "preliminary", "final", "corrected", "unknown"]),
    native_status=st.sampled_from([None, "R", "F"]),
    categories=several(concepts),
    time=maybe(times),
    metric_category=st.sampled_from(["measurement", "unspecified"]),
    issued=maybe(instants),
    analysed=maybe(instants),
    quality=maybe(qualities),
    interpretation=several(concepts),
    reference_ranges=several(limits),
    body_site=maybe(concepts),
    method=several(concepts),
    statistic=maybe(codings),
    supplemental=several(concepts),
    accuracy=maybe(quantities),
    identifiers=several(identifiers),
    metric=maybe(ids),
    device=maybe(ids),
    gateway=maybe(ids),
    encounter=maybe(ids),
    order=maybe(ids),
    clock_sync=maybe(ids),
    performers=several(actors),
    notes=several(notes),
    handle=maybe(texts),
    group=maybe(texts),
    native_type=maybe(codes),
    links=several(links),
    consent=maybe(texts),
    labels=several(codings),
)
versions = st.builds(m.DeviceVersion, type=maybe(concepts), value=texts, component=maybe(texts))
properties = st.builds(
    m.Property, type=concepts, values=several(quantities) | several(st.builds(m.BooleanValue, value=st.booleans()))
)
devices = st.builds(
    m.Device,
    **frame,
    node=st.sampled_from(["mds", "vmd", "phd", "gateway", "unknown"]),
    parent=maybe(ids),
    handle=maybe(texts),
    type=maybe(concepts),
    identifiers=several(identifiers | st.just(m.Identifier(system=systems.EUI64, value="0123456789ABCDEF"))),
    udi=several(st.builds(m.Udi, device_identifier=texts, carrier_hrf=maybe(texts), lot=maybe(texts))),
    specializations=several(st.builds(m.Specialization, type=concepts, version=maybe(texts))),
    manufacturer=maybe(texts),
    model=maybe(texts),
    serial=maybe(texts),
    names=several(texts),
    versions=several(versions),
    regulated=maybe(st.booleans()),
    certifications=several(concepts),
    jurisdictions=several(concepts),
    properties=several(properties),
    activation=st.sampled_from([None, "on", "failed", "standby"]),
    operating_hours=maybe(st.integers(0, 10**6)),
    operating_mode=st.sampled_from([None, "demo"]),
    battery=maybe(quantities),
    status=st.sampled_from([None, "active", "odd"]),
    location=maybe(st.builds(m.Location, bed=texts, room=maybe(texts), identifiers=several(identifiers))),
)
subjects = st.builds(
    m.Subject,
    **frame,
    identifiers=several(identifiers),
    names=several(names),
    birth_date=maybe(instants),
    sex=st.sampled_from([None, m.Coding(system=systems.v2_table("1"), code="F"), m.Coding(code="U")]),
    addresses=several(st.builds(m.Address, lines=several(texts), city=texts, native_type=maybe(codes))),
    telecoms=several(st.builds(m.Telecom, system=st.sampled_from([None, "phone"]), value=texts)),
    deceased=maybe(st.booleans() | instants),
    marital_status=maybe(concepts),
    race=several(concepts),
    languages=several(concepts),
    active=maybe(st.booleans()),
    confidence=st.sampled_from(["certain", "assumed", "test"]),
)
metrics = st.builds(
    m.Metric,
    **frame,
    code=concepts,
    device=maybe(ids),
    parent=maybe(ids),
    unit=maybe(concepts),
    handle=maybe(texts),
    category=st.sampled_from(["measurement", "preset", "unspecified"]),
    derivation=st.sampled_from([None, "manual"]),
    availability=st.sampled_from([None, "continuous"]),
    accuracy=maybe(quantities),
    technical_range=maybe(ranges),
    resolution=maybe(st.builds(m.Number, **numbers)),
    measurement_period=maybe(quantities),
    color=maybe(texts),
    activation=st.sampled_from([None, "on", "failed"]),
    body_sites=several(concepts),
    supplemental=several(concepts),
    calibrations=several(
        st.builds(
            m.Calibration,
            type=st.sampled_from([None, "offset", "odd"]),
            time=maybe(instants),
            state=st.sampled_from(["running", "calibrated"]),
        )
    ),
)
clock_syncs = st.builds(
    m.ClockSync,
    **frame,
    device=maybe(ids),
    gateway=maybe(ids),
    reference=maybe(instants),
    device_time=maybe(instants),
    fault=st.booleans(),
    offset_ns=maybe(st.integers(-(10**20), 10**20)),
    method=maybe(concepts),
    timeline_change=st.booleans(),
    device_clock=maybe(
        st.builds(
            m.DeviceClock,
            kind=st.sampled_from(["relative", "base-offset", "tick"]),
            value=st.sampled_from(["690897390", "12.5", "007"]),
            resolution_ns=st.sampled_from([None, 1000, 7]),
        )
    ),
)
alerts = st.builds(
    m.Alert,
    **frame,
    code=maybe(concepts),
    text=maybe(texts),
    source=maybe(concepts),
    device=maybe(ids),
    time=maybe(times),
    priority=st.sampled_from([None, "high"]),
    phase=st.sampled_from([None, "start", "end"]),
    limits=maybe(ranges),
    state=st.sampled_from([None, "active", "inactive"]),
    value=maybe(values),
    native=several(texts),
    handle=maybe(texts),
    signals=several(st.builds(m.AlertSignal, manifestation=st.just("auditory"), presence=st.just("latched"))),
    acknowledgement=maybe(
        st.builds(m.Acknowledgement, state=st.just("confirmed"), by=maybe(actors), time=maybe(instants))
    ),
)
events = st.builds(
    m.Event, **frame, code=concepts, value=maybe(values), text=maybe(texts), time=maybe(times), notes=several(notes)
)
settings_ = st.builds(
    m.Setting,
    **frame,
    code=concepts,
    programmed=maybe(values.filter(lambda v: v.type != "absent")),
    delivered=maybe(values),
    mode=maybe(concepts),
    metric=maybe(ids),
    time=maybe(times),
)
encounters = st.builds(
    m.Encounter,
    **frame,
    identifiers=several(identifiers),
    status=st.sampled_from([None, "in-progress", "odd one"]),
    patient_class=maybe(codings),
    period=maybe(times),
    location=maybe(st.builds(m.Location, bed=texts, facility=maybe(texts))),
    prior_location=maybe(st.builds(m.Location, room=texts)),
    actors=several(actors),
    service=maybe(concepts),
)
orders = st.builds(
    m.Order,
    **frame,
    placer=several(identifiers),
    filler=several(identifiers),
    code=maybe(concepts),
    time=maybe(times),
    status=st.sampled_from([None, "F", "final", "R", "odd one"]),
    requested=maybe(instants),
    reported=maybe(instants),
    parent=several(identifiers),
    reason=several(concepts),
    actors=several(actors),
    devices=several(ids),
    notes=several(notes),
)
documents = st.builds(
    m.Document,
    **frame,
    code=maybe(concepts),
    media_type=st.sampled_from([None, "application/dicom"]),
    title=maybe(texts),
    data=maybe(st.binary(min_size=1, max_size=20)),
    time=maybe(times),
    encounter=maybe(ids),
    device=maybe(ids),
)


@st.composite
def waveforms(draw: st.DrawFn) -> m.Waveform:
    code = draw(concepts)
    count = draw(st.integers(1, 3))
    channels, segments = [], []
    for index in range(count):
        own = code if count == 1 and draw(st.booleans()) else draw(concepts)
        channels.append(
            m.Channel(
                code=own,
                unit=draw(units),
                native_unit=draw(natives),
                handle=draw(maybe(texts)),
                period=m.Rational(
                    numerator=draw(st.integers(1, 9)), denominator=draw(st.sampled_from([1, 2, 300, 500]))
                ),
                factor=m.Number(mantissa=draw(st.integers(1, 9999)), exponent=draw(st.integers(-6, 3))),
                origin=m.Number(mantissa=draw(st.integers(-999, 999)), exponent=draw(st.integers(-3, 0))),
                raw_range=draw(st.sampled_from([None, (0, 4095), (-32768, 32767)])),
                physical_range=draw(maybe(st.builds(m.Range, low=quantities))),
                filters=draw(several(texts)),
                significant_bits=draw(maybe(st.integers(1, 32))),
                site=draw(maybe(concepts)),
            )
        )
        dtype = draw(st.sampled_from(["i1", "u1", "i2", "u2", "i4", "i8"]))
        size = int(dtype[1])
        n = draw(st.integers(1, 5))
        data = bytearray(draw(st.binary(min_size=n * size, max_size=n * size)))
        marks = draw(maybe(st.lists(st.sampled_from([0, 2, 3, 4]), min_size=n, max_size=n).filter(any).map(bytes)))
        for position, mark in enumerate(marks or b""):
            if mark:
                data[position * size : (position + 1) * size] = bytes(size)
        segments.append(m.Segment(channel=index, dtype=dtype, data=bytes(data), n=n, marks=marks, start_index=7))
    return m.Waveform(
        id=ID,
        provenance=PROVENANCE,
        code=code,
        channels=tuple(channels),
        segments=tuple(segments),
        time=draw(maybe(times)),
        status="final",
        subject=draw(maybe(ids)),
        device=draw(maybe(ids)),
        quality=draw(maybe(qualities)),
        categories=draw(several(concepts)),
        notes=draw(several(notes)),
        native_type="NA",
        links=draw(several(links)),
        annotations=draw(
            several(
                st.builds(m.Annotation, channel=maybe(st.integers(0, 3)), index=st.integers(0, 99), text=maybe(texts))
            )
        ),
    )


def read(payload: bytes) -> list[Any]:
    reader = make_reader(ReadContext(identity="keep"))
    return [*reader.feed(payload), *reader.finish()]


@cache
def _coding_normal(coding: m.Coding) -> m.Coding:
    """A display that is the reference id says no more than the reference id."""
    return coding.replace(display=None) if coding.display is not None and coding.display == coding.refid else coding


def normal(record: Any) -> dict[str, Any]:
    """Where it was read and what FHIR added aside, links in the order of FHIR's elements."""
    order = ["derived_from", "has_member", "part_of", "corrects", "replaces", "triggered_by", "focus"]
    tree: dict[str, Any] = record.model_dump(exclude={"provenance", "extensions"})
    tree["links"] = sorted(tree["links"], key=lambda link: order.index(link["relation"]))
    return tree


def back_and_forth(record: Any) -> None:
    writer = make_writer(FORM)
    payload = b"".join(writer.write([record]))
    assert [loss.path for loss in writer.losses] == []
    found = [one for one in read(payload) if one.kind != "issue"]
    assert len(found) == 1
    assert normal(found[0]) == normal(enrich(record))
    assert b"".join(make_writer(FORM).write(found)) == payload or _same(payload, found)
    to_fhir_resources(payload)


def _same(payload: bytes, found: list[Any]) -> bool:
    again = make_writer(FORM)
    return read(b"".join(again.write(found)))[0] == read(payload)[0].replace(
        provenance=read(b"".join(make_writer(FORM).write(found)))[0].provenance
    )


STRATEGIES = {
    "observation": observations,
    "device": devices,
    "subject": subjects,
    "waveform": waveforms(),
    "metric": metrics,
    "clock_sync": clock_syncs,
    "alert": alerts,
    "event": events,
    "setting": settings_,
    "encounter": encounters,
    "order": orders,
    "document": documents,
}


@pytest.mark.parametrize("kind", sorted(STRATEGIES))
def test_record_comes_back(kind: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(STRATEGIES[kind])
    def check(record: Any) -> None:
        back_and_forth(record)

    check()
