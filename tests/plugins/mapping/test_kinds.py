"""Every kind of record, and every form of field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.mapping.helpers import FOLDERS, HEAD, kinds, observation, outcome, read, registry

import iomt_interop as iomt
from iomt_interop.errors import InputError
from iomt_interop.model import (
    Absent,
    Alert,
    BooleanValue,
    CodedValue,
    Device,
    DeviceAssociation,
    Document,
    Encounter,
    Event,
    Issue,
    Observation,
    Provenance,
    Quantity,
    Record,
    Session,
    Setting,
    Subject,
    TimeOfDayValue,
    TimeValue,
    Waveform,
    records_from_json,
    to_json,
)
from iomt_interop.plugins.mapping.fields import FIELDS, MODELS


def one(kind: str, fields: str, row: bytes, **context: object) -> Record:
    records = read(f'{HEAD}[[record]]\nkind = "{kind}"\n{fields}', row, **context)
    assert records_from_json(to_json(records)) == records
    return next(record for record in records if record.kind == kind)


def test_every_field_is_one_of_the_model() -> None:
    for kind, fields in FIELDS.items():
        assert fields.keys() <= MODELS[kind].model_fields.keys()


def test_device() -> None:
    record = one(
        "device",
        'identifiers = { path = "mac", system = "urn:mac" }\nnode = { path = "k", table = { w = "phd" } }\n'
        'versions = { type = "firmware", value = { path = "fw" } }\nbattery = { path = "b", unit = "%" }\n'
        'operating_hours = { path = "h" }\nregulated = { path = "r" }\nnames = [{ path = "n" }, "band"]\n',
        b'{"mac":"a1","k":"w","fw":"1.0","b":81.50,"h":17,"r":true,"n":"N"}',
    )
    assert isinstance(record, Device)
    assert (record.node, record.versions[0].value, record.operating_hours, record.regulated) == ("phd", "1.0", 17, True)
    assert record.names == ("N", "band")
    assert record.battery is not None
    assert record.battery.text == "81.50"
    assert record.extensions == ()


def test_event_setting_alert_session_document_encounter_association() -> None:
    event = one("event", 'code = { path = "c" }\nvalue = { path = "v", as = "boolean" }\n', b'{"c":"x","v":true}')
    assert isinstance(event, Event)
    assert event.value == BooleanValue(value=True)
    setting = one(
        "setting",
        'code = { text = "rate" }\nprogrammed = { path = "p", unit = "mL/h" }\ndevice = { path = "d" }\n',
        b'{"p":"5.0","d":"pump1"}',
    )
    assert isinstance(setting, Setting)
    assert isinstance(setting.programmed, Quantity)
    assert setting.device
    alert = one(
        "alert",
        'text = { path = "t" }\npriority = { path = "p", table = { H = "high", X = "high" } }\n'
        'limits = { low = { path = "lo", unit = "%" }, high = { path = "hi", unit = "%" } }\n',
        b'{"t":"low","p":"H","lo":90}',
    )
    assert isinstance(alert, Alert)
    assert (alert.priority, alert.native) == ("high", ("H",))
    assert alert.limits is not None
    assert alert.limits.high is None
    session = one(
        "session",
        'session_type = "workout"\ntime = { start = { path = "a" } }\n'
        'nap = { path = "n", true = ["y"], false = ["n"] }\n'
        'totals = { code = { text = "steps" }, value = { path = "s", unit = "{steps}" } }\n',
        b'{"a":"2026-11-24T10:00Z","n":"n","s":812}',
    )
    assert isinstance(session, Session)
    assert (session.nap, len(session.totals)) == (False, 1)
    document = one("document", 'data = { path = "d" }\nmedia_type = "text/plain"\n', b'{"d":"aGk="}')
    assert isinstance(document, Document)
    assert document.data == b"hi"
    stay = one(
        "encounter", 'identifiers = { path = "n" }\nperiod = { start = { path = "a" } }\n', b'{"n":"7","a":"2026"}'
    )
    assert isinstance(stay, Encounter)
    worn = one("association", 'device = { path = "d" }\nbody_site = { path = "s" }\n', b'{"d":"1","s":"wrist"}')
    assert isinstance(worn, DeviceAssociation)


def test_waveform() -> None:
    record = one(
        "waveform",
        'code = { text = "ecg" }\ntime = { path = "t" }\nchannels = { code = { text = "II" }, unit = "mV",'
        ' period = "1/250",'
        ' factor = "0.005", samples = { path = "s" } }\n',
        b'{"t":"2026-11-24T10:00:00Z","s":[1,-2.5,null,300.25]}',
    )
    assert isinstance(record, Waveform)
    segment, channel = record.segments[0], record.channels[0]
    assert (segment.dtype, segment.n, segment.marks) == ("i2", 4, b"\0\0\1\0")
    assert [int.from_bytes(segment.data[i : i + 2], "little", signed=True) for i in range(0, 8, 2)] == [
        100,
        -250,
        0,
        30025,
    ]
    assert (
        channel.factor.to_decimal() * 30025
        == channel.factor.to_decimal() * 100 * 300 + channel.factor.to_decimal() * 25
    )
    assert channel.factor.text == "0.00005"
    assert segment.start == record.time
    assert record.extensions == ()


def test_samples_that_are_no_numbers_stay() -> None:
    records = read(
        f'{HEAD}[[record]]\nkind = "waveform"\ncode = {{ text = "x" }}\n'
        'channels = { code = { text = "x" }, samples = { path = "s" } }\n',
        b'{"s":[1,"x"]}',
    )
    assert [record.code for record in records if isinstance(record, Issue)] == ["MAP-201", "MAP-206"]


def test_kinds_of_values() -> None:
    def value(spec: str, row: str) -> object:
        record = read(observation(f"value = {spec}\n"), b'{"v":%s}' % row.encode())[0]
        assert isinstance(record, Observation)
        return record.value

    coded = value('{ path = "v", as = "code", table = { a = { system = "SNOMED", code = "1" } } }', '"a"')
    assert isinstance(coded, CodedValue)
    assert (coded.concepts[0].codings[0].code, coded.concepts[0].text) == ("1", "a")
    assert value('{ path = "v", as = "time-of-day" }', '"07:05"') == TimeOfDayValue(value="07:05")
    assert isinstance(value('{ path = "v", as = "time" }', '"2026"'), TimeValue)
    assert value('{ path = "v", absent = { "" = "unknown" } }', "null") == Absent(reason="unknown")
    measured = value('{ path = "v", unit_path = "u" }', '1,"u":"mmHg"')
    assert isinstance(measured, Quantity)
    assert (measured.unit, measured.native_unit is not None) == ("mm[Hg]", True)
    odd = value('{ path = "v", unit_path = "u" }', '1,"u":"furlong"')
    assert isinstance(odd, Quantity)
    assert odd.unit is None
    assert odd.native_unit is not None


def test_quality_and_test_data() -> None:
    mapping = observation(
        'subject = { path = "p" }\nvalue = { path = "v", unit = "/min" }\n'
        'quality = { index = { path = "q" }, flags = [{ path = "f", table = { D = "demo-data" } }] }\n'
    )
    person = Subject(id="0" * 32, provenance=Provenance(adapter="x", version="1"))
    data = b'{"v":1,"q":0.90,"f":"D","p":"4711"}'
    subject, record = read(mapping, data, subject=person)
    assert isinstance(subject, Subject)
    assert isinstance(record, Observation)
    assert subject.confidence == "demo"
    assert record.subject == subject.id
    assert record.quality is not None
    assert record.quality.index is not None
    assert (record.quality.flags, record.quality.index.text) == (("demo-data",), "0.90")
    assert ("p", '"4711"') in [(each.path, each.value) for each in record.extensions]
    kept = read(mapping, data, identity="keep")
    assert kept[1].subject != subject.id


def test_the_callers_subject_where_the_source_names_none() -> None:
    person = Subject(id="0" * 32, provenance=Provenance(adapter="x", version="1"))
    records = read(
        observation('each = "r[*]"\nvalue = { path = "v", unit = "/min" }\n'), b'{"r":[{"v":1},{}]}', subject=person
    )
    assert kinds(records) == ["subject", "message", "observation", "residue", "issue"]
    assert {record.subject for record in records if record.kind != "subject"} == {person.id}


def test_a_word_without_an_entry_is_kept() -> None:
    records = read(
        observation('value = { path = "v" }\nstatus = { path = "s", table = { F = "final" } }\n'), b'{"v":1,"s":"Q"}'
    )
    assert isinstance(records[0], Observation)
    assert (records[0].status, records[0].native_status) == ("unknown", "Q")
    assert isinstance(records[1], Issue)
    assert records[1].code == "MAP-204"


def test_conditions() -> None:
    mapping = observation(
        'each = "r[*]"\nvalue = { path = "v" }\nwhen = [{ path = "a", equals = true },'
        ' { path = "b", not_in = ["x", 3] },'
        ' { path = "b", matches = "[a-z3]" }, { path = "c", exists = false }]\n'
    )
    rows = [
        '{"v":1,"a":true,"b":"y"}',
        '{"v":1,"a":"no","b":"y"}',
        '{"v":1,"a":true,"b":3}',
        '{"v":1,"a":true,"b":"y","c":0}',
    ]
    assert kinds(read(mapping, f'{{"r":[{",".join(rows)}]}}'.encode())).count("observation") == 1


@pytest.mark.parametrize("adapter", FOLDERS)
def test_a_declarative_adapter_works_through_the_registry(adapter: str) -> None:
    known = registry(adapter)
    [sample] = known.get(adapter).samples()
    assert [each.adapter for each in iomt.sniff(sample, registry=known)] == [adapter]
    records = list(iomt.read(sample, registry=known))
    assert records_from_json(to_json(records)) == records
    assert {record.provenance.adapter for record in records} == {adapter}


@given(
    st.dictionaries(st.sampled_from("abcdptv"), st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)))
)
def test_every_rule_is_total(row: dict[str, object]) -> None:
    rules = [
        'kind = "subject"\nidentifiers = { path = "a" }\nbirth_date = { path = "b" }\n'
        'sex = { path = "c", system = "x" }\n',
        'kind = "device"\nserial = { path = "d" }\nbattery = { path = "b" }\noperating_hours = { path = "a" }\n',
        'kind = "document"\ndata = { path = "d" }\n',
        'kind = "session"\nsession_type = { path = "c" }\ntime = { start = { path = "t", format = "epoch-ns" },'
        ' duration = { path = "v", unit = "d" } }\n',
        'kind = "waveform"\ncode = { path = "c" }\nchannels = { code = { path = "c" }, samples = { path = "v" },'
        ' rate_path = "a" }\n',
        'kind = "observation"\ncode = { path = "c" }\nvalue = { path = "v", factor = "0.1" }\ntime = { path = "t",'
        ' zone_path = "a" }\nquality = { index = { path = "b" }, mode = { path = "d" } }\n',
    ]
    mapping = HEAD + "".join("[[record]]\n" + rule for rule in rules)
    records, error = outcome(mapping, [json.dumps(row).encode()])
    assert error is None or isinstance(error, InputError)
    assert records_from_json(to_json(records)) == records


def test_why_no_rule_took_a_row_is_told_with_the_residue() -> None:
    mapping = f'{HEAD}[[record]]\nkind = "session"\nsession_type = "sleep"\ntime = {{ start = {{ path = "a" }} }}\n'
    records = read(mapping, b'{"a":"soon"}')
    assert kinds(records) == ["residue", "issue", "issue"]
    assert [record.code for record in records if isinstance(record, Issue)] == ["MAP-201", "MAP-203"]
