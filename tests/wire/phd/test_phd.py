"""APDUs and sessions: round trips, hostile bytes, chunk invariance, configurations, stored segments."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InputError, MalformedInput, TruncatedInput
from iomt_interop.wire import mder, phd
from iomt_interop.wire.phd import Attr, Attribute, Event, Session, State

u16s = st.integers(0, 0xFFFF)
u32s = st.integers(0, 0xFFFFFFFF)
octets = st.binary(max_size=20)
attributes = st.lists(st.builds(Attribute, u16s, octets), max_size=4).map(tuple)
scans = {
    "fixed": st.builds(lambda h, o: phd.ObservationScan(h, (0, 0), octets=o), u16s, octets),
    "var": st.builds(lambda h, a: phd.ObservationScan(h, (0, 0), attributes=a), u16s, attributes),
    "grouped": st.builds(lambda o: phd.GroupedScan(o, (0, 0)), octets),
}


@st.composite
def events(draw: st.DrawFn) -> phd.EventReport:
    event = draw(st.sampled_from(sorted(phd.SCAN_FORMS)))
    form, multi = phd.SCAN_FORMS[event]
    person = st.integers(0, 0xFFFF) if multi else st.none()
    size = {"min_size": 1, "max_size": 1} if multi and form == "grouped" else {"max_size": 3}
    one = st.builds(phd.PersonScan, person, st.lists(scans[form], **size).map(tuple))
    persons = draw(st.lists(one, max_size=3) if multi else st.lists(one, min_size=1, max_size=1))
    report = phd.ScanReport(form, multi, draw(u16s), draw(u16s), tuple(persons))
    return phd.EventReport(draw(u16s), draw(u32s), event, report)


configs = st.builds(
    phd.ConfigReport, u16s, st.lists(st.builds(phd.ConfigObject, u16s, u16s, attributes), max_size=3).map(tuple)
)
associations = st.builds(
    phd.Association,
    u32s,
    u16s,
    u32s,
    u32s,
    u32s,
    octets,
    u16s,
    u16s,
    st.integers(0, 255),
    st.integers(0, 255),
    attributes,
)
protos = st.one_of(
    st.builds(phd.DataProto, st.just(0x5079), associations),
    st.builds(lambda i, o: phd.DataProto(i, octets=o), st.sampled_from([0xFFFF, 1]), octets),
)
requests = st.builds(phd.DataRequest, u16s, u16s, u32s, u16s, u16s, st.lists(u16s, max_size=4).map(tuple))
attribute_values = st.builds(Attribute, u16s, octets)
modifications = st.lists(st.builds(phd.Modification, u16s, attribute_values), max_size=3).map(tuple)
clocks = st.builds(phd.SetTime, st.binary(min_size=8, max_size=8), st.binary(min_size=4, max_size=4))
segments = st.builds(phd.SegmentInfo, st.lists(st.tuples(u16s, attributes), max_size=3).map(tuple))
bodies = st.one_of(
    st.tuples(st.just(0x0101), events()),
    st.tuples(st.just(0x0100), st.builds(phd.EventReport, u16s, u32s, st.just(int(Event.CONFIG)), configs)),
    st.tuples(st.just(0x0201), st.builds(phd.EventReport, u16s, u32s, st.just(1), octets, st.just(True))),
    st.tuples(st.just(0x0103), st.builds(phd.Get, u16s, st.lists(u16s, max_size=4).map(tuple))),
    st.tuples(st.just(0x0203), st.builds(phd.GetReply, u16s, attributes)),
    st.tuples(st.just(0x0105), st.builds(phd.Set, u16s, modifications)),
    st.tuples(st.just(0x0107), st.builds(phd.ActionCall, u16s, st.just(0x0C1B), requests)),
    st.tuples(st.just(0x0107), st.builds(phd.ActionCall, u16s, st.just(0x0C17), clocks)),
    st.tuples(st.just(0x0207), st.builds(phd.ActionCall, u16s, st.just(0x0C0D), segments, st.just(True))),
    st.tuples(st.just(0x0300), st.builds(phd.RoError, u16s, octets)),
    st.tuples(st.just(0x0400), st.builds(phd.RoReject, u16s)),
)
apdus = st.one_of(
    st.builds(phd.Aarq, u32s, st.lists(protos, max_size=3).map(tuple)),
    st.builds(phd.Aare, u16s, protos),
    st.builds(phd.Release, st.sampled_from([phd.RLRQ, phd.RLRE, phd.ABRT]), u16s),
    st.builds(lambda i, b: phd.Prst(i, b[0], b[1]), u16s, bodies),
)


@given(apdus)
def test_what_is_encoded_is_decoded_the_same(apdu: phd.Apdu) -> None:
    data = phd.encode(apdu)
    back = phd.decode(data)
    assert phd.encode(back) == data
    assert type(back) is type(apdu)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.tuples(st.sampled_from([b"\xe7\x00", b"\xe2\x00"]), st.binary(max_size=60)).map(b"".join),
    )
)
def test_any_bytes_are_an_apdu_or_an_input_error(data: bytes) -> None:
    session = Session()
    for item in _until_error(session, data):
        assert phd.encode(item.apdu) == item.raw


@given(apdus, st.data())
def test_a_mutated_apdu_is_an_apdu_or_an_input_error(apdu: phd.Apdu, data: st.DataObject) -> None:
    raw = bytearray(phd.encode(apdu))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for item in _until_error(Session(), bytes(raw)):
        assert phd.encode(item.apdu) == item.raw


def _until_error(session: Session, data: bytes) -> list[phd.SessionItem]:
    items = []
    stream = session.iter_feed(data)
    while True:
        try:
            items.append(next(stream))
        except (StopIteration, InputError):
            return items


FIXTURES = ("pulse_oximeter", "blood_pressure", "thermometer", "weighing_scale", "glucose_meter", "measurements_only")


@pytest.fixture(scope="module")
def fixtures(root: Path) -> dict[str, bytes]:
    """Return the project's own streams."""
    return {name: (root / "fixtures" / "ieee11073_phd" / f"{name}.apdu").read_bytes() for name in FIXTURES}


