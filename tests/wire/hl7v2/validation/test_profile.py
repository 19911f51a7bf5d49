"""Conformance profiles: every usage, cardinality, length, table, constant, nested; and what is no profile."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import CODES, InputError
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.validation import Profile, Severity, read_profile, validate

PROFILE = """<?xml version="1.0"?>
<HL7v2xConformanceProfile HL7Version="2.6" ProfileType="Implementation">
 <MetaData Name="monitor" OrgName="here" Version="1"/>
 <HL7v2xStaticDef MsgType="ORU" EventType="R01" MsgStructID="ORU_R01" Role="Sender">
  <Segment Name="MSH" Usage="R" Min="1" Max="1">
   <Field Name="Field Separator" Usage="R" Min="1" Max="1" Datatype="ST" Length="1" ConstantValue="|"/>
   <Field Name="Encoding Characters" Usage="R" Min="1" Max="1" Datatype="ST" Length="4"/>
   <Field Name="Sending Application" Usage="R" Min="1" Max="1" Datatype="HD" Length="20">
    <Component Name="Namespace" Usage="R" Datatype="IS" ConstantValue="MON"/>
    <Component Name="Id" Usage="RE" Datatype="ST" Length="16"/>
    <Component Name="Type" Usage="X" Datatype="ID"/>
   </Field>
  </Segment>
  <SegGroup Name="PATIENT_RESULT" Usage="R" Min="1" Max="1">
   <SegGroup Name="PATIENT" Usage="R" Min="1" Max="1">
    <Segment Name="PID" Usage="R" Min="1" Max="1">
     <Field Name="Set ID" Usage="X" Min="0" Max="0" Datatype="SI"/>
     <Field Name="Id" Usage="X" Min="0" Max="0" Datatype="CX"/>
     <Field Name="List" Usage="R" Min="1" Max="2" Datatype="CX" Table="">
      <Component Name="Id" Usage="R" Datatype="ST" Length="8"/>
      <Component Name="Digit" Usage="X" Datatype="ST"/>
      <Component Name="Scheme" Usage="O" Datatype="ID"/>
      <Component Name="Authority" Usage="R" Datatype="HD">
       <SubComponent Name="Namespace" Usage="R" Datatype="IS"/>
       <SubComponent Name="Id" Usage="C" Datatype="ST"/>
      </Component>
     </Field>
     <Field Name="Alternate" Usage="W" Min="0" Max="*" Datatype="CX"/>
     <Field Name="Name" Usage="RE" Min="0" Max="1" Datatype="XPN"/>
     <Field Name="Mother" Usage="C" Min="0" Max="1" Datatype="XPN"><Predicate>if newborn</Predicate></Field>
     <Field Name="Birth" Usage="O" Min="0" Max="1" Datatype="DTM"/>
     <Field Name="Sex" Usage="O" Min="0" Max="1" Datatype="IS" Table="HL70001"/>
    </Segment>
    <Segment Name="PV1" Usage="X" Min="0" Max="0"/>
   </SegGroup>
   <SegGroup Name="ORDER_OBSERVATION" Usage="R" Min="1" Max="2">
    <Segment Name="OBR" Usage="R" Min="1" Max="1"/>
    <SegGroup Name="OBSERVATION" Usage="R" Min="1" Max="*">
     <Segment Name="OBX" Usage="R" Min="1" Max="1"/>
     <Segment Name="NTE" Usage="B" Min="0" Max="1"/>
    </SegGroup>
   </SegGroup>
  </SegGroup>
 </HL7v2xStaticDef>
