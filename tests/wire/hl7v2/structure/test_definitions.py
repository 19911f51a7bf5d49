"""The tables: what the standard is known to say, the generator's output, and laziness."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iomt_interop.wire.hl7v2.structure import (
    KNOWN,
    GroupRule,
    SegmentRule,
    definitions,
    nearest_version,
    structure_of_event,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [("2.1", "2.1"), ("2.5.1", "2.5.1"), ("2.5.1^USA", "2.5.1"), ("2.5.2", "2.5.1"), ("2.7.1", "2.7"), ("2.9", "2.8.2"),
     ("2.10", "2.8.2"), (" 2.6 ", "2.6"), ("2.0", "2.1"), ("", "2.5.1"), ("1", "2.5.1"), ("D", "2.5.1")],
)  # fmt: skip
def test_nearest_version(text: str, version: str) -> None:
    assert nearest_version(text) == version
    assert definitions(text).version == version


def test_fields_are_those_of_the_standard() -> None:
    # HL7 v2.6: PID-3 is a required repeating CX, OBX-11 a required ID of table 0085, DG1-4 was withdrawn.
    tables = definitions("2.6")
    pid, obx, dg1 = (tables.segment(name) for name in ("PID", "OBX", "DG1"))
    assert pid is not None
    assert obx is not None
    assert dg1 is not None
    assert pid[2] is not None
    assert pid[2][:6] == (3, "PATIENT_IDENTIFIER_LIST", "CX", 1, None, None)
    assert obx[10] is not None
    assert (obx[10].datatype, obx[10].low, obx[10].high, obx[10].table) == ("ID", 1, 1, "0085")
    assert obx[17] is not None
    assert (obx[17].datatype, obx[17].high) == ("EI", None)
    assert dg1[3] is not None
    assert dg1[3].high == 0
    assert tables.codes("0085") == set("ABCDFINOPRSUVWX") - set("ABV")
    assert definitions("2.8").codes("0085") == set("ABCDFINOPRSUVWX")
    assert tables.segment("ZZZ") is None
    assert tables.codes("0141") is None  # it has ranges
    cx = tables.datatype("CX")
    assert cx is not None
    assert [rule.datatype for rule in cx if rule] == ["ST", "ST", "ID", "HD", "ID", "HD", "DT", "DT", "CWE", "CWE"]


def test_every_structure_of_every_version_is_read() -> None:
    count = 0
    for version in KNOWN:
        tables = definitions(version)
        for name in tables.structures:
            rule = tables.structure(name)
            assert isinstance(rule, GroupRule)
            assert "MSH" in rule.holds or name.startswith(("MFN", "MFR", "QRY"))
            for segment_id in rule.holds - {"***"}:
                assert len(segment_id) == 3
            count += 1
        for name in tables.segments:
            assert tables.segment(name) is not None
    assert count >= 2000


@pytest.mark.parametrize(
    ("message_type", "event", "structure"),
    [  # HL7 table 0354
        ("ADT", "A01", "ADT_A01"), ("ADT", "A04", "ADT_A01"), ("ADT", "A08", "ADT_A01"), ("ADT", "A31", "ADT_A05"),
        ("ADT", "A07", "ADT_A06"), ("ADT", "A11", "ADT_A09"), ("ADT", "A22", "ADT_A21"), ("ADT", "A40", "ADT_A39"),
        ("MDM", "T04", "MDM_T02"), ("MDM", "T11", "MDM_T01"), ("SIU", "S26", "SIU_S12"), ("SRM", "S11", "SRM_S01"),
        ("QBP", "Q22", "QBP_Q21"), ("PPP", "PCD", "PPP_PCB"), ("REF", "I15", "REF_I12"),
    ],
)  # fmt: skip
def test_events(message_type: str, event: str, structure: str) -> None:
    assert structure_of_event(message_type, event) == structure


@pytest.mark.parametrize("name", ["ORU_R31", "ORU_R32", "ORU_R40", "ORU_R42", "ORU_W01", "ORA_R41"])
def test_structures_of_devices(name: str) -> None:
    rule = definitions("2.6").structure(name)
    assert rule is not None
    assert rule.name == name
    assert isinstance(rule.members[0], SegmentRule)
    assert ("PRT" in rule.holds) == (name in {"ORU_R40", "ORU_R42", "ORA_R41"})


def test_tables_are_loaded_when_asked_for() -> None:
    code = (
        "import sys; from iomt_interop.wire import hl7v2; import iomt_interop.wire.hl7v2.structure as s;"
        "assert not [m for m in sys.modules if '.structure._v' in m];"
        "s.definitions('2.3').segment('PID');"
        "assert sorted(m[-5:] for m in sys.modules if '.structure._v' in m) == ['_v2_1', '_v2_2', '_v2_3']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_tables_are_what_the_generator_writes(root: Path) -> None:
    pytest.importorskip("hl7apy")
    if not (root / "tools" / "generate_hl7_structures.py").is_file():
        pytest.skip("no source tree")
    subprocess.run([sys.executable, str(root / "tools" / "generate_hl7_structures.py"), "--check"], check=True)
