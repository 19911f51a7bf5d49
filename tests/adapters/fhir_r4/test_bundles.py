"""Bundles: one entry for each context record, references that resolve, and the same Bundle after reading it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomt_interop import facade
from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4 import writer as module
from iomt_interop.adapters.fhir_r4.references import urn
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.plugins import Loss, WriteContext
from iomt_interop.terminology import systems

PROVENANCE = m.Provenance(adapter="acme", version="1", digest="ab" * 32, span=(0, 9))
LATER = PROVENANCE.replace(span=(10, 19))
PERSON = m.record_id("person")
FORMS = ("collection", "transaction")
LONG = b"PID|1||77^^^H^MR||Muster^Anna||19600101|F|||Weg 1^^Bern"
SHORT = b"PID|1||77^^^H^MR~88^^^K^PI||Muster^Anna"


def message(number: int, person: bytes) -> bytes:
    """Return a result message."""
    time = b"202611241058%02d+0100" % number
    return b"\r".join((
        b"MSH|^~\\&|A|B|C|D|%b||ORU^R01^ORU_R01|%d|P|2.6" % (time, number), person, b"PV1|1|I|W^1^2",
        b"OBR|1|a%d|b%d|1^X^L|||%b" % (number, number, time),
        b"OBX|1|NM|8867-4^HR^LN|1|60|/min|||||R|||%b" % time, b"",
    ))  # fmt: skip


def write(records: Any, form: str, **context: Any) -> tuple[bytes, list[Loss]]:
    writer = make_writer(WriteContext(form=form, **context))
    return b"".join(writer.write(records)), list(writer.losses)


def bundle(records: Any, form: str) -> list[dict[str, Any]]:
    return [dict(entry) for entry in json.loads(write(records, form)[0])["entry"]]


def of_type(entries: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]


def references(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from references(item)
    elif isinstance(tree, dict):
        if isinstance(tree.get("reference"), str):
            yield tree["reference"]
        yield from references(list(tree.values()))


def unresolved(payload: bytes) -> set[str]:
    """Return the references that neither an entry nor a contained resource answers."""
    entries = json.loads(payload)["entry"]
    urls = {entry["fullUrl"] for entry in entries}
    found: set[str] = set()
    for entry in entries:
        inner = {"#" + one["id"] for one in entry["resource"].get("contained", ())}
        found |= set(references(entry)) - urls - inner
    return found


def person(**fields: Any) -> m.Subject:
    return m.Subject(**({"id": PERSON, "provenance": PROVENANCE} | fields))


def observation(number: int, **fields: Any) -> m.Observation:
    time = m.Instant(value="2026-11-24T10:58:03Z")
    given = {"id": m.record_id("o", number), "provenance": PROVENANCE, "subject": PERSON, "time": time}
    code = m.Concept(codings=(m.Coding(system=systems.MDC, code="150456"),))
    return m.Observation(
        status="final", **(given | {"code": code, "value": m.Quantity(mantissa=number, unit="%")} | fields)
    )


# ---- One entry for each context record


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [(LONG, SHORT), (SHORT, LONG)])
def test_person_of_two_messages_is_one_entry_that_says_all(form: str, order: tuple[bytes, bytes]) -> None:
    """FHIR R4 Bundle, bdl-7; the second PID says less and more."""
    data = b"".join(message(number, pid) for number, pid in enumerate(order))
    payload, losses = write(facade.read(data, adapter="hl7v2_oru"), form)
    entries = json.loads(payload)["entry"]
    (patient,) = of_type(entries, "Patient")
    assert {"77", "88"} <= {one["value"] for one in patient["identifier"]}
    assert patient["address"][0]["city"] == "Bern"
    assert patient["birthDate"] == "1960-01-01"
    assert len(patient["name"]) == 1
    assert len({entry["fullUrl"] for entry in entries}) == len(entries)
    assert not any("versionId" in entry["resource"].get("meta", {}) for entry in entries)
    assert not any("older" in loss.reason for loss in losses)


@pytest.mark.parametrize("form", ["ndjson", "source"])
def test_person_of_two_messages_is_one_line(form: str) -> None:
    data = message(1, LONG) + message(2, SHORT)
    payload, _ = write(facade.read(data, adapter="hl7v2_oru"), form)
    lines = [json.loads(line) for line in payload.splitlines()]
    assert [line["resourceType"] for line in lines].count("Patient") == 1
    assert len({(line["resourceType"], line["id"]) for line in lines}) == len(lines)


@pytest.mark.parametrize("form", [*FORMS, "ndjson"])
def test_newest_value_stands_and_the_older_one_is_a_loss(form: str) -> None:
    ward, other = (m.Location(room=room) for room in "12")
    stay = m.Encounter(id=m.record_id("e"), provenance=PROVENANCE, location=ward, status="in-progress")
    device = m.Device(id=m.record_id("d"), provenance=PROVENANCE, serial="1", names=("a",))
    records = [stay, device, stay.replace(location=other, status=None), device.replace(model="X", names=("b",))]
    payload, losses = write(records, form)
    text = payload.decode()
    assert text.count('"resourceType":"Encounter"') == text.count('"resourceType":"Device"') == 1
    assert [(loss.record, loss.path) for loss in losses] == [(stay.id, "location")]
    for word in ('"in-progress"', '"name":"2"', '"serialNumber":"1"', '"modelNumber":"X"', '"name":"a"', '"name":"b"'):
        assert word in text


def test_equal_repeats_are_one_entry_of_the_newest_origin() -> None:
    entries = bundle([person(active=True), person(active=True, provenance=LATER)], "collection")
    assert len(entries) == 1
    assert "bytes=10-19" in entries[0]["resource"]["meta"]["source"]


def test_order_of_a_short_payload_is_that_of_the_records() -> None:
    records = [person(), observation(1), person(active=True), observation(2)]
    for form in FORMS:
        kinds = [entry["resource"]["resourceType"] for entry in bundle(records, form)]
        assert kinds == ["Patient", "Observation", "Observation"]


@pytest.mark.parametrize("form", ["collection", "ndjson"])
def test_long_payload_streams_and_ends_with_what_was_held(form: str) -> None:
    taken = 0

    def records() -> Iterator[m.Record]:
        nonlocal taken
        yield person(active=True)
        for number in range(3000):
            taken += 1
            yield observation(number)
        yield person(birth_date=m.Instant(value="1960-01-01"))

    chunks = make_writer(WriteContext(form=form)).write(records())
    first = next(chunks)
    assert taken < 700
    payload = first + b"".join(chunks)
    patients = [part for part in payload.split(b'"resourceType":"')[1:] if part.startswith(b"Patient")]
    assert len(patients) == 1
    assert payload.rstrip(b"\n").endswith(patients[0].rstrip(b"\n"))
    assert b'"active":true' in patients[0]
    assert b'"birthDate":"1960-01-01"' in patients[0]
    assert form == "ndjson" or unresolved(payload) == set()


def test_of_too_many_persons_the_one_told_longest_ago_leaves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_HELD", 2)
    people = [person(id=m.record_id(name)) for name in "abc"]
    again = people[1].replace(active=True)
    back = people[0].replace(active=True)
    entries = bundle([*people[:2], people[0], again, people[2], back], "collection")
    found = [(entry["fullUrl"], entry["resource"].get("active"), entry["resource"]["meta"].get("versionId"))
             for entry in entries]  # fmt: skip
    assert len(set(found)) == len(found) == 4
    assert [found[0][0], True, "2"] in [list(one) for one in found]
    assert [active for url, active, _ in found if url == urn(people[1].id)] == [True]
    assert [version for _, _, version in found if version] == ["2"]


def test_source_that_says_another_thing_each_time_takes_bounded_memory() -> None:
    people = [person(identifiers=(m.Identifier(value=str(number)),)) for number in range(1000)]
    payload, losses = write(people, "collection")
    values = [one["value"] for one in json.loads(payload)["entry"][0]["resource"]["identifier"]]
    assert len(values) <= 200
    assert values[:3] == ["999", "998", "997"]
    assert [loss.path for loss in losses] == ["identifiers"]


@pytest.mark.parametrize("form", FORMS)
def test_order_told_again_keeps_the_results_of_both(form: str) -> None:
    order = m.Order(id=m.record_id("order"), provenance=PROVENANCE, status="P")
    records = [order, observation(1, order=order.id), order.replace(status="F"), observation(2, order=order.id)]
    (report,) = of_type(bundle(records, form), "DiagnosticReport")
    assert len(report["result"]) == 2
    assert report["status"] == "final"


def test_transaction_reports_the_version_that_it_leaves_out() -> None:
    changed = observation(1, value=m.Quantity(mantissa=2, unit="%"))
    repeated = observation(1, provenance=LATER)
    assert write([observation(1), repeated], "transaction")[1] == []
    assert [loss.kind for loss in write([observation(1), changed], "transaction")[1]] == ["observation"]
    assert write([observation(1), changed], "collection")[1] == []


def test_data_of_no_patient_say_so_themselves() -> None:
    """In a long payload the person stands behind them."""
    records = [person(confidence="demo"), *(observation(number) for number in range(500))]
    payload, _ = write(records, "collection", include_test_data=True)
    assert len(json.loads(payload)["entry"]) == 501
    again, losses = write(facade.read(payload, adapter="fhir_r4"), "collection")
    assert b'"entry"' not in again
    assert len(losses) >= 501


# ---- References


def test_references_resolve_whatever_the_order_of_the_records() -> None:
    group = observation(0, links=(m.Link(relation="has_member", target=m.record_id("o", 1)),))
    header = m.Message(id=m.record_id("m"), provenance=PROVENANCE, protocol="x", type="A^B", subject=PERSON)
    for form in FORMS:
        payload, _ = write([header, group, observation(1), person()], form)
        assert unresolved(payload) == set()


def test_reference_to_what_the_bundle_lacks_stays_a_reference_to_elsewhere() -> None:
    for form in FORMS:
        payload, _ = write([observation(1)], form)
        assert unresolved(payload) == {f"Patient/{PERSON}"}
        payload, _ = write([person(confidence="test"), observation(1, subject=None)], form)
        assert len(json.loads(payload)["entry"]) == 1


def test_same_resource_id_of_two_sources_is_two_persons() -> None:
    """Lines are read each for itself; ``Patient/1`` of one file is not that of another."""

    def lines(name: str) -> list[m.Record]:
        patient = {"resourceType": "Patient", "id": "1", "identifier": [{"system": "urn:x", "value": name}]}
        result = {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"},
                  "subject": {"reference": "Patient/1"}}  # fmt: skip
        return list(facade.read("\n".join(map(json.dumps, (patient, result))).encode() + b"\n", adapter="fhir_r4"))

    entries = bundle([*lines("a"), *lines("b")], "collection")
    people = {entry["fullUrl"]: entry["resource"]["identifier"][0]["value"] for entry in entries[::2]}
    assert [people[one["subject"]["reference"]] for one in of_type(entries, "Observation")] == ["a", "b"]


# ---- All samples and fixtures


def inputs(root: Path) -> list[Path]:
    """Return every sample and fixture of an adapter that reads."""
    reads = {info.id for info in facade.adapters() if "read" in info.directions}
    folders = [*(root / "iomt_interop/adapters").glob("*/samples"), *(root / "fixtures").glob("*")]
    folders = [folder for folder in folders if reads & {folder.name, folder.parent.name}]
    found = [path for folder in folders for path in folder.glob("*") if path.suffix not in {".toml", ".py"}]
    return sorted(path for path in found if ".golden." not in path.name and path.is_file())


def records_of(path: Path) -> list[m.Record]:
    adapter = path.parent.name if path.parent.name != "samples" else path.parent.parent.name
    return list(facade.read(path, adapter=adapter))


@pytest.mark.parametrize("test_data", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_reference_in_a_bundle_resolves(root: Path, form: str, test_data: bool) -> None:
    paths = inputs(root)
    assert len(paths) >= 15
    for path in paths:
        payload, _ = write(records_of(path), form, include_test_data=test_data)
        if b'"entry"' in payload:
            foreign = set(references(json.loads(path.read_bytes()))) if path.name == "odd.json" else set()
            assert unresolved(payload) <= foreign, path.name
            urls = [entry["fullUrl"] for entry in json.loads(payload)["entry"]]
            assert len(set(urls)) == len(urls), path.name


@pytest.mark.parametrize("form", FORMS)
def test_own_bundle_comes_back_as_it_was(root: Path, form: str) -> None:
    for path in inputs(root):
        first, _ = write(records_of(path), form, include_test_data=True)
        records = list(facade.read(first, adapter="fhir_r4"))
        for again in ("collection", "source") if form == "collection" else ("source",):
            second, losses = write(records, again, include_test_data=True)
            assert json.loads(second) == json.loads(first), path.name
            assert losses == [], path.name


def test_own_bundle_of_all_inputs_comes_back_as_it_was(root: Path) -> None:
    records = [record for path in inputs(root) for record in records_of(path)]
    first, _ = write(records * 2, "collection", include_test_data=True)
    second, losses = write(facade.read(first, adapter="fhir_r4"), "collection", include_test_data=True)
    assert json.loads(second) == json.loads(first)
    assert losses == []
