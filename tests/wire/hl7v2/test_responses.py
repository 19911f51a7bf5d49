"""Answers of applications: valid by our structure tables, read by hl7apy and python-hl7, echoes octet for octet."""

from __future__ import annotations

from pathlib import Path

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, IomtError
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.ack import AckError
from iomt_interop.wire.hl7v2.responses import answer_query, give_answer, respond
from iomt_interop.wire.hl7v2.structure import structure
from iomt_interop.wire.hl7v2.validation import validate

AT = "20261124110000+0100"
PIV = Path(__file__).parents[3] / "fixtures/hl7v2_oru"
TIMED = (
    "MSH|^~\\&|ORDERS|H|PUMP_GW|WARD|20261124090000+0100||RGV^O15^RGV_O15|P3-1|P|{version}|||AL|AL\r"
    "PID|||EX-4711^^^HOSP^MR||Muster^Erika\r"
    "ORC|RE|ORD-100^ORDERS|FIL-7||||||20261124085500+0100\rRXO|1^x^L\rRXR|IV\rRXE||1^x^L|1||ml\r"
    "RXG|1|1||1^Dopa\\T\\mine^99DRUG|250||ml^ml^UCUM\rTQ1|1||||||20261124091500+0100\rRXR|IV^Intravenous^HL70162\r"
    "NTE|1||Titrate\rOBX|1||69986^MDC_DEV_PUMP_INFUS_VMD^MDC|1.1.0.0|||||||X\r"
    "ORC|RE|ORD-101^ORDERS\rRXG|2|1||1^y^L|1||ml^ml^UCUM\r"
)
QUERY = (
    "MSH|^~\\&|GW|ICU|PDQ|H|20261124||QBP^{event}^QBP_Q21|42|P|{version}\r"
    "QPD|{event}^Find Candidates^HL7|tag1|@PID.3.1^17^Doe\\T\\Co\rRCP|I|10^RD\r"
)
NOTES = {"HL7-316", "HL7-323"}


def lines(answer: bytes) -> list[str]:
    return answer.decode().splitlines()


def problems(answer: bytes) -> list[tuple[str, str | None]]:
    return [(each.code, each.path) for each in validate(hl7v2.parse(answer)) if each.code not in NOTES]


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8.2"])
def test_an_order_to_give_is_accepted(version: str) -> None:
    text = TIMED.format(version=version)
    if version < "2.4":
        text = text.replace("RGV^O15^RGV_O15", "RGV^O01")
    request = hl7v2.parse(text)
    told = lines(give_answer(request, "AA", control_id="A1", at=AT))
    kind = {"2.3": "RRG^O02", "2.3.1": "RRG^O02^RRG_O02"}.get(version, "RRG^O16^RRG_O16")
    assert told[0] == f"MSH|^~\\&|PUMP_GW|WARD|ORDERS|H|{AT}||{kind}|A1|P|{version}"
    assert told[1:3] == ["MSA|AA|P3-1", "ORC|OK|ORD-100^ORDERS|FIL-7||||||20261124085500+0100"]
    assert told[3:-1] == [line for line in text.splitlines()[6:9] if version >= "2.5" or line[:3] != "TQ1"]
    assert told[-1] == "ORC|OK|ORD-101^ORDERS"  # the second order has no route, so that RXG may not stand


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.6", "2.7", "2.8.2"])
@pytest.mark.parametrize("code", ["AA", "AE", "AR"])
def test_the_answer_is_valid_by_its_structure(version: str, code: str) -> None:
    wrong = [] if code == "AA" else [AckError("204", "RXG(1)-4")]
    answer = give_answer(hl7v2.parse(TIMED.format(version=version)), code, control_id="A1", at=AT, errors=wrong)
    tree = structure(hl7v2.parse(answer))
    assert (tree.name, tree.deviations) == ("RRG_O16", ())
    assert [c for c, _ in problems(answer) if c.startswith("HL7-30")] == []
    assert (b"\rRXG|" in answer) == (code == "AA")


def test_orders_are_refused_one_by_one_or_together() -> None:
    request = hl7v2.parse(TIMED.format(version="2.6"))
    told = lines(give_answer(request, "AA", control_id="A1", at=AT, unable={1}))
    assert [line[:6] for line in told[2:]] == ["ORC|UA", "ORC|OK"]
    errors = [AckError("204", "RXG(1)-4", application="PUMP-7")]
    told = lines(give_answer(request, "AE", control_id="A1", at=AT, errors=errors))
    assert [line[:6] for line in told[2:]] == ["ERR||R", "ORC|UA", "ORC|UA"]
    assert told[2] == "ERR||RXG^1^4^1|204^identifier not known^HL70357|E|PUMP-7"


def test_the_orders_of_pumps_are_answered() -> None:
    for path in sorted(PIV.glob("*pcd03*.hl7")):
        for request in hl7v2.iter_messages(path):
            answer = give_answer(request, "AA", control_id="A1", at=AT)
            tree = structure(hl7v2.parse(answer))
            assert (tree.name, tree.deviations) == ("RRG_O16", ())
            assert [found for found in problems(answer) if found[0] == "HL7-304"] == []
            assert answer.count(b"\rORC|OK|") == sum(segment.id == "ORC" for segment in request)


