"""The fast path says what the records say."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import of, read
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.hl7v2_oru import columns
from iomt_interop.adapters.hl7v2_oru.columns import read_columns
from iomt_interop.model import Interval, Observation, ObservationBatch
from iomt_interop.plugins import ReadContext

ROOT = Path(__file__).resolve().parents[3]
MONITOR = (ROOT / "iomt_interop/adapters/hl7v2_oru/samples/pcd01_monitor.hl7").read_bytes()
MESSAGES = sorted(
    [*(ROOT / "fixtures/hl7v2_oru").glob("*.hl7"), *(ROOT / "iomt_interop/adapters/hl7v2_oru/samples").glob("*.hl7")]
)
CONTEXT = ReadContext()


def agree(batch: ObservationBatch, data: bytes, context: ReadContext = CONTEXT) -> int:
    """Hold every row to the record of the same id; return how many there are."""
    known = {record.id: record for record in of(read(data, context), "observation")}
    for row in batch.records():
        record: Observation = known[row.id]
        time = record.time.start if isinstance(record.time, Interval) else record.time
        assert (row.code, row.time, row.subject) == (record.code, time, record.subject)
        assert row.value.replace(literal=None) == record.value.replace(literal=None)  # type: ignore[union-attr]
        assert row.provenance.span == record.provenance.span
        assert row.provenance.digest == record.provenance.digest
        assert row.status in (record.status, "unknown")
    return len(batch)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_columns_agree_with_records(path: Path) -> None:
    agree(read_columns(path.read_bytes(), CONTEXT), path.read_bytes())


def test_the_monitor_takes_the_fast_path_and_loses_no_plain_number() -> None:
    batch = columns._fast(MONITOR, CONTEXT)
    assert batch is not None
    # 13 numbers; the flagged temperature and the one that is not available are no plain numbers.
    assert agree(batch, MONITOR) == 12
    assert list(batch.records()) == list(columns._from_records(MONITOR, CONTEXT).records())
    assert len(set(batch.time)) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"|P|2.6", b"|T|2.6"),
        (b"EX-4711^^^EXAMPLE", b"EX-4711\\T\\^^^EXAMPLE"),
        (b"PID|||EX-4711^^^EXAMPLE&1.2.3.4.5&ISO^MR", b"PID|||"),
        (b"|20261124105800+0100|", b"|20261399|"),
        (b"|20261124105800+0100|", b"||"),
        (b"|20261124105800+0100|20261124105803+0100", b"|20261124105800+0100"),
        (b"20261124105803.250+0100", b"20261124105803"),
        (b"MSH|^~\\&|", b"MSH|^~\\&#|"),
        (b"\r", b"\r\n"),
        (b"OBX|5|", b"NTE|1||a\rOBX|5|"),
        (b"EXAMPLE_GW", "Münster".encode()),
        (b"EXAMPLE_GW^02ABCD", b"MINDRAY^00A037"),
        (b"|97|", b"|+97|"),
        (b"|97|", b"|-999|"),
        (b"|97|", b"|12345678901234567890|"),
        (b"PID|", b"ZZZ|"),
    ],
)
def test_any_other_writing_gives_the_same_rows(old: bytes, new: bytes) -> None:
    data = MONITOR.replace(old, new)
    assert data != MONITOR
    for context in (CONTEXT, ReadContext(default_zone="Europe/Berlin"), ReadContext(identity="keep")):
        fast = read_columns(data, context)
        agree(fast, data, context)
        slow = columns._from_records(data, context)
        assert [r.id for r in fast.records()] == [r.id for r in slow.records()]


@given(st.integers(0, len(MONITOR)), st.binary(max_size=3), st.integers(0, 3))
def test_a_damaged_message_agrees_too(at: int, patch: bytes, removed: int) -> None:
    data = MONITOR[:at] + patch + MONITOR[at + removed :]
    if data.count(b"MSH|") == 1:
        agree(read_columns(data, CONTEXT), data)


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_MAX_KNOWN", 4)
    first = read_columns(MONITOR, CONTEXT)
    second = read_columns(MONITOR, CONTEXT)
    assert first.codes is not second.codes
    assert list(first.records()) == list(second.records())
