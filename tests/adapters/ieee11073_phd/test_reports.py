"""Every form of report, and stored measurements: the same values arrive by each way."""

from __future__ import annotations

import pytest
from adapters.ieee11073_phd import phd_octets as o

from iomt_interop.adapters.ieee11073_phd.reader import PhdReader, make_reader
from iomt_interop.errors import LimitExceeded
from iomt_interop.model import Instant, Issue, Metric, Observation, Quantity, Record, Residue, Subject
from iomt_interop.plugins import ReadContext
from iomt_interop.wire.phd import Attribute, ConfigObject, ConfigReport, Session

SCANNER = {2643: o.sequence(o.u16(h) + o.value_map((2636, 2), (2448, 8)) for h in (1, 10))}
BEGIN = o.association_request() + o.configuration(
    (o.NU, 1, o.SATURATION), (o.NU, 10, o.PULSE), (o.SCAN_EPI, 55, SCANNER)
)
PAIR = ((1, o.sfloat(98) + o.absolute()), (10, o.sfloat(720, -1) + o.absolute()))


def fixed_items() -> list[bytes]:
    return [o.u16(handle) + o.octets(value) for handle, value in PAIR]


def var_items() -> list[bytes]:
    return [o.u16(handle) + o.attributes({2636: value[:2], 2448: value[2:]}) for handle, value in PAIR]


def grouped() -> bytes:
    return o.octets(b"".join(value for _, value in PAIR))


FIXED, VAR, GROUPED = o.sequence(fixed_items()), o.sequence(var_items()), o.sequence([grouped()])


def of_person(body: bytes) -> bytes:
    return o.sequence([o.u16(66) + body])


FORMS = {
    0x0D1D: FIXED, 0x0D1E: VAR, 0x0D1F: of_person(FIXED), 0x0D20: of_person(VAR),
    0x0D22: VAR, 0x0D23: FIXED, 0x0D24: GROUPED, 0x0D25: of_person(VAR), 0x0D26: of_person(FIXED),
    0x0D27: of_person(grouped()),
    0x0D28: VAR, 0x0D29: FIXED, 0x0D2A: GROUPED, 0x0D2B: of_person(VAR), 0x0D2C: of_person(FIXED),
    0x0D2D: of_person(grouped()),
}  # fmt: skip


def read(stream: bytes, session: Session | None = None) -> list[Record]:
    reader = make_reader(ReadContext()) if session is None else PhdReader(ReadContext(), session)
    return [*reader.feed(stream), *reader.finish()]


@pytest.mark.parametrize("event", FORMS)
def test_all_sixteen_forms_give_the_same_values(event: int) -> None:
    records = read(BEGIN + o.event(event, o.u16(0xF000) + o.u16(3) + FORMS[event], handle=55))
    found = [record for record in records if isinstance(record, Observation)]
    assert [(r.handle, r.value.text) for r in found if isinstance(r.value, Quantity)] == [("1", "98"), ("10", "72.0")]
    assert {r.time.value for r in found if isinstance(r.time, Instant)} == {"2026-11-24T10:58:03.20"}
    persons = [s.identifiers[0].value for s in records if isinstance(s, Subject)]
    assert persons == (["66"] if FORMS[event][4:6] == b"\x00\x42" else [])
    assert all((r.subject is not None) == bool(persons) for r in found)


def test_answer_to_a_data_request_is_a_report() -> None:
    answer = o.u32(0) + o.u16(0) + o.u16(0x0D1D) + o.octets(o.u16(0x0100) + o.u16(0) + FIXED)
    records = read(BEGIN + o.data(5, 0x0207, o.u16(0) + o.u16(0x0C1B) + o.octets(answer)))
    assert len([record for record in records if isinstance(record, Observation)]) == 2


ENTRY_MAP = o.sequence([o.u16(o.NU) + o.oid(2, 19384) + o.u16(1) + o.value_map((2636, 2))])


