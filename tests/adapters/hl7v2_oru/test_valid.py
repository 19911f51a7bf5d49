"""Records that are made without validation pass it, whatever the message holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import read
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = sorted(
    [*(ROOT / "fixtures/hl7v2_oru").glob("*.hl7"), *(ROOT / "iomt_interop/adapters/hl7v2_oru/samples").glob("*.hl7")]
)
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.sampled_from(list(b'|^~\\&\r0129-."AZ\xff'))), max_size=12)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_records_pass_validation(path: Path) -> None:
    sent = path.read_bytes()

    @settings(max_examples=15)
    @given(CHANGES)
    def check(changes: list[tuple[int, int]]) -> None:
        data = bytearray(sent)
        for place, octet in changes:
            data[place % len(data)] = octet
        for record in read(bytes(data)):
            assert type(record).model_validate(record.model_dump()) == record

    check()
