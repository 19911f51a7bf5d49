"""The group tree: no segment is lost in any order, groups as another library builds them, linear time."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.structure import KNOWN, Group, Structure, definitions, structure

Shape = list["str | tuple[str, Shape]"]


def message(kind: str, version: str, *segments: str) -> hl7v2.Message:
    lines = [f"MSH|^~\\&|A|B|C|D|20260101||{kind}|1|P|{version}", *(f"{name}|1" for name in segments)]
    return hl7v2.parse("\r".join(lines) + "\r")


def shape(group: Group) -> Shape:
    return [(c.name.rpartition(".")[2], shape(c)) if isinstance(c, Group) else c.name for c in group]


def codes(tree: Structure) -> list[tuple[str, str | None]]:
    return [(each.code, each.path) for each in tree.deviations]


RESULTS = "PID PV1 OBR NTE OBX NTE OBX SPM OBX ORC OBR OBX PID OBR"


def test_observations() -> None:
    tree = structure(
        message(
            "ORU^R01^ORU_R01",
            "2.5.1",
            *RESULTS.split(),
        )
    )
    assert shape(tree.root) == [
        "MSH",
        ("PATIENT_RESULT", [
            ("PATIENT", ["PID", ("VISIT", ["PV1"])]),
            ("ORDER_OBSERVATION", [
                "OBR", "NTE", ("OBSERVATION", ["OBX", "NTE"]), ("OBSERVATION", ["OBX"]), ("SPECIMEN", ["SPM", "OBX"]),
            ]),
            ("ORDER_OBSERVATION", ["ORC", "OBR", ("OBSERVATION", ["OBX"])]),
        ]),
        ("PATIENT_RESULT", [("PATIENT", ["PID"]), ("ORDER_OBSERVATION", ["OBR"])]),
    ]  # fmt: skip
    assert not tree.deviations
    result = next(tree.root.groups("PATIENT_RESULT"))
    assert len(list(result.groups("ORDER_OBSERVATION"))) == 2
    patient = next(result.groups("PATIENT"))
    pid = patient.first("PID")
    assert pid is not None
    assert pid.ordinal == 1
    assert patient.first("OBX") is None


@pytest.mark.parametrize(
    ("segments", "expected", "told"),
    [
        # Z and unknown segments stay where they are.
        ("PID ZPI OBR OBX ZBX OBX XYZ", ["PID", "ZPI", "OBR", "OBX", "ZBX", "OBX", "XYZ"], [("HL7-301", "XYZ(1)")]),
        # An insurance in a result is known, but out of place.
        ("PID OBR OBX DG1 IN1 OBX", ["PID", "OBR", "OBX", "DG1", "IN1", "OBX"],
         [("HL7-302", "DG1(1)"), ("HL7-302", "IN1(1)")]),
        # An order without its OBR is an order.
        ("PID OBX", ["PID", "OBX"], []),
        # The visit after the results does not begin another patient.
        ("PID OBR OBX PV1 OBX", ["PID", "OBR", "OBX", "PV1", "OBX"], [("HL7-302", "PV1(1)")]),
        # More than one where one may be.
        ("PID PV1 PV1 PV2 PV2 OBR", ["PID", "PV1", "PV1", "PV2", "PV2", "OBR"],
         [("HL7-303", "PV1(2)"), ("HL7-303", "PV2(2)")]),
    ],
)  # fmt: skip
def test_deviations(segments: str, expected: list[str], told: list[tuple[str, str]]) -> None:
    tree = structure(message("ORU^R01^ORU_R01", "2.5.1", *segments.split()))
    assert [segment.id for segment in tree.root.segments] == ["MSH", *expected]
    assert codes(tree) == told
    assert len(list(tree.root.groups("PATIENT_RESULT"))) == 1


def test_an_order_without_its_beginning_opens_its_groups() -> None:
    tree = structure(message("ORU^R01^ORU_R01", "2.5.1", "PID", "OBX", "OBX"))
    assert shape(tree.root)[1] == (
        "PATIENT_RESULT",
        [("PATIENT", ["PID"]), ("ORDER_OBSERVATION", [("OBSERVATION", ["OBX"]), ("OBSERVATION", ["OBX"])])],
    )


@pytest.mark.parametrize(
    ("kind", "version", "name", "told"),
    [
        ("ORU^R01^ORU_R01", "2.6", "ORU_R01", []),
        ("ORU^R01", "2.6", "ORU_R01", []),
        ("ORU", "2.6", "ORU_R01", []),
        ("ADT^A08", "2.5", "ADT_A01", []),
        ("ADT^A08", "2.2", "ADT_A08", []),
        ("ADT^A08^ADT_A08", "2.5", "ADT_A01", [("HL7-306", "MSH-9")]),  # none since table 0354 has it
        ("ADT^A08^ADT_A08", "2.2", "ADT_A08", []),
        ("ADT^Z08^ADT_A08", "2.5", "ADT_A08", [("HL7-307", "MSH-9")]),
        ("ADT^A08^ADT-A01", "2.5", "ADT_A01", [("HL7-306", "MSH-9")]),
        ("ORM^O01", "2.8", "ORM_O01", [("HL7-307", "MSH-9")]),
        ("ORU^R40^ORU_R40", "2.6", "ORU_R40", []),
        ("ORU^R42^ORU_R42", "2.6", "ORU_R42", []),
        ("ORA^R41^ORA_R41", "2.6", "ORA_R41", []),
        ("ORU^W01", "2.4", "ORU_W01", []),
        ("ACK", "2.3", "ACK", []),
        ("ACK^R01", "2.6", "ACK", []),
        ("MCF", "2.3", "", [("HL7-305", "MSH-9")]),
        ("ZZZ^Z01", "2.6", "", [("HL7-305", "MSH-9")]),
        ("", "2.6", "", [("HL7-305", "MSH-9")]),
    ],
)
def test_which_structure(kind: str, version: str, name: str, told: list[tuple[str, str]]) -> None:
    tree = structure(message(kind, version))
    assert (tree.name, codes(tree)) == (name, told)


def test_a_structure_of_old_times_does_not_put_new_segments_out_of_place() -> None:
    names = ["EVN", "PID", "PD1", "ROL", "NK1", "PV1", "ROL", "DB1", "AL1", "DRG", "PR1", "ROL", "GT1", "IN1", "PDA"]
    assert codes(structure(message("ADT^A08^ADT_A08", "2.5", *names))) == [("HL7-306", "MSH-9")]


def test_a_value_is_never_a_name() -> None:
    tree = structure(hl7v2.parse(b"MSH|^~\\&|||||||ORU^R01|1|P|2.6\rJane Doe's address\rPID|1\r"))
    assert "Jane" not in repr(tree.root.children) + repr(tree.deviations)
    assert [child.name for child in tree.root][:2] == ["MSH", "?"]


IDS = st.sampled_from(
    sorted({n for v in ("2.3", "2.6", "2.8.2") for n in definitions(v).segments} | {"ZZ1", "XYZ", "obx", ""})
)
USUAL = "PID PD1 PV1 PV2 ORC OBR OBX NTE SPM TQ1 IN1 IN2 DG1 AL1 RXE RXR RXC EVN PRT ZZ1 SCH RGS"
COMMON = st.sampled_from(
    [
        "PID",
        "PD1",
        "PV1",
        "PV2",
        "ORC",
        "OBR",
        "OBX",
        "NTE",
        "SPM",
        "TQ1",
        "IN1",
        "IN2",
        "DG1",
        "AL1",
        "RXE",
        "RXR",
        "RXC",
        "EVN",
        "PRT",
        "ZZ1",
        "SCH",
        "RGS",
    ]
)
KINDS = st.sampled_from([
    "ORU^R01^ORU_R01", "ORU^R40^ORU_R40", "ADT^A01^ADT_A01", "ADT^A08", "ORM^O01", "OML^O21^OML_O21", "RDE^O11",
    "OMG^O19", "MDM^T02", "SIU^S14", "DFT^P03", "VXU^V04", "RGV^O15", "QBP^Q11", "RSP^K11", "MFN^M02", "PGL^PC6", "Q",
])  # fmt: skip


@given(KINDS, st.sampled_from([*KNOWN, "2.9", ""]), st.lists(st.one_of(COMMON, IDS), max_size=40))
@example("RSP^K11^RSP_K11", "2.8.2", ["MSA", "QAK", "QPD", "ACC", "ZZZ"])
def test_no_segment_is_ever_lost(kind: str, version: str, segments: list[str]) -> None:
    given_message = message(kind, version, *segments)
    tree = structure(given_message)
    assert [each.ordinal for each in tree.root.segments] == list(range(len(given_message)))


@given(st.binary(max_size=300))
def test_any_octets_have_a_tree(data: bytes) -> None:
    given_message = hl7v2.parse(data)
    assert [each.ordinal for each in structure(given_message).root.segments] == list(range(len(given_message)))


def test_work_is_linear() -> None:
    def steps(count: int) -> int:
        """Return how many functions are called, which does not depend on the machine."""
        pattern = ["OBR", "OBX", "NTE", "XYZ", "PV1", "SPM", "OBX"]
        given_message = message("ORU^R01^ORU_R01", "2.6", "PID", *(pattern * count))
        structure(given_message)
        called = 0

        def one(frame: object, event: str, argument: object) -> None:
            nonlocal called
            called += event in ("call", "c_call")

        sys.setprofile(one)
        try:
            structure(given_message)
        finally:
            sys.setprofile(None)
        return called

    assert steps(800) < 9 * steps(100)


# Without a second ORC in ORU^R01, which hl7apy puts behind the observations of the order before.
PEERS = [
    ("ORU^R01^ORU_R01", "2.5.1", "PID PV1 ORC OBR NTE OBX NTE OBX OBX OBR OBX"),
    ("ORU^R01^ORU_R01", "2.6", "PID PV1 OBR OBX OBX OBR OBX"),
    ("ADT^A01^ADT_A01", "2.5", "EVN PID PV1 PV2 OBX AL1 DG1 PR1 GT1 IN1 IN2 IN1 ACC"),
    ("OML^O21^OML_O21", "2.5.1", "PID PV1 ORC OBR NTE DG1 OBX SPM ORC OBR OBX"),
    ("RDE^O11^RDE_O11", "2.5.1", "PID PV1 AL1 ORC RXE RXR RXC ORC RXE RXR OBX"),
    ("SIU^S12^SIU_S12", "2.5", "SCH TQ1 NTE PID PV1 RGS AIS NTE AIG AIL AIP"),
    ("MDM^T02^MDM_T02", "2.5", "EVN PID PV1 TXA OBX OBX"),
    ("VXU^V04^VXU_V04", "2.5.1", "PID NK1 ORC RXA RXR OBX NTE ORC RXA OBX"),
    ("DFT^P03^DFT_P03", "2.5", "EVN PID PV1 FT1 PR1 FT1 DG1 GT1 IN1"),
    ("RGV^O15^RGV_O15", "2.5", "PID PV1 ORC RXG RXR RXC ORC RXG RXR"),
    ("ORM^O01^ORM_O01", "2.5", "PID PV1 AL1 ORC OBR NTE DG1 OBX NTE ORC OBR"),
]


@pytest.mark.parametrize(("kind", "version", "segments"), PEERS)
def test_groups_are_those_of_hl7apy(kind: str, version: str, segments: str) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    given_message = message(kind, version, *segments.split())
    theirs = parser.parse_message(bytes(given_message).decode(), find_groups=True)

    def walk(element: object) -> Shape:
        found: Shape = []
        for child in element.children:  # type: ignore[attr-defined]
            if child.classname == "Group":
                found.append((child.name[len(theirs.name) + 1 :], walk(child)))
            else:
                found.append(child.name)
        return found

    assert shape(structure(given_message).root) == walk(theirs)
