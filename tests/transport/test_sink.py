"""The sink: a batch is one transaction, and one message's fault is no other's, whatever the store takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop.errors import InvalidRequest
from iomt_interop.model import Message, Provenance, Record
from iomt_interop.plugins import Limits, ReadContext
from iomt_interop.transport import Delivery, VaultSink
from iomt_interop.transport.sink import TakesGroups
from iomt_interop.vault import KeyFile, PutResult
from iomt_interop.wire.hl7v2.ack import Outcome

ACCEPTED, ERROR = Outcome.ACCEPTED, Outcome.ERROR
LONG, UNSTORABLE = 99, 98


def message(number: int) -> bytes:
    head = f"MSH|^~\\&|MON|ICU|||20261124105803+0000||ORU^R01^ORU_R01|{number}|P|2.6"
    body = "9" * 3000 if number == LONG else "98"
    return f"{head}\rPID|||X^^^H^MR\rOBR|1\rOBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|{body}\r".encode()


def batch(*numbers: int) -> list[Delivery]:
    return [Delivery(message(number), "") for number in numbers]


class OneByOne:
    """A store that takes records alone, as one behind a guard does."""

    def __init__(self, vault: iomt.Vault) -> None:
        self.vault = vault

    def put(self, records: Iterable[Record], /) -> PutResult:
        return self.vault.put(records)


class Sink(VaultSink):
    """Reads one message into what JSON cannot hold."""

    def _read(self, message: bytes) -> Sequence[Record]:
        found = list(super()._read(message))
        if b"|98|P|" in message:
            found.append(Message(id="1", provenance=Provenance(adapter="a", version="1"), protocol="x", type="\ud800"))
        return found


@pytest.fixture(params=[True, False], ids=["groups", "alone"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[iomt.Vault, Sink]]:
    vault = iomt.Vault.create(tmp_path / "v", keys=KeyFile.create(tmp_path / "k"))
    store = vault if request.param else OneByOne(vault)
    assert isinstance(store, TakesGroups) is request.param
    with vault:
        yield vault, Sink(store, context=ReadContext(limits=Limits(max_unit=2000)))


def control_ids(vault: iomt.Vault) -> list[str | None]:
    return [r.control_id for r in vault.records(kinds={"message"}) if isinstance(r, Message)]


def test_one_message_that_is_refused_does_not_take_others_with_it(opened: tuple[iomt.Vault, Sink]) -> None:
    vault, sink = opened
    verdicts = sink(batch(1, LONG, 2, UNSTORABLE, 3))
    assert [verdict.outcome for verdict in verdicts] == [ACCEPTED, ERROR, ACCEPTED, ERROR, ACCEPTED]
    assert [verdict.errors[0].application for verdict in verdicts if verdict.errors] == ["HL7-120", "MDL-005"]
    assert control_ids(vault) == ["1", "2", "3"]
    vault.verify()


def test_what_became_of_the_records_is_counted(opened: tuple[iomt.Vault, Sink]) -> None:
    vault, sink = opened
    sink(batch(1, 2, LONG))
    sink(batch(2, 3))
    records = [len(list(iomt.read(message(number)))) for number in (1, 2, 2, 3)]
    assert sink.counts["records"] == sum(records)
    assert sink.counts["stored"] + sink.counts["replaced"] == sum(records[:2]) + records[3]
    assert sink.counts["unchanged"] == records[2]
    assert vault.info()["versions"] == sum(records[:2]) + records[3]


def test_where_nothing_is_to_be_stored_the_vault_is_not_asked(
    opened: tuple[iomt.Vault, Sink], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, sink = opened
    with monkeypatch.context() as locked:
        locked.setattr(vault, "_put", lambda *_: 1 / 0)
        assert [verdict.outcome for verdict in sink(batch(LONG, LONG))] == [ERROR, ERROR]
        assert sink([]) == []
        with pytest.raises(ZeroDivisionError):
            sink(batch(LONG, 1))
    assert control_ids(vault) == []


def test_a_vault_that_takes_nothing_is_an_error_of_all(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "k")
    iomt.Vault.create(tmp_path / "v", keys=key).close()
    with iomt.Vault.open(tmp_path / "v", keys=key) as vault, pytest.raises(InvalidRequest):
        VaultSink(vault)(batch(1, 2))
