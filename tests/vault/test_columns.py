"""Columns in a block: any batch comes back exactly, in one form, and nothing else is taken for one."""

from __future__ import annotations

from array import array
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import batch, pulse, resolved
from support.records import SECRET, SPO2

from iomt_interop import model as m
from iomt_interop.errors import InvalidRecord, StoreDamaged
from iomt_interop.model.batch import NO_INDEX
from iomt_interop.vault.blocks import MAX_PLAINTEXT, fold, unfold
from iomt_interop.vault.columns import Dictionary, PendingBatches, open_batches
from iomt_interop.vault.planes import pack_columns, pack_texts, unpack_columns, unpack_texts

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CLOCKS = st.builds(m.DeviceClock, kind=st.sampled_from(["relative", "absolute"]), value=TEXT)
INSTANTS = st.builds(
    m.Instant,
    value=st.from_regex(r"2026-1[0-2]-[12]\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|\+01:00)?", fullmatch=True),
    native=st.none() | TEXT,
    origin=st.sampled_from(["observed", "received"]),
    device_clock=st.none() | CLOCKS,
    uncertainty_ns=st.none() | st.integers(0, 9),
    flags=st.sampled_from([(), ("estimated",), ("estimated", "corrected")]),
)
CODINGS = st.builds(m.Coding, system=st.none() | TEXT, code=TEXT)
UNITS = st.tuples(st.none() | TEXT, st.none() | CODINGS)
CONCEPTS = st.builds(m.Concept, codings=st.lists(CODINGS, max_size=2).map(tuple), text=st.none() | TEXT)
UINT32 = st.integers(0, 2**32 - 1)


@st.composite
def batches(draw: st.DrawFn) -> m.ObservationBatch:
    """Draw a batch with rows, whose tables may hold more than the rows name."""
    codes = draw(st.lists(CONCEPTS, min_size=1, max_size=4))
    units, times = draw(st.lists(UNITS, max_size=3)), draw(st.lists(INSTANTS, max_size=4))
    row = st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 300), st.integers(-128, 127), st.integers(0, 5),
        st.integers(0, len(codes) - 1), st.sampled_from([*range(len(units)), NO_INDEX]),
        st.sampled_from([*range(len(times)), NO_INDEX]), UINT32, UINT32,
    )  # fmt: skip
    return batch(
        draw(st.lists(row, min_size=1, max_size=9)), codes=codes, units=units, times=times,
        adapter=draw(TEXT), version=draw(TEXT), digest=draw(TEXT), base=draw(st.integers(0, 2**70)),
        subject=draw(st.none() | TEXT), device=draw(st.none() | TEXT),
        status=draw(st.sampled_from(["final", "unknown"])),
    )  # fmt: skip


def payload(found: list[m.ObservationBatch]) -> bytes:
    """Return the plaintext of a block."""
    pending, words = PendingBatches(), Dictionary()
    for position, one in enumerate(found):
        pending.take(3 * position, words.draft(one))
    assert pending.rows == sum(map(len, found))
    return pending.payload()


@settings(max_examples=60)
@given(st.lists(batches(), min_size=1, max_size=4))
def test_batches_come_back_exactly(found: list[m.ObservationBatch]) -> None:
    again = open_batches(payload(found))
    assert [position for position, _ in again] == [3 * n for n in range(len(found))]
    assert [resolved(one) for _, one in again] == [resolved(one) for one in found]
    assert [list(one.records()) for _, one in again] == [list(one.records()) for one in found]
    for _, one in again:
        # In the order of first use, without what no row names.
        for table, column in ((one.codes, one.code), (one.units, one.unit), (one.times, one.time)):
            used = dict.fromkeys(column)
            used.pop(NO_INDEX, None)
            assert list(used) == list(range(len(table)))


@settings(max_examples=50)
@given(batches())
def test_a_batch_has_one_form(found: m.ObservationBatch) -> None:
    """Whatever its tables hold beside, and in whatever order, content and identity are the same."""
    first = Dictionary().draft(found)
    shuffled = batch(
        [], adapter=found.adapter, version=found.version, digest=lambda: str(found.digest), base=found.base,
        subject=found.subject, device=found.device, status=found.status,
        codes=[SPO2, *reversed(found.codes)], units=[("1", None), *reversed(found.units)],
        times=[m.Instant(value="1999"), *reversed(found.times)],
        mantissa=found.mantissa, exponent=found.exponent, special=found.special, start=found.start, stop=found.stop,
    )  # fmt: skip
    for name, table in (("code", found.codes), ("unit", found.units), ("time", found.times)):
        moved = [n if n == NO_INDEX else len(table) - n for n in getattr(found, name)]
        setattr(shuffled, name, array("I", moved))
    assert resolved(shuffled) == resolved(found)
    second = Dictionary().draft(shuffled)
    assert (second.identity, second.content()) == (first.identity, first.content())
    (_, again), *_ = open_batches(payload([found]))
    third = Dictionary().draft(again)
    assert (third.identity, third.content()) == (first.identity, first.content())


