"""A message and its acknowledgements, seen by the sender. Expectations: ch. 2.9, 2.15.5 (ERR), 2.14.8 (MSA)."""

from __future__ import annotations

import pytest

from iomt_interop.transport.exchange import Exchange
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.ack import AckError, acknowledge

REQUEST = b"MSH|^~\\&|MON|ICU|EHR|HOSP|20261124||ORU^R01|7|P|%s\rPID|||1\r"
HEAD = "MSH|^~\\&|EHR|HOSP|MON|ICU|20261124||ACK|A1|P|2.4\r"


@pytest.mark.parametrize("version", [b"2.1", b"2.3", b"2.4", b"2.5", b"2.8.2", b""])
def test_every_condition_that_is_written_is_read(version: bytes) -> None:
    errors = [AckError("102", "OBX(1)-5"), AckError("101", "PID(1)-3"), AckError("207")]
    request = hl7v2.parse(REQUEST % version)
    exchange = Exchange(bytes(request))
    answer = acknowledge(request, "AE", control_id="A1", at="20261124", errors=errors)
    assert exchange.take(hl7v2.parse(answer))
    assert (exchange.reply.codes, exchange.reply.conditions) == (("AE",), ("102", "101", "207"))


@pytest.mark.parametrize(
    ("answer", "conditions"),
    [
        ("MSA|AE|7|what went wrong|||207^Internal error^HL70357\r", ("207",)),
        ("MSA|AE|7||||207\rERR|PID^1^3^101\r", ("101",)),
        ("MSA|AE|7\rERR|||103^not in the table^HL70357|E\rERR|||102|W\r", ("103", "102")),
        ("MSA|AE|7\rERR|PID^1^3\r", ()),
        ("MSA|AE|7\r", ()),
    ],
)
def test_conditions_wherever_a_version_writes_them(answer: str, conditions: tuple[str, ...]) -> None:
    exchange = Exchange(REQUEST % b"2.4")
    assert exchange.take(hl7v2.parse(HEAD + answer))
    assert exchange.finished
    assert exchange.reply.refused
    assert exchange.reply.conditions == conditions


@pytest.mark.parametrize(
    ("answer", "mine"),
    [
        (b"MSH|^~\\&|B||A||20261124||ACK|9|P|2.6\rMSA|AA|a\\F\\7&x\r", False),
        (b"MSH|^~\\&|B||A||20261124||ACK|9|P|2.6\rMSA|AA|a\\F\\7\r", True),
        (b"MSH$^~\\&$B$$A$$20261124$$ACK$9$P$2.6\rMSA$AA$a|7\r", True),  # the receiver's own delimiters
        (b"MSH|^~\\&|B||A||20261124||ACK|9|P|2.6\rMSA|AA|a\\X7C\\7\r", True),
        (b"MSH|^~\\&|B||A||20261124||ACK|9|P|2.6\rMSA|AA|a7\r", False),
    ],
)
def test_an_answer_names_its_message_however_it_is_written(answer: bytes, mine: bool) -> None:
    exchange = Exchange(b"MSH|^~\\&|A||B||20261124||ORU^R01|a\\F\\7|P|2.6\r")
    assert exchange.take(hl7v2.parse(answer)) is mine
    assert exchange.finished is mine