def store(header: int, entries: bytes, segment: dict[int, bytes], period: int | None = None) -> bytes:
    attributes = {2637: o.u16(0x2000)} | ({} if period is None else {2445: o.u32(period)})
    info = o.sequence([o.u16(7) + o.attributes({2638: o.u16(header) + ENTRY_MAP, **segment})])
    data = o.u16(7) + o.u32(2) + o.u32(2) + o.u16(0xC000) + o.octets(entries)
    return (
        o.association_request()
        + o.configuration((o.NU, 1, o.SATURATION), (o.PMSTORE, 4, attributes))
        + o.data(5, 0x0207, o.u16(4) + o.u16(0x0C0D) + o.octets(info))
        + o.event(0x0D21, data, handle=4)
    )


def test_stored_entries_with_their_own_times() -> None:
    entries = o.absolute("2026112400000000") + o.sfloat(91) + o.absolute("2026112400000100") + o.sfloat(92)
    found = [r for r in read(store(0x8000, entries, {2639: o.u16(66)})) if isinstance(r, Observation)]
    assert [r.value.text for r in found if isinstance(r.value, Quantity)] == ["91", "92"]
    assert [r.time.value for r in found if isinstance(r.time, Instant)] == [
        "2026-11-24T00:00:00.00",
        "2026-11-24T00:00:01.00",
    ]
    assert len({r.subject for r in found}) == 1
    assert found[0].subject is not None


def test_periodic_entries_take_their_time_from_their_place() -> None:
    """Entries 2 and 3 of a store that samples every 5 s (40,000 ticks of 125 us)."""
    stream = store(0, o.sfloat(91) + o.sfloat(92), {2450: o.absolute("2026112400000000")}, period=40_000)
    found = [r for r in read(stream) if isinstance(r, Observation)]
    assert [(r.time.value, r.time.origin) for r in found if isinstance(r.time, Instant)] == [
        ("2026-11-24T00:00:10.000000", "device-clock"),
        ("2026-11-24T00:00:15.000000", "device-clock"),
    ]


def test_entries_behind_an_unknown_header_are_not_guessed() -> None:
    records = read(store(0x8001, o.absolute() + o.sfloat(91), {}))
    (residue,) = (record for record in records if isinstance(record, Residue))
    assert (residue.reason, residue.raw) == ("PHD-109", o.absolute() + o.sfloat(91))
    assert not [record for record in records if isinstance(record, Observation)]


def test_without_a_configuration_everything_is_residue() -> None:
    for report in (o.fixed(*PAIR), o.event(0x0D24, o.u16(0xF000) + o.u16(0) + GROUPED, handle=55)):
        records = read(report)
        kept = [record for record in records if isinstance(record, Residue)]
        assert b"".join(record.raw for record in kept) == b"".join(value for _, value in PAIR)
        assert {issue.code for issue in records if isinstance(issue, Issue)} == {"PHD-107"}
    (residue,) = (r for r in read(o.variable((1, {2636: o.sfloat(98)}))) if isinstance(r, Residue))
    assert (residue.reason, residue.path) == ("PHD-107", "PRST/handle 1")


def test_standard_configuration_needs_no_telling() -> None:
    stream = o.association_request(0x02BC)
    stream += o.fixed((1, o.sequence([o.sfloat(120), o.sfloat(80), o.sfloat(93)]) + o.absolute()))
    records = read(stream)
    (found,) = (record for record in records if isinstance(record, Observation))
    assert [c.value.text for c in found.components if isinstance(c.value, Quantity)] == ["120", "80", "93"]
    assert [record.code.codings[0].refid for record in records if isinstance(record, Metric)] == [
        "MDC_PRESS_BLD_NONINV"
    ]


def test_a_configuration_known_from_elsewhere() -> None:
    attributes = tuple(Attribute(number, value) for number, value in o.SATURATION.items())
    report = ConfigReport(0x4000, (ConfigObject(o.NU, 1, attributes),))
    session = Session(configurations={(None, 0x4000): report})
    records = read(o.association_request() + o.fixed(PAIR[0]), session)
    assert [record.handle for record in records if isinstance(record, Observation)] == ["1"]


