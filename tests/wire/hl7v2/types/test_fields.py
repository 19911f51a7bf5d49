"""Types by place. Witnesses: the standard's segment tables (PID, OBX, PV1, MSH), and the parts themselves."""

from __future__ import annotations

from typing import Any

import pytest

from iomt_interop.errors import InvalidRequest, MalformedInput
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence
from iomt_interop.wire.hl7v2.types import Raw, decode_field, decode_path, type_of

MESSAGE = hl7v2.parse(
    "MSH|^~\\&|MON^1122334455667788^EUI-64||||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6\r"
    'PID|1||17^^^HOSP&1.2.3&ISO^MR^^20200101~4711||Doe^Ann||19680309|F|||||""\r'
    "PV1|1|I|ICU^2^7\r"
    "OBX|1|NM|8867-4^Heart rate^LN||72.50|/min^/min^UCUM\r"
    "ZPM|1|2\r"
)


@pytest.mark.parametrize(
    ("path", "version", "wanted"),
    [
        ("MSH-3", None, "HD"),
        ("MSH-7", None, "DTM"),
        ("MSH-7", "2.5", "TS"),
        ("PID-3", None, "CX"),
        ("PID-5", None, "XPN"),
        ("PID-7", None, "DTM"),
        ("PID-8", None, "IS"),
        ("PID-8", "2.8", "CWE"),
        ("PV1-3", None, "PL"),
        ("OBX-3", None, "CWE"),
        ("OBX-3", "2.5.1", "CE"),
        ("OBX-5", None, "NM"),
        ("OBX-6", None, "CWE"),
        ("ZPM-1", None, None),
        ("PID-2", "2.8", "CX"),  # withdrawn in 2.7
        ("OBX-99", None, None),
    ],
)
def test_types_of_fields(path: str, version: str | None, wanted: str | None) -> None:
    segment = MESSAGE.segment(path[:3])
    assert segment is not None
    assert type_of(segment, int(path[4:]), version=version) == wanted


def test_values_at_paths() -> None:
    def at(path: str) -> Any:
        return decode_path(MESSAGE, path)

    assert at("PID-7").isoformat() == "1968-03-09"
    assert at("MSH-7").offset == 60
    assert [each.id_number for each in at("PID-3")] == ["17", "4711"]
    assert (at("PID-3[2]").id_number, at("PID-3.4").universal_id, at("PID-3.4.2")) == ("4711", "1.2.3", "1.2.3")
    assert at("PID-3[1].7").isoformat() == "2020-01-01"
    assert (at("PID-5").given_name, at("PID-5.1").surname, at("PID-5.1.1")) == ("Ann", "Doe", "Doe")
    assert (str(at("OBX-5")), at("OBX-5.1"), at("OBX-3.2")) == ("72.50", 72.5, "Heart rate")
    assert (at("PID-13"), at("PID-14"), at("QQQ-1"), at("PID-3[3]")) == (Presence.NULL, None, None, None)
    assert isinstance(at("ZPM-2"), Raw)
    segment = MESSAGE.segment("PID")
    assert segment is not None
    assert decode_field(segment, 7) == at("PID-7")


def test_wildcards_are_refused_and_strict_mode_is_passed_on() -> None:
    with pytest.raises(InvalidRequest):
        decode_path(MESSAGE, "OBX(*)-5")
    with pytest.raises(MalformedInput, match="HL7-134"):
        decode_path(MESSAGE, "ZPM-2", strict=True)