def test_fixtures_are_what_their_generator_makes(root: Path) -> None:
    script = root / "fixtures" / "ieee11073_phd" / "make_fixtures.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0


@given(st.data())
def test_sessions_do_not_depend_on_the_cuts(fixtures: dict[str, bytes], data: st.DataObject) -> None:
    stream = fixtures[data.draw(st.sampled_from(FIXTURES))]
    whole = Session().feed(stream)
    session, items, at = Session(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 300))
        items += session.feed(stream[at : at + step])
        at += step
    assert items == whole
    assert session.finish() == []


def test_truncation_at_every_offset_gives_what_was_whole(fixtures: dict[str, bytes]) -> None:
    stream = fixtures["pulse_oximeter"]
    whole = Session().feed(stream)
    ends = {0, *(item.span[1] for item in whole)}
    for stop in range(len(stream) + 1):
        session = Session()
        assert session.feed(stream[:stop]) == [item for item in whole if item.span[1] <= stop]
        if stop in ends:
            session.finish()
        else:
            with pytest.raises(TruncatedInput, match="PHD-106"):
                session.finish()


def _values(items: list[phd.SessionItem]) -> list[tuple[int | None, int, list[object]]]:
    found = []
    for item in items:
        for seen in item.observations:
            values = [a.value for a, _ in seen.attributes if a.id not in (Attr.TIME_STAMP_ABS, Attr.MSMT_STAT)]
            texts = [str(v.to_decimal()) if isinstance(v, mder.MderFloat) and not v.special else v for v in values]
            found.append((seen.person, seen.handle, texts))
    return found


