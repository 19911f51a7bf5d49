"""The facade: where files meet readers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop import facade
from iomt_interop.errors import AdapterContractError, InputError, LimitExceeded
from iomt_interop.plugins import Limits

MESSAGE = (
    b"MSH|^~\\&|MON^0E1D2CFFFE3B4A59^EUI-64|ICU|||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6\r"
    b"PID|||4711^^^HOSP^MR||Zebra^Zoe||19700102|F\r"
    b"OBR|1|||182777000^monitoring of patient^SCT|||20261124105800+0100\r"
    b"OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|98.0|262688^MDC_DIM_PERCENT^MDC|||||R\r"
)


def test_bytes_paths_and_streams_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes(MESSAGE)
    expected = list(iomt.read(MESSAGE))
    assert expected
    with path.open("rb") as stream:
        sources = [bytearray(MESSAGE), memoryview(MESSAGE), path, str(path), io.BytesIO(MESSAGE), stream]
        for source in sources:
            assert list(iomt.read(source)) == expected


def test_a_stream_that_trickles_and_cannot_seek() -> None:
    class Trickle(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = MESSAGE

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1, /) -> bytes:
            piece, self.rest = self.rest[:3], self.rest[3:]
            return piece

    assert list(iomt.read(Trickle())) == list(iomt.read(MESSAGE))


def test_progress_counts_every_octet() -> None:
    data = MESSAGE * 8_000
    counted = []
    records = sum(1 for _ in iomt.read(io.BytesIO(data), progress=counted.append))
    assert sum(counted) == len(data)
    assert len(counted) >= 3
    assert records >= 8_000


@pytest.mark.parametrize(
    ("limits", "code"),
    [(Limits(max_bytes=100), "SRC-005"), (Limits(max_records=2), "SRC-006"), (Limits(max_unit=50), "HL7-120")],
)
def test_limits_stop_the_reading(limits: Limits, code: str) -> None:
    with pytest.raises(LimitExceeded, match=code):
        list(iomt.read(MESSAGE, context=iomt.ReadContext(limits=limits)))


def test_a_stream_that_breaks_off_gives_what_was_whole_and_then_the_error(root: Path) -> None:
    stream = (root / "fixtures" / "ieee11073_phd" / "pulse_oximeter.apdu").read_bytes()
    whole = list(iomt.read(stream))
    for broken in (stream[:-3], stream + b"\xe9\x00\x00\x00", stream + stream[:50]):
        found = []
        with pytest.raises(InputError):
            found.extend(record for record in iomt.read(broken, adapter="ieee11073_phd"))
        kinds = [record.kind for record in found]
        assert kinds.count("observation") + kinds.count("waveform") >= 10
        assert len(whole) >= 10


def test_the_same_input_gives_the_same_records() -> None:
    assert list(iomt.read(MESSAGE)) == list(iomt.read(MESSAGE))
    again = MESSAGE.replace(b"|7|P|", b"|8|P|")
    first = {r.id for r in iomt.read(MESSAGE) if r.kind == "subject"}
    assert first == {r.id for r in iomt.read(again) if r.kind == "subject"}
    assert not {r.id for r in iomt.read(MESSAGE) if r.kind == "observation"} & {r.id for r in iomt.read(again)}


def test_translation_lists_losses_and_issues() -> None:
    result = iomt.translate(MESSAGE, to="fhir_r4")
    assert b'"value":98.0' in result.payload
    assert result.losses
    assert iomt.write(iomt.read(MESSAGE), to="fhir_r4") == result.payload
    assert "Zebra" not in repr(result)
    assert "Zebra" not in repr(result.losses) + repr(result.issues)


def test_the_name_adapters_stays_a_function_when_one_was_imported() -> None:
    list(iomt.read(MESSAGE))
    assert [info.id for info in iomt.adapters()] == [info.id for info in facade.adapters()]
    assert callable(iomt.translate)


def test_an_adapter_that_only_reads_cannot_write() -> None:
    with pytest.raises(AdapterContractError, match="ADP-005"):
        iomt.write([], to="hl7v2_oru")


def test_message_after_message_is_read_as_alone(root: Path) -> None:
    one = facade.message_reader("hl7v2_oru")
    for path in sorted((root / "fixtures" / "hl7v2_oru").glob("*.hl7")):
        message = path.read_bytes()
        assert one(message) == list(iomt.read(message, adapter="hl7v2_oru"))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_bytes=100), "SRC-005"),
        (Limits(max_records=2), "SRC-006"),
        (Limits(max_unit=50), "HL7-120"),
        (Limits(), "SRC-001"),
    ],
)
def test_messages_have_the_limits_of_sources(root: Path, limits: Limits, code: str) -> None:
    message = b"" if code == "SRC-001" else (root / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7").read_bytes()
    context = iomt.ReadContext(limits=limits)
    with pytest.raises(InputError) as alone:
        list(iomt.read(message, adapter="hl7v2_oru", context=context))
    with pytest.raises(InputError) as together:
        facade.message_reader("hl7v2_oru", context=context)(message)
    assert together.value.code == alone.value.code == code


def test_what_is_no_reader_of_messages_is_refused() -> None:
    with pytest.raises(AdapterContractError, match="ADP-005"):
        facade.message_reader("hl7v2_pcd01")
