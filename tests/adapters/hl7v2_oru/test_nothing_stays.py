"""What a process remembers across messages is of devices and codes, and never of a person or of one message."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FrameType, ModuleType

import pytest

from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.facade import read
from iomt_interop.plugins import WriteContext

ROUNDS = 3
"""What comes twice is known the third time."""
PERSON = {
    "PID": range(2, 40), "PD1": range(1, 22), "NK1": range(2, 40), "PV1": range(2, 53), "PV2": range(1, 48),
    "IN1": range(2, 53), "GT1": range(2, 20), "AL1": range(3, 7), "DG1": range(3, 22), "ORC": range(2, 30),
    "NTE": (3,), "PRT": (5, 8, 14, 15), "ROL": (4, 11, 12),
}  # fmt: skip
"""Fields that may hold anything of a person, whatever should stand there."""


def message(number: int, *, monitor: bool) -> bytes:
    """Return a message in which each field of a person holds a text of its own, in several components."""

    def mark(where: str) -> str:
        return "^".join(f"stowaway{where}x{component}n{number}" for component in range(1, 15))

    def filled(name: str) -> str:
        fields = [""] * (max(PERSON[name]) + 1)
        for field in PERSON[name]:
            fields[field] = mark(f"{name}{field}")
        return "|".join([name, *fields[1:]])

    head = [""] * 30
    for field in (8, 13, 14, 20, 26, 27, 28):
        head[field - 1] = "" if monitor else f"stowawayMSH{field}n{number}"
    head[:6] = ["MSH", "^~\\&", "MON", "ICU", "EHR", "HOSP"]
    head[6], head[8], head[10], head[11] = "20261124105803+0000", "ORU^R01^ORU_R01", "P", "2.6"
    head[9] = f"stowawayMSH10n{number}"
    obr = ["OBR", "1", mark("OBR2"), mark("OBR3"), "69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC", "", "", "20261124"]
    obr += [""] * 2 + [mark("OBR10"), "", "", mark("OBR13"), "", "", mark("OBR16"), mark("OBR17")] + [""] * 10
    obr += [mark("OBR28"), "", "", mark("OBR31"), mark("OBR32")]
    results = []
    for ordinal in range(1, 4):
        obx = ["OBX", str(ordinal), "NM", "150456^MDC_PULS_OXIM_SAT_O2^MDC", f"1.1.1.{ordinal}", "97"]
        obx += ["262688^MDC_DIM_PERCENT^MDC", "", "", "", "", "R", "", "", "", "", mark("OBX16")]
        obx += [""] * 8 + [mark("OBX25")]
        results += ["|".join(obx), f"OBX|{ordinal + 10}|ST|69966^MDC_SAID^MDC|1.1.2.{ordinal}|{mark('OBX5')}||||||R"]
    whole = ["|".join(head), filled("PID"), filled("NTE"), filled("PD1"), filled("NK1"), filled("PV1"), filled("PV2")]
    whole += [filled("IN1"), filled("GT1"), filled("AL1"), filled("DG1"), filled("ORC"), "|".join(obr), filled("NTE")]
    return "\r".join([*whole, filled("PRT"), *results]).encode()


def remembered() -> Iterator[str]:
    """Yield every text that can be reached from the modules of the library."""
    waiting: list[object] = [
        vars(module) for name, module in list(sys.modules.items()) if name.startswith("iomt_interop")
    ]
    seen = {id(one) for one in waiting}
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if isinstance(one, str):
                yield one
            elif id(one) not in seen and not isinstance(one, ModuleType | FrameType | int | float):
                seen.add(id(one))
                waiting.append(one)


@pytest.mark.parametrize("monitor", [True, False])
def test_nothing_of_a_person_stays(monitor: bool) -> None:
    for number in range(ROUNDS):
        records = list(read(message(number, monitor=monitor)))
        assert len(records) > 10
        assert b"".join(make_writer(WriteContext(form="ndjson", include_test_data=True)).write(records))
    del records
    gc.collect()
    texts = list(remembered())
    assert len(texts) > 10_000
    assert any("MDC_PULS_OXIM_SAT_O2" in text for text in texts)
    assert sorted({text[:40] for text in texts if "stowaway" in text}) == []