def test_a_session_learns_its_configuration_and_decodes_every_form(fixtures: dict[str, bytes]) -> None:
    items = Session().feed(fixtures["pulse_oximeter"])
    assert [i.state for i in items][:4] == [State.ASSOCIATING, State.CONFIGURING, State.CONFIGURING, State.OPERATING]
    assert items[-1].state is State.UNASSOCIATED
    assert not any(i.diagnostics or i.undecoded for i in items)
    nan, nres = mder.decode_sfloat(0x07FF), mder.decode_sfloat(0x0800)
    samples = b"".join(n.to_bytes(2, "big") for n in (0, 500, 1000, 2000, 4000, 3000, 1500, 2))
    assert _values(items) == [
        (None, 1, ["97"]), (None, 10, ["61"]), (None, 1, ["97.5"]), (None, 10, [nan]), (None, 3, ["96"]),
        (None, 30, [0x2100]), (None, 1, ["98"]), (None, 10, ["60.0"]), (None, 20, [samples]),
        (None, 1, [nres, None]), (1, 1, ["95"]), (2, 1, ["99"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"),
    [("thermometer", ["36.60"]), ("weighing_scale", ["76.2"]), ("glucose_meter", ["104"])],
)
def test_standard_configurations_need_no_report(fixtures: dict[str, bytes], name: str, values: list[str]) -> None:
    assert _values(Session().feed(fixtures[name])) == [(None, 1, values)]


def test_without_a_configuration_the_octets_are_kept(fixtures: dict[str, bytes]) -> None:
    stream = fixtures["measurements_only"]
    (item, _) = Session().feed(stream)
    assert not item.observations
    (unknown,) = item.undecoded
    assert (unknown.code, unknown.handle, unknown.octets) == ("PHD-107", 1, stream[slice(*unknown.span)])


def test_a_known_configuration_serves_another_session(fixtures: dict[str, bytes]) -> None:
    first = Session()
    first.feed(fixtures["pulse_oximeter"])
    system_id = bytes.fromhex("0E1D2CFFFE3B4A59")
    later = Session(system_id=system_id, config_id=0x4007, configurations=first.configurations)
    observed = [o for item in later.feed(fixtures["measurements_only"]) for o in item.observations]
    assert [o.handle for o in observed] == [1]


def test_stored_segments_are_cut_by_their_map() -> None:
    """Two entries of absolute time, saturation and rate (11073-20601 A.11.8)."""
    pairs = phd.encode_attribute_map([(Attr.NU_VAL_OBS_BASIC, 2)])
    element = b"".join(
        (6).to_bytes(2, "big") + bytes((0, 2, 0x4B, 0xB8)) + h.to_bytes(2, "big") + pairs for h in (1, 10)
    )
    layout = b"\x80\x00" + (2).to_bytes(2, "big") + len(element).to_bytes(2, "big") + element
    info = phd.SegmentInfo(((7, (Attribute(Attr.PM_SEG_MAP, layout), Attribute(Attr.PM_SEG_PERSON_ID, b"\x00\x05"))),))
    time = mder.encode_absolute_time("2026-11-24T10:58:00.00")
    entries = (time + b"\x00\x61\x00\x3c") + (time + b"\x00\x62\x00\x3d")

    def stream(raw: bytes) -> list[phd.SessionItem]:
        data = phd.SegmentData(7, 40, 2, 0xC000, raw)
        apdus = [
            phd.Prst(1, 0x0207, phd.ActionCall(60, 0x0C0D, info, reply=True)),
            phd.Prst(2, 0x0101, phd.EventReport(60, 0, Event.SEGMENT_DATA, data)),
        ]
        return Session().feed(b"".join(map(phd.encode, apdus)))

    observed = stream(entries)[1].observations
    assert [(o.person, o.handle, o.entry.number if o.entry else None) for o in observed] == [
        (5, 1, 40), (5, 10, 40), (5, 1, 41), (5, 10, 41),
    ]  # fmt: skip
    values = [o.attributes[0][0].value for o in observed]
    assert [v.to_decimal() for v in values if isinstance(v, mder.MderFloat)] == list(map(Decimal, (97, 60, 98, 61)))
    (lost,) = stream(entries[:-1])[1].undecoded
    assert (lost.code, lost.octets) == ("MDR-001", entries[:-1])


def test_an_unknown_header_bit_refuses_the_segment() -> None:
    with pytest.raises(InputError, match="PHD-109"):
        list(phd.decode_entries(b"1234", phd.SegmentMap(0x8800, ()), 0, 0))


def test_configurations_come_back_as_reports() -> None:
    for config_id, report in phd.STANDARD_CONFIGURATIONS.items():
        apdu = phd.Prst(1, 0x0101, phd.EventReport(0, 0, Event.CONFIG, report))
        assert phd.decode(phd.encode(apdu)) == apdu
        assert config_id == report.config_id


def test_errors_name_the_place_and_reprs_hold_no_octets(fixtures: dict[str, bytes]) -> None:
    secret = b"SN-OX-000417"
    stream = fixtures["pulse_oximeter"]
    assert secret in stream
    shown = repr(Session().feed(stream)) + str(Session().feed(stream))
    assert "SN-OX" not in shown
    assert "\\x" not in shown
    with pytest.raises(MalformedInput) as caught:
        phd.decode(b"\xe9\x00\x00\x00", origin=50)
    assert caught.value.span == (50, 52)
