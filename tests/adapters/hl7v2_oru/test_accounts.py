"""Accounts of PID-18 and MRG-3, the person that MRG names, IN3-21, and messages that are no patient's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from adapters.hl7v2_oru.support import of, one, read

import iomt_interop as iomt
from iomt_interop.model import Record
from iomt_interop.plugins import ReadContext, WriteContext

_MSH = "MSH|^~\\&|APP|HOSP|EHR|WEST|20261124120000+0100||{}|M-1|{}|2.5.1"
_PID = "PID|1||4711^^^LAB^MR||Berg^Eva"
_CHARGED = _PID + "|" * 13
_MERGE = "MRG|0815^^^LAB^MR||A-0^^^BILL^AN||||Berg^Eve"
_HTEST = "HTEST"


def message(*segments: str, kind: str = "ADT^A40^ADT_A39", mode: str = "P") -> bytes:
    return "\r".join((_MSH.format(kind, mode), *segments, "")).encode()


def records(*segments: str, kind: str = "ADT^A40^ADT_A39", mode: str = "P", keep: bool = False) -> list[Record]:
    return read(message(*segments, kind=kind, mode=mode), ReadContext(identity="keep" if keep else "exclude"))


def written(data: bytes, form: str, *, keep: bool, tests: bool) -> list[dict[str, Any]]:
    payload = iomt.translate(
        data, to="fhir_r4", adapter="hl7v2_oru", context=ReadContext(identity="keep" if keep else "exclude"),
        write_context=WriteContext(form=form, include_test_data=tests),
    ).payload  # fmt: skip
    if form == "ndjson":
        return [json.loads(line) for line in payload.splitlines()]
    return [entry["resource"] for entry in json.loads(payload).get("entry", ())]


def residues(found: list[Record]) -> list[str | None]:
    return [each.path for each in of(found, "residue")]


# ---- Of no patient


@pytest.mark.parametrize("mode", ["T", "D"])
def test_who_was_merged_in_a_test_message_is_no_patient(mode: str) -> None:
    lines = (_CHARGED + "A-1^^^BILL^AN", _MERGE)
    real, found = records(*lines), records(*lines, mode=mode)
    assert not {each.id for each in of(real, "subject")} & {each.id for each in of(found, "subject")}
    assert not {each.id for each in of(real, "account")} & {each.id for each in of(found, "account")}
    old, person = of(found, "subject")
    assert (old.confidence, old.active, person.links[0].target) == ("test", False, old.id)
    assert {each.subject for each in of(found, "account")} == {old.id, person.id}
    assert [each.confidence for each in of(real, "subject")] == ["certain", "certain"]


_EVERYTHING = (
    _CHARGED + "A-1^^^BILL^AN", "NK1|1|Berg^Ben", "PV1|1|I|||||||||||||||||VN-1", "IN1|1|PLAN|I-1",
    "IN3|1" + "|" * 20 + "Sal Steward", "OBR|1|P-1|F-1|a^A^L|||20261124|||||||20261125|BLD", "OBX|1|NM|b^B^L||1",
)  # fmt: skip
_KINDS = {
    "Account", "CareTeam", "Coverage", "DiagnosticReport", "Encounter", "MessageHeader", "Observation", "Patient",
    "RelatedPerson", "ServiceRequest", "Specimen",
}  # fmt: skip


@pytest.mark.parametrize("form", ["collection", "ndjson", "transaction"])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("lines", [(_CHARGED + "A-1^^^BILL^AN", _MERGE), _EVERYTHING], ids=["merge", "everything"])
def test_a_test_message_is_left_out_or_says_what_it_is(form: str, keep: bool, lines: tuple[str, ...]) -> None:
    data = message(*lines, mode="T")
    assert written(data, form, keep=keep, tests=False) == []
    found = written(data, form, keep=keep, tests=True)
    kinds = {tree["resourceType"] for tree in found}
    assert kinds >= (_KINDS if lines is _EVERYTHING else {"Account", "Patient"})
    bare = {tree["resourceType"] for tree in found if _HTEST not in str(tree["meta"].get("security"))}
    assert bare <= {"Device", "DeviceMetric"}
    real = written(message(*lines), form, keep=keep, tests=False)
    assert {tree["resourceType"] for tree in real} == kinds
    assert _HTEST not in str(real)


def test_the_callers_person_and_devices_of_a_test_message_are_real() -> None:
    known = one(records(_PID), "subject")
    data = message("SFT|Maker|1|Server", "PV1|1|I", kind="ORU^R01^ORU_R01", mode="T")
    found = read(data, ReadContext(identity="keep", subject=known))
    assert one(found, "subject") == known
    assert one(found, "device").labels == ()
    assert [label.code for label in one(found, "encounter").labels] == [_HTEST]


# ---- Which account


@pytest.mark.parametrize("text", ['""', " ", "^^^BILL^AN", "~", '""^^^BILL'])
def test_no_number_is_no_account(text: str) -> None:
    found = records(_CHARGED + text, f"MRG|0815^^^LAB^MR||{text}")
    assert of(found, "account") == []
    kept = {(each.path, each.value) for record in found for each in record.extensions}
    if text != "~":
        assert {("PID(1)-18", text), ("MRG(1)-3", text)} <= kept


def test_what_is_no_number_stands_beside_those_that_are() -> None:
    found = records(_CHARGED + "^^^BILL~A-2^^^BILL")
    assert [each.value for each in one(found, "account").identifiers] == ["A-2"]
    assert ("PID(1)-18[1]", "^^^BILL") in {(each.path, each.value) for each in one(found, "subject").extensions}


def test_an_account_is_the_same_in_every_message() -> None:
    line = _CHARGED + "A-1^^^BILL^AN"
    first, second = records(line, kind="ADT^A01^ADT_A01"), records(line, "PV1|1|I", kind="ADT^A08^ADT_A01")
    assert one(first, "account").id == one(second, "account").id
    other = records(line.replace("4711", "4712"), kind="ADT^A01^ADT_A01")
    elsewhere = records(line.replace("BILL", "DESK"), kind="ADT^A01^ADT_A01")
    assert len({one(each, "account").id for each in (first, other, elsewhere)}) == 3


def test_each_number_is_an_account() -> None:
    found = of(records(_CHARGED + "A-1^^^BILL^AN~A-2^^^BILL^AN~A-1^^^BILL^AN", kind="ADT^A01^ADT_A01"), "account")
    assert [[each.value for each in account.identifiers] for account in found] == [["A-1"], ["A-2"]]
    assert len({account.id for account in found}) == 2


def test_one_account_that_goes_over_to_another_person() -> None:
    found = records(_CHARGED + "A-1^^^BILL^AN", "MRG|0815^^^LAB^MR||A-1^^^BILL")
    account = one(found, "account")
    assert account.subject == of(found, "subject")[1].id
    assert account.links == ()
    assert [each.type is None for each in account.identifiers] == [False, True]


def test_an_account_replaces_the_one_that_is_merged_into_it() -> None:
    current, prior = of(records(_CHARGED + "A-1^^^BILL^AN", _MERGE), "account")
    assert [(link.relation, link.target) for link in current.links] == [("replaces", prior.id)]
    assert (current.status, prior.status) == ("active", "unknown")
    before, *_ = of(records(_CHARGED.replace("4711", "0815") + "A-0^^^BILL^AN", kind="ADT^A01^ADT_A01"), "account")
    assert before.id == prior.id


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ADT^A01^ADT_A01", "active"), ("ADT^A23^ADT_A21", "unknown"), ("ADT^A29^ADT_A21", "unknown"),
        ("BAR^P01^BAR_P01", "active"), ("BAR^P02^BAR_P02", "unknown"), ("BAR^P06^BAR_P06", "inactive"),
    ],
)  # fmt: skip
def test_the_status_of_an_account(kind: str, status: str) -> None:
    assert one(records(_CHARGED + "A-1^^^BILL^AN", kind=kind), "account").status == status


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("MRG|4711^^^LAB^MR||A-0^^^BILL^AN", []),
        ("MRG|||A-0^^^BILL^AN", []),
        ("MRG|4711^^^LAB^MR||A-0^^^BILL^AN||||Berg^Eve", ["MRG(1)"]),
        ("MRG|4711^^^LAB^MR||A-0^^^BILL^AN||V-1", ["MRG(1)"]),
        ("MRG|4711^^^LAB^MR~99^^^LAB^PI||A-0", ["MRG(1)"]),
        ("MRG|||A-0^^^BILL^AN||V-1", ["MRG(1)"]),
    ],
)
def test_a_merge_of_accounts_within_one_person(line: str, left: list[str]) -> None:
    """A35: what the records have is no residue; whatever else MRG says stays verbatim."""
    found = records(_CHARGED + "A-1^^^BILL^AN", line, kind="ADT^A35^ADT_A30")
    person, (current, prior) = one(found, "subject"), of(found, "account")
    assert residues(found) == left
    assert current.subject == prior.subject == person.id


# ---- IN3-21


@pytest.mark.parametrize("text", ['""', " ", "   "])
def test_a_manager_without_a_name_is_no_team(text: str) -> None:
    line = "IN3|1|CERT-1" + "|" * 19 + text
    found = records(_PID, "IN1|1|PLAN|I-1", line, kind="ADT^A01^ADT_A01")
    assert of(found, "care_team") == []
    assert residues(found) == ["IN3(1)"]