def test_an_attribute_that_changes_holds_from_then_on() -> None:
    stream = BEGIN + o.variable((1, {2454: o.u16(2720)})) + o.fixed(PAIR[0])
    records = read(stream)
    (found,) = (record for record in records if isinstance(record, Observation))
    assert isinstance(found.value, Quantity)
    assert found.value.native_unit is not None
    assert found.value.native_unit.code == str((4 << 16) + 2720)
    metrics = [record for record in records if isinstance(record, Metric) and record.handle == "1"]
    assert [m.unit.codings[0].code for m in metrics if m.unit is not None] == [str((4 << 16) + n) for n in (544, 2720)]


@pytest.mark.parametrize(
    ("kind", "table", "value", "code"),
    [
        (o.NU, {2675: b"\x03\x02", 2678: o.sequence([o.u16(18949)])}, {2677: o.sequence([o.sfloat(1)] * 2)}, "PHX-203"),
        (o.RT_SA, {2413: o.u16(2) + b"\x10\x0c" + o.u16(0)}, {2632: o.octets(b"\1\2\3")}, "PHX-204"),
        (o.RT_SA, {2413: o.u16(2) + b"\x0c\x0c" + o.u16(0)}, {2632: o.octets(b"\1\2\3")}, "PHX-204"),
        (o.NU, {}, {2636: b"\1\2\3"}, "PHX-202"),
        (o.NU, {}, {2636: o.sfloat(1), 2448: o.absolute("2255959515355300")}, "PHX-201"),
        (o.ENUM, {}, {2462: o.u16(1) + o.u16(0) + o.u16(9) + o.octets(b"\1\2")}, "PHX-205"),
    ],
)  # fmt: skip
def test_doubts_are_stated_and_the_octets_kept(
    kind: int, table: dict[int, bytes], value: dict[int, bytes], code: str
) -> None:
    configuration = o.configuration((kind, 1, {2351: o.oid(2, 19384), **table}))
    records = read(o.association_request() + configuration + o.variable((1, value)))
    assert [issue.code for issue in records if isinstance(issue, Issue)] == [code]
    (found,) = (record for record in records if isinstance(record, Observation))
    kept = {extension.value for extension in found.extensions}
    if isinstance(found.time, Instant) and found.time.native is not None:
        kept.add(found.time.native)
    assert next(reversed(value.values())).hex() in kept


def test_an_attribute_that_stands_twice_is_kept_twice() -> None:
    twice = o.sequence([o.u16(2636) + o.octets(o.sfloat(n)) for n in (97, 98)])
    stream = BEGIN + o.report(0x0D1E, [o.u16(1) + twice])
    records = read(stream)
    (found,) = (record for record in records if isinstance(record, Observation))
    assert isinstance(found.value, Quantity)
    assert found.value.text == "98"
    (residue,) = (record for record in records if isinstance(record, Residue))
    assert (residue.raw, residue.reason, residue.path) == (o.sfloat(97), "PHX-207", "handle 1/attribute 2636")


def test_a_report_of_a_scanner_is_residue() -> None:
    records = read(BEGIN + o.variable((55, {2387: o.u16(0)})))
    (residue,) = (record for record in records if isinstance(record, Residue))
    assert (residue.reason, residue.path) == ("PHX-208", "PRST/handle 55")


@pytest.mark.parametrize(
    "stream",
    [
        o.mds({2650: o.sequence([o.u16(4100) + o.u16(1)] * 4000)}),
        o.configuration((o.NU, 1, {**o.SATURATION, 2657: o.sequence([o.oid(2, 19516)] * 4000)})),
    ],
)
def test_an_object_of_absurd_size_is_refused(stream: bytes) -> None:
    """Each of a thousand small reports would repeat all of it."""
    with pytest.raises(LimitExceeded) as caught:
        read(o.association_request() + stream)
    assert caught.value.code == "PHX-209"


def test_many_objects_cost_no_more_than_their_octets() -> None:
    objects = [(o.NU if n % 2 else o.SCAN_EPI, n, {2631: o.u16(n ^ 1)}) for n in range(1, 3001)]
    records = read(o.association_request() + o.configuration(*objects))
    assert sum(isinstance(record, Metric) for record in records) == 1500
    assert len(records) < 1600
