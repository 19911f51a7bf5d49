"""A report like the ones before it gives what it gives when it comes alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import of, read
from adapters.hl7v2_oru.test_plain import FIELDS
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.adapters.hl7v2_oru import message, pattern
from iomt_interop.adapters.hl7v2_oru.observations import Item, Report
from iomt_interop.model import Record, to_json
from iomt_interop.plugins import WriteContext

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = sorted(
    [*(ROOT / "fixtures/hl7v2_oru").glob("*.hl7"), *(ROOT / "iomt_interop/adapters/hl7v2_oru/samples").glob("*.hl7")]
)
HEAD = (
    b"MSH|^~\\&|A^0E1D2CFFFE778899^EUI-64|B|||20261124||ORU^R01|%s|P|2.6\rPID|||%s^^^A^MR\rPV1||I|W^1^2\r"
    b"OBR|1|||x|||20261124101500\r"
    b"OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||M^V\r"
)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    pattern._patterns.clear()
    yield
    pattern._patterns.clear()


def long_way(report: Report, items: Sequence[Item], *, alone: bool) -> None:
    report.add(items)


def alone(data: bytes) -> list[Record]:
    """Read a message as if none had come before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message, "add_results", long_way)
        return read(data)


def agreed() -> int:
    return sum(found is not None and found.agreed for found in pattern._patterns.values())


def renumbered(data: bytes, number: int) -> bytes:
    """Change the control id of every message, and so its digest."""
    return re.sub(
        rb"(?m)^(MSH(?:[^|\r]*\|){8}[^|\r]*\|)[^|\r]*", rb"\g<1>CTL-%d" % number, data.replace(b"\r", b"\n")
    ).replace(b"\n", b"\r")


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_messages(path: Path) -> None:
    data = path.read_bytes()
    for number in range(4):
        again = renumbered(data, number)
        assert to_json(read(again)) == to_json(alone(again))


def test_a_monitor_is_known_from_its_third_message() -> None:
    data = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    for number, expected in ((1, 0), (2, 1), (3, 1)):
        read(renumbered(data, number))
        assert agreed() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Report, "add", None)  # a known pattern needs the long way no more
        changed = renumbered(data, 4).replace(b"|72|", b"|072.50|").replace(b"Muster^Milan", b"Other^Person")
        found = read(changed)
    assert to_json(found) == to_json(alone(changed))
    assert any(record.value.literal == "072.50" for record in of(found, "observation"))


@pytest.mark.parametrize("odd", [b"---", b"", b'""', b"72~73", b" 72", b"1e3", b"8388607"])
def test_an_unusual_number_takes_the_long_way(odd: bytes) -> None:
    data = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    for number in range(3):
        read(renumbered(data, number))
    changed = renumbered(data, 4).replace(b"|72|", b"|" + odd + b"|", 1)
    assert to_json(read(changed)) == to_json(alone(changed))


@given(st.data())
def test_any_fields(data: st.DataObject) -> None:
    """Two messages of one sender, then a third of the same or nearly the same OBX."""
    shapes = [
        {number: data.draw(st.sampled_from(choices), label=f"OBX-{number}") for number, choices in FIELDS.items()}
        for _ in range(data.draw(st.integers(1, 3)))
    ]

    def built(control: bytes, person: bytes, value: str | None) -> bytes:
        out = HEAD % (control, person)
        for position, fields in enumerate(shapes, 2):
            row = [fields.get(number, "") for number in range(1, 31)]
            row[0] = str(position) if fields[1] == "2" else row[0]
            if value is not None:
                row[4] = value
            out += b"OBX|" + "|".join(row).encode() + b"\r"
        return out

    for control, person in ((b"1", b"1"), (b"2", b"7")):
        read(built(control, person, None))
    value = data.draw(st.sampled_from([None, *FIELDS[5]]))
    third = built(b"3", b"8", value)
    assert to_json(read(third)) == to_json(alone(third))


def test_a_pattern_holds_nothing_of_the_person() -> None:
    data = (ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes()
    found = [record for number in range(3) for record in read(renumbered(data, number))]
    people = {record.id for record in of(found, "subject")}
    (known,) = (one for one in pattern._patterns.values() if one is not None)
    parts = [part for step in known.steps for part in (step.result, step.amount, *(one[0] for one in step.before))]
    moulds = [part[2].mould if isinstance(part, tuple) else part for part in parts if part is not None]
    b"".join(make_writer(WriteContext(form="ndjson")).write(found))
    held = repr([(mould.record.model_dump(), mould.notes) for mould in moulds])
    assert "Device/" in held
    assert people
    assert not any(one in held for one in (*people, "Muster", "Milan", "EX-000030"))


def test_the_number_of_patterns_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern, "_MAX_PATTERNS", 4)
    for number in range(20):
        read(HEAD.replace(b"M^V", b"M%d^V" % number) % (b"1", b"1"))
    assert 0 < len(pattern._patterns) <= 4


def test_the_time_of_a_node_is_its_own_message_s() -> None:
    """OBX-14 of a device, subsystem or channel has no place in its record: the extension must be this message's."""
    node = HEAD.replace(b"|||||||X|||||||M^V", b"|||||||X|||%s||||M^V")
    result = b"OBX|2|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|60||||||R\r"
    for number, moment in enumerate((b"20261124101500", b"20261124101500", b"20261124101501", b"20261124101502")):
        data = node % (b"%d" % number, b"1", moment) + result
        records = read(data)
        told = [each.value for device in of(records, "device") for each in device.extensions if "-14" in each.path]
        assert told == [moment.decode()]
        assert to_json(records) == to_json(alone(data))