</HL7v2xConformanceProfile>
"""

HEADER = "MSH|^~\\&|MON^1.2.3"
GOOD = [HEADER, "PID|||17^^^HOSP&1.2||Doe^Jane|Roe|19700101|F", "OBR|1", "OBX|1", "OBX|2"]
KIND = "||||||ORU^R01^ORU_R01|7|P|2.6"


def profile() -> Profile:
    # The header's fields behind MSH-3 are whatever the standard says: the profile is cut off there.
    more = "".join('<Field Name="x" Usage="O" Min="0" Max="1"/>' for _ in range(9))
    text = PROFILE.replace('<Component Name="Type" Usage="X" Datatype="ID"/>\n   </Field>',
                           '<Component Name="Type" Usage="X" Datatype="ID"/>\n   </Field>' + more)  # fmt: skip
    return read_profile(text.encode())


def check(lines: list[str]) -> list[tuple[str, str | None, str]]:
    text = "\r".join([lines[0] + KIND, *lines[1:]]) + "\r"
    found = validate(hl7v2.parse(text), profile=profile())
    return [(each.code, each.path, each.severity.value) for each in found if each.rule.startswith("profile")]


def test_a_message_that_keeps_the_profile() -> None:
    assert check(GOOD) == []


def put(number: int, line: str) -> list[str]:
    return [*GOOD[:number], line, *GOOD[number + 1 :]]


PID = GOOD[1]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (put(0, "MSH|^~\\&|OTHER^1.2.3"), [("HL7-320", "MSH(1)-3.1", "error")]),
        (put(0, "MSH|^~\\&|MON^1.2.3^ISO"), [("HL7-313", "MSH(1)-3.3", "error")]),
        (put(0, "MSH|^~\\&|MON^" + "1" * 16), []),
        (put(0, "MSH|^~\\&|MON^" + "1" * 17),
         [("HL7-314", "MSH(1)-3", "warning"), ("HL7-314", "MSH(1)-3.2", "warning")]),
        (put(0, "MSH|^~\\&|"), [("HL7-311", "MSH(1)-3", "error")]),
        (put(1, PID.replace("|||17", "|1||17")), [("HL7-313", "PID(1)-1", "error")]),
        (put(1, PID.replace("HOSP&1.2||", "HOSP&1.2|9|")), [("HL7-313", "PID(1)-4", "warning")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "")), [("HL7-311", "PID(1)-3", "error")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17^5^^HOSP&1.2")), [("HL7-313", "PID(1)-3.2", "error")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17")), [("HL7-311", "PID(1)-3.4", "error")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17^^^&1.2")), [("HL7-311", "PID(1)-3.4.1", "error")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17^^^HOSP")), [("HL7-319", "PID(1)-3.4.2", "information")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17^^^HOSP&1.2&ISO")), [("HL7-313", "PID(1)-3.4.3", "warning")]),
        (put(1, PID.replace("17^", "123456789^")), [("HL7-314", "PID(1)-3.1", "warning")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "~".join(["17^^^HOSP&1.2"] * 3))), [("HL7-312", "PID(1)-3", "error")]),
        (put(1, PID.replace("17^^^HOSP&1.2", "17^^^HOSP&1.2~18")), [("HL7-311", "PID(1)-3[2].4", "error")]),
        (put(1, PID.replace("|Roe|", "||")), [("HL7-319", "PID(1)-6", "information")]),
        (put(1, PID.replace("19700101", "1970-01-01")), [("HL7-132", "PID(1)-7", "error")]),
        (put(1, PID.replace("|F", "|Q")), [("HL7-316", "PID(1)-8", "information")]),
        (put(1, PID + "|x"), [("HL7-313", "PID(1)-9", "warning")]),
        ([*GOOD[:2], "PV1||I", *GOOD[2:]], [("HL7-313", "PV1(1)", "error")]),
        ([*GOOD, "NTE|1"], [("HL7-313", "NTE(1)", "information")]),
        ([*GOOD, "NTE|1", "NTE|2"],
         [("HL7-303", "NTE(2)", "error"), ("HL7-313", "NTE(1)", "information"), ("HL7-313", "NTE(2)", "information")]),
        ([GOOD[0], *GOOD[2:]], [("HL7-304", "ORU_R01.PATIENT", "error")]),
        (GOOD[:3], [("HL7-304", "ORU_R01.OBSERVATION", "error")]),
        ([*GOOD, "OBR|2", "OBX|1", "OBR|3", "OBX|1"], [("HL7-303", "OBR(3)", "error")]),
        ([*GOOD, "AL1|1"], [("HL7-302", "AL1(1)", "error")]),
        ([*GOOD, "ZZ1|1"], []),
    ],
)  # fmt: skip
def test_one_violation_of_each_rule(lines: list[str], expected: list[tuple[str, str, str]]) -> None:
    assert check(lines) == expected


def test_another_message_than_the_profiles() -> None:
    found = validate(hl7v2.parse(b"MSH|^~\\&|MON|||||||ADT^A01|7|P|2.6\r"), profile=profile())
    assert "HL7-321" in [each.code for each in found]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "HL7-403"),
        ("<a>", "HL7-403"),
        ("<a/>", "HL7-322"),
        ("<HL7v2xConformanceProfile/>", "HL7-322"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + PROFILE.partition("?>")[2], "HL7-403"),
        (PROFILE.replace('Usage="RE"', 'Usage="MAYBE"'), "HL7-322"),
        (PROFILE.replace('Max="2"', 'Max="many"'), "HL7-322"),
        (PROFILE.replace("<SegGroup Name", '<SegGroup Name="A">' * 30 + "<SegGroup Name", 1)
         .replace("</HL7v2xStaticDef>", "</SegGroup>" * 30 + "</HL7v2xStaticDef>"), "HL7-402"),
    ],
)  # fmt: skip
def test_what_is_no_profile(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_profile(text.encode())
    assert caught.value.code == code


@given(
    st.lists(
        st.sampled_from(["PID|||1^^^2", "PID", "OBR|1", "OBX|1", "NTE", "ZZ1", "x", "PV1", "MSH|^~\\&|x"]), max_size=12
    )
)
def test_any_message_is_held_against_it(lines: list[str]) -> None:
    found = validate(hl7v2.parse("\r".join([HEADER + KIND, *lines])), profile=profile())
    assert all(each.code in CODES and isinstance(each.severity, Severity) for each in found)


@given(st.integers(0, len(PROFILE)), st.text(max_size=5))
def test_a_damaged_profile_is_read_or_refused(position: int, text: str) -> None:
    with contextlib.suppress(InputError):
        read_profile((PROFILE[:position] + text + PROFILE[position:]).encode("utf-8", "replace"))