@pytest.mark.parametrize(
    ("version", "event", "kind"),
    [("2.4", "Q22", "RSP^K22^RSP_K22"), ("2.5", "Q22", "RSP^K22^RSP_K21"), ("2.7", "Q22", "RSP^K22^RSP_K22"),
     ("2.5", "Q23", "RSP^K23^RSP_K23"), ("2.5", "Q24", "RSP^K24^RSP_K23"), ("2.6", "Q11", "RSP^K11^RSP_K11")],
)  # fmt: skip
def test_a_query_is_answered(version: str, event: str, kind: str) -> None:
    request = hl7v2.parse(QUERY.format(version=version, event=event))
    answer = answer_query(request, "AA", status="NF", hits=(0, 0, 0), control_id="A1", at=AT)
    told = lines(answer)
    assert told == [
        f"MSH|^~\\&|PDQ|H|GW|ICU|{AT}||{kind}|A1|P|{version}", "MSA|AA|42",
        f"QAK|tag1|NF|{event}^Find Candidates^HL7|0|0|0",
        f"QPD|{event}^Find Candidates^HL7|tag1|@PID.3.1^17^Doe\\T\\Co",
    ]  # fmt: skip
    assert problems(answer) == []
    assert structure(hl7v2.parse(answer)).name == kind.split("^")[2]


def test_what_was_found_and_an_error() -> None:
    request = hl7v2.parse(QUERY.format(version="2.5", event="Q22"))
    rows = ["PID|1||17^^^HOSP^MR||Doe\\T\\Co^Zoë", "QRI|95", "PID|2||18^^^HOSP^MR||Roe", "QRI|80"]
    answer = answer_query(request, "AA", status="OK", hits=(2, 2, 0), control_id="A1", at=AT, segments=rows)
    assert lines(answer)[4:] == rows
    assert [found for found in problems(answer) if found[0] != "HL7-110"] == []
    wrong = answer_query(request, "AE", status="AE", errors=[AckError("101", "QPD(1)-3")], control_id="A1", at=AT)
    assert [line[:3] for line in lines(wrong)] == ["MSH", "MSA", "ERR", "QAK", "QPD"]
    assert problems(wrong) == []


@pytest.mark.parametrize("version", ["2.5", "2.6"])
def test_hl7apy_and_python_hl7_read_them(version: str) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    validation = pytest.importorskip("hl7apy.validation")
    one_order = TIMED.format(version=version).rpartition("ORC|")[0]
    given = give_answer(hl7v2.parse(one_order), "AA", control_id="A1", at=AT)
    query = hl7v2.parse(QUERY.format(version=version, event="Q23"))
    found = answer_query(query, "AA", status="OK", control_id="A1", at=AT, segments=["PID|1||17^^^HOSP^MR||Doe"])
    for answer, name in ((given, "RRG_O16"), (found, "RSP_K23")):
        theirs = parser.parse_message(answer.decode(), find_groups=True)
        assert theirs.name == name
        assert validation.Validator.validate(theirs)
        assert [str(segment[0]) for segment in hl7.parse(answer.decode())] == [line[:3] for line in lines(answer)]
    assert str(hl7.parse(given.decode()).segment("ORC")[1]) == "OK"
    assert str(hl7.parse(found.decode()).segment("QAK")[2]) == "OK"


def test_the_request_s_delimiters_and_character_set() -> None:
    text = QUERY.format(version="2.5", event="Q22").replace("&", "%").replace("^", "*").replace("\\T\\", "\\S\\")
    request = hl7v2.parse(text.replace("2.5\r", "2.5||||||8859/1\r"))
    answer = answer_query(
        request, "AA", status="OK", control_id="A1", at=AT, segments=["PID|1||1*7^^^A&B^MR~2||Zoë^\\S\\"]
    )
    echoed = hl7v2.parse(answer)
    assert [echoed[path] for path in ("PID-3[1].1", "PID-3[1].4.2", "PID-3[2]", "PID-5.1", "PID-5.2")] == [
        "1*7", "B", "2", "Zoë", "^",
    ]  # fmt: skip
    assert "Zoë".encode("latin-1") in answer
    assert echoed["QPD-3.3"] == "Doe*Co"
    with pytest.raises(InvalidRequest):
        answer_query(request, "AA", status="OK", control_id="A1", at=AT, segments=["PID|1||心"])


@pytest.mark.parametrize("line", ["", "PID|1\rPID|2", "PID|1\nEVN"])
def test_a_row_is_one_segment(line: str) -> None:
    request = hl7v2.parse(QUERY.format(version="2.5", event="Q22"))
    with pytest.raises(InvalidRequest):
        respond(request, "AA", ("RSP", "K22", "RSP_K21"), control_id="A1", at=AT, segments=[line])


def test_other_requests_are_refused() -> None:
    order, query = hl7v2.parse(TIMED.format(version="2.6")), hl7v2.parse(QUERY.format(version="2.6", event="Q22"))
    with pytest.raises(InvalidRequest):
        give_answer(query, "AA", control_id="A1", at=AT)
    with pytest.raises(InvalidRequest):
        answer_query(order, "AA", status="OK", control_id="A1", at=AT)
    with pytest.raises(InvalidRequest):
        answer_query(query, "AA", status="XX", control_id="A1", at=AT)
    with pytest.raises(InvalidRequest):
        give_answer(order, "ZZ", control_id="A1", at=AT)


@given(st.binary(max_size=200).map(lambda tail: TIMED.format(version="2.6").encode() + tail), st.integers(0, 3))
def test_whatever_stands_in_an_order_the_answer_is_whole(data: bytes, refused: int) -> None:
    request = hl7v2.parse(data)
    try:
        answer = hl7v2.parse(give_answer(request, "AA", control_id="A1", at=AT, unable={refused}))
    except IomtError:
        return
    assert answer["MSA-2"] == "P3-1"
    assert structure(answer).deviations == ()