@settings(max_examples=50)
@given(batches(), st.data())
def test_whatever_is_changed_changes_the_content(found: m.ObservationBatch, data: st.DataObject) -> None:
    before = Dictionary().draft(found)
    row = data.draw(st.integers(0, len(found) - 1))
    name = data.draw(st.sampled_from(["mantissa", "exponent", "special", "start", "stop", "device", "version"]))
    if name in ("device", "version"):
        setattr(found, name, str(getattr(found, name)) + "x")
    else:
        column = getattr(found, name)
        column[row] += 1 if column[row] < 5 else -1
    assert Dictionary().draft(found).content() != before.content()


@settings(max_examples=50)
@given(st.lists(TEXT) | st.lists(st.text("0123456789-:T", min_size=5, max_size=5)) | st.lists(st.text(max_size=3)))
def test_texts_come_back(texts: list[str]) -> None:
    assert unpack_texts(pack_texts(texts)) == texts


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(0, 255))
def test_numbers_come_back(numbers: list[int], other: int) -> None:
    columns = [array("q", numbers), array("B", [other] * len(numbers)), array("I", [n % 2**32 for n in numbers])]
    assert unpack_columns(pack_columns(columns), "qBI", len(numbers)) == columns


@settings(max_examples=100)
@given(st.binary(max_size=80))
def test_what_is_no_block_is_damage(raw: bytes) -> None:
    for read in (open_batches, unfold, unpack_texts, lambda raw: unpack_columns(raw, "bI", 3)):
        with suppress(StoreDamaged):
            read(raw)


@settings(max_examples=60)
@given(st.data())
def test_a_changed_block_is_damage_or_a_block(data: st.DataObject) -> None:
    """Behind the seal nobody changes anything; if somebody could, only our own errors would come of it."""
    head, body = unfold(payload([pulse(), pulse(9, source="cd")]))
    place = data.draw(st.integers(0, len(head) - 1))
    changed = bytearray(head)
    changed[place] = data.draw(st.integers(0, 255))
    with suppress(StoreDamaged):
        for _, one in open_batches(fold(bytes(changed), [body])):
            list(one.times)


def test_a_bomb_is_not_unfolded() -> None:
    import zlib

    packed = zlib.compress(bytes(MAX_PLAINTEXT + 1), 9)
    with pytest.raises(StoreDamaged):
        unfold(b"\1" + len(packed).to_bytes(4, "big") + packed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mantissa", array("q", [1])),
        ("mantissa", array("i", [1, 2])),
        ("exponent", [0, 0]),
        ("special", array("B", [0, 6])),
        ("code", array("I", [0, 9])),
        ("code", array("I", [0, NO_INDEX])),
        ("unit", array("I", [0, 9])),
        ("time", array("I", [0, 9])),
        ("status", SECRET),
        ("base", -1),
        ("device", 5),
        ("device", "\ud800"),
        ("codes", [SPO2, "no concept"]),
        ("codes", [SPO2, m.Concept(text=SECRET + "\ud800")]),
        ("units", [("%", None), (5, None)]),
        ("times", ["2026"]),
    ],
)
def test_what_could_not_be_given_back_is_not_taken(name: str, value: object) -> None:
    one = pulse(2)
    setattr(one, name, value)
    with pytest.raises(InvalidRecord) as caught:
        Dictionary().draft(one)
    assert caught.value.code == "MDL-005"
    assert SECRET not in str(caught.value)


def test_instants_behave_as_a_list() -> None:
    (_, one), *_ = open_batches(payload([pulse(6)]))
    times = one.times
    assert (len(times), times == list(times), times == pulse(6).times, times[1:]) == (3, True, True, list(times)[1:])
    times.append(m.Instant(value="2027"))
    times[0] = times[3]
    del times[1:3]
    assert list(times) == [m.Instant(value="2027")] * 2
    assert repr(times) == "Instants(2)"
