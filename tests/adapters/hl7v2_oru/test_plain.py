"""The short way of plain numbers gives what the long way gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import of, read
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.hl7v2_oru.observations import Report
from iomt_interop.model import Record, to_json

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = sorted(
    [*(ROOT / "fixtures/hl7v2_oru").glob("*.hl7"), *(ROOT / "iomt_interop/adapters/hl7v2_oru/samples").glob("*.hl7")]
)
HEAD = (
    b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rPID|||1^^^A^MR\rOBR|1|||x|||20261124101500\r"
    b"OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||M^V\r"
)
FIELDS = {
    1: ["2", "7", ""],
    2: ["NM", "NM", "ST"],
    3: [
        "147842^MDC_ECG_HEART_RATE^MDC",
        "1^MDC_ECG_HEART_RATE^MDC",
        "8867-4^^LN",
        "",
        "157784^MDC_FLOW_FLUID_PUMP^MDC",
    ],
    4: ["1.1.1.1", "1.1.1.1.1", "2", "", "1.0.0.0"],
    5: ["72", "-0", "072", "", "---", '""', "1~2", "1e3"],
    6: ["264864^MDC_X^MDC", "264864^MDC_X^MDC^bpm^bpm^UCUM", "", "bpm", "264864^MDC_X^MDC~x^y^L"],
    7: ["", "50-120", ">9"],
    8: ["", "H", "DEMO", "NAV~L", "^^"],
    9: ["", "1"],
    11: ["R", "", "X"],
    13: ["", "x"],
    14: ["", "20261124101501", "never"],
    16: ["", "1^Who"],
    17: ["", "AMEAS", "MSET^x^MDC"],
    18: ["", "M^V", "N^V", "~~N^V"],
    20: ["", "1^arm^L"],
    30: ["", "x"],
}


def long_way(data: bytes) -> list[Record]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Report, "_plain", lambda self, item: False)
        return read(data)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_messages(path: Path) -> None:
    data = path.read_bytes()
    assert to_json(read(data)) == to_json(long_way(data))


@given(st.lists(st.fixed_dictionaries({n: st.sampled_from(values) for n, values in FIELDS.items()}), max_size=3))
def test_any_line(lines: list[dict[int, str]]) -> None:
    data = HEAD
    for line in lines:
        data += b"OBX" + b"".join(b"|" + line.get(n, "").encode() for n in range(1, 31)) + b"\r"
    assert to_json(read(data)) == to_json(long_way(data))


def test_the_monitor_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    plain = Report._plain

    def watched(self: Report, item: object) -> bool:
        taken.append(plain(self, item))  # type: ignore[arg-type]
        return taken[-1]

    monkeypatch.setattr(Report, "_plain", watched)
    records = read((ROOT / "fixtures/hl7v2_oru/pcd01_30obx.hl7").read_bytes())
    # A code whose number is of another thing is a doubt, which is for the long way.
    assert taken.count(True) == len(of(records, "observation")) - len(of(records, "issue")) > 20
