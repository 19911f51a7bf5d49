"""Records that were cast from one mould are written as those that were made one by one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop._accel import lines_py
from iomt_interop.adapters.fhir_r4 import writer as writing
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.adapters.hl7v2_oru import header
from iomt_interop.facade import read
from iomt_interop.plugins import WriteContext
from iomt_interop.testing import strategies

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = sorted((ROOT / "fixtures/hl7v2_oru").glob("*.hl7"))
NAMES = ("id", "provenance", "subject", "encounter", "order", "time", "value")
IDS = [m.record_id(name) for name in "abc"]
ids = st.sampled_from([*IDS, "no id", "", "a.b-c", "x" * 65])
origins = st.builds(
    m.Provenance,
    adapter=st.sampled_from(["acme", "fhir_r4"]),
    version=st.just("1"),
    digest=st.sampled_from([None, "ff" * 32, 'a"b']),
    span=st.sampled_from([None, (7, 123456789012)]),
    path=st.sampled_from([None, 'OBX(3) "x"']),
)
WRITTEN = ["2026", "2026-11-24", "2026-11-24T10"]
WRITTEN += [f"2026-{rest}" for rest in ("11-24T10:58:03.20+01:00", "11-24T10:58:60Z", "02-30T10:58:03Z")]
times = st.builds(
    m.Instant,
    value=st.sampled_from(WRITTEN),
    native=st.sampled_from([None, "20261124105803.20+0100", 'a"b', "ä", ""]),
    origin=st.sampled_from(["observed", "order", "received"]),
    flags=st.sampled_from([(), ("assumed-offset",), ("invalid", "estimated")]),
    uncertainty_ns=st.sampled_from([None, 5]),
)  # fmt: skip
changes = st.tuples(
    ids, origins, *[st.none() | ids] * 3, st.none() | times, st.integers(-(10**20), 10**20), st.integers(-4, 2),
    st.sampled_from([None, None, "007"]),
)  # fmt: skip
plain = st.builds(
    m.Observation,
    id=st.just("x"),
    provenance=st.just(m.Provenance(adapter="acme", version="1")),
    code=strategies.concepts(),
    value=st.builds(m.Quantity, unit=st.sampled_from(["mm[Hg]", None])),
    device=st.sampled_from([None, *IDS]),
    metric=st.sampled_from([None, *IDS]),
    status=st.sampled_from(["final", "unknown", "preliminary"]),
    handle=st.sampled_from([None, "1.0.0.1"]),
)


def written(records: list[Any], *, casts: bool) -> tuple[list[bytes], list[Any]]:
    """Write records; those that were cast with the kernel at hand, and with its twin, which do the same."""
    if casts:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, "kernel", lines_py)
            twin = _written(records, casts=True)
        assert _written(records, casts=True) == twin
        return twin
    return _written(records, casts=False)


def _written(records: list[Any], *, casts: bool) -> tuple[list[bytes], list[Any]]:
    writer = make_writer(WriteContext(form="ndjson", include_test_data=True))
    if not casts:
        writer._casts = None
        writer._fast.write = lambda record, clock=None: None  # type: ignore[method-assign]
    return b"".join(writer.write(records)).split(b"\n"), list(writer.losses)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(plain | strategies.records(kinds=("observation",)), min_size=1, max_size=2),
    st.lists(changes, min_size=1, max_size=8),
)
def test_observations(shapes: list[Any], told: list[Any]) -> None:
    moulds = []
    for shape in shapes:
        amount = shape.value if isinstance(shape.value, m.Quantity) else m.Quantity(unit="mm")
        kept = dict.fromkeys(NAMES)
        moulds.append((m.Mould(shape, kept), m.Mould(amount, {"mantissa": 0, "exponent": 0, "literal": None})))
    records: list[Any] = [m.Device(id=IDS[0], provenance=m.Provenance(adapter="acme", version="1"), node="phd")]
    for at, (*values, mantissa, exponent, literal) in enumerate(told):
        mould, amount = moulds[at % len(moulds)]
        value = amount.cast({"mantissa": mantissa, "exponent": exponent, "literal": literal})
        records.append(mould.cast(dict(zip(NAMES, (*values, value), strict=True))))
    for _ in range(2):
        assert written(records, casts=True) == written(records, casts=False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(strategies.records(kinds=("device", "metric")), min_size=1, max_size=3),
    st.lists(st.tuples(origins, st.none() | ids, ids), min_size=1, max_size=8),
    st.booleans(),
)
def test_devices_and_metrics(shapes: list[Any], told: list[Any], named: bool) -> None:
    varied = {"provenance": None, "subject": None} | ({"id": ""} if named else {})
    moulds = [m.Mould(shape, varied) for shape in shapes]
    records = []
    for at, (origin, subject, identity) in enumerate(told):
        own = {"provenance": origin, "subject": subject} | ({"id": identity} if named else {})
        records.append(moulds[at % len(moulds)].cast(own))
    for _ in range(2):
        assert written(records, casts=True) == written(records, casts=False)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_messages(path: Path) -> None:
    """The third message of a sender, which is cast."""
    sent = path.read_bytes().replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    for number in range(4):
        data = re.sub(rb"(?m)^(MSH(?:[^|\r]*\|){8}[^|\r]*\|)[^|\r]*", rb"\g<1>C-%d" % number, sent)
        records = list(read(data))
        assert written(records, casts=True) == written(records, casts=False)


def test_a_monitor_is_written_by_its_moulds() -> None:
    sent = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    for number in range(3):
        records = list(read(sent.replace(b"|PCD-000030|", b"|PCD-%06d|" % number)))
    writer = make_writer(WriteContext(form="ndjson"))
    casts = writer._casts
    assert casts is not None
    told = [casts.told(record) for record in records if isinstance(record, m.Device | m.Metric)]
    results = [casts.result(record) for record in records if isinstance(record, m.Observation)]
    assert len(told) > 40
    assert len(results) == 25
    assert None not in told
    assert None not in results


def test_a_stream_is_written_as_its_records_are() -> None:
    """Beyond a window what is held comes at the end; nothing of it is lost, and nothing comes twice."""
    sent = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    records = [record for n in range(6) for record in read(sent.replace(b"|PCD-000030|", b"|PCD-%06d|" % n))]
    cast, alone = (_written(records, casts=casts) for casts in (True, False))
    assert cast == alone
    assert len(cast[0]) > 200


def monitored(count: int, kinds: tuple[type[Any], ...]) -> list[Any]:
    """Return so many records of a monitor whose messages are cast."""
    sent = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    found: list[Any] = []
    for number in itertools.count():
        records = read(sent.replace(b"|PCD-000030|", b"|PCD-%06d|" % number))
        found += [record for record in records if number > 2 and isinstance(record, kinds)]
        if len(found) >= count:
            return found[:count]
    raise AssertionError


@pytest.mark.parametrize("kernel", ["at hand", "twin"])
def test_a_stream_of_results_comes_in_chunks(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kernel == "twin":
        monkeypatch.setattr(writing, "kernel", lines_py)
    taken = 0

    def stream() -> Iterator[Any]:
        nonlocal taken
        for record in monitored(600, (m.Observation,)):
            taken += 1
            yield record

    chunks = make_writer(WriteContext(form="ndjson")).write(stream())
    assert len(next(chunks)) < 1 << 18
    assert taken < 200
    assert all(len(chunk) < 1 << 18 for chunk in chunks)


@pytest.mark.parametrize("results", [20, 30, 34, 35, 36, 37, 38, 39, 40, 41, 45, 70, 200])
def test_a_window_ends_where_it_does_on_the_long_way(results: int) -> None:
    """What is held stands at its place up to 64 kB, and else at the end, whichever way its neighbours went."""
    devices = monitored(3, (m.Device,))
    mixed = [*devices[:1], *monitored(results, (m.Observation,)), *devices[1:]]
    assert written(mixed, casts=True) == written(mixed, casts=False)


@pytest.mark.parametrize("span", [(), (5,), (1, 2, 3), (True, 2), (0, 1 << 62), (0, 1 << 64)])
def test_a_span_that_is_none_breaks_nothing(span: tuple[int, ...]) -> None:
    """Records that were made without validation may hold anything."""
    good = monitored(1, (m.Observation,))[0]
    mould = m.mould_of(good)
    assert mould is not None
    odd = m.Provenance.of_valid({**good.provenance.__dict__, "span": span})
    bad = mould.cast({**{name: getattr(good, name) for name in mould.varied}, "provenance": odd})
    for kernel in (writing.kernel, lines_py):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, "kernel", kernel)
            try:
                lines = _written([good, bad], casts=True)[0]
            except IndexError:
                assert len(span) < 2
            else:
                assert len(lines) == 3


NUMBERS = [b"PCD-000030", b"ab", b"a&b", b'a"b', b"a\\T\\b", b"x" * 250, b""]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_header_that_differs_in_number_and_time(number: bytes) -> None:
    sent = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    for time in (b"20261124105801.000+0100", b"20261124", b"2026112410+0100", b"20261131", b"20261124105801&x", b""):
        changed = sent.replace(b"|PCD-000030|", b"|%s|" % number).replace(b"20261124105801.000+0100", time)
        header._moulds.clear()
        first, second = (list(read(changed)) for _ in range(2))
        assert first == second
        assert written(second, casts=True) == written(second, casts=False)
        for record in second:
            assert type(record).model_validate(record.model_dump()) == record


@pytest.mark.parametrize("form", ["ndjson", "collection"])
def test_a_writer_that_is_asked_again_forgets_nothing(form: str) -> None:
    """What was held and written is held anew when it is told again."""
    device = m.Device(id=IDS[0], provenance=m.Provenance(adapter="acme", version="1"), serial="1")
    writer = make_writer(WriteContext(form=form))
    first, second = (b"".join(writer.write([device])) for _ in range(2))
    assert first == second
    assert b'"serialNumber":"1"' in second
