"""Every malformed input: what must come out of it, value by value, and that every octet comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence
from iomt_interop.wire.hl7v2.types import DateTime, Raw, decode, decode_obx

# File to: segments of each message, texts at paths of the last one, codes of all doubts but for a missing last CR.
EXPECTED: dict[str, tuple[list[str], dict[str, str | None], set[str]]] = {
    "bbraun_lost_cr_before_pid.hl7": (
        ["MSH OBR" + " OBX" * 15],
        # The PID is not lost: it stands in MSH-21, where its sender glued it.
        {"MSH-21.4": "ISOPID", "MSH-24.1": "Unknown Patient", "OBX(4)-5": "PHKL_D6"},
        {"HL7-117"},
    ),
    "bom_utf8.hl7": (["MSH PID"], {"MSH-3": "A", "PID-3": "1"}, {"HL7-102"}),
    "crlf_trailing.hl7": (["MSH PID OBX"], {"OBX-5": "1", "MSH-12": "2.5.1"}, {"HL7-112"}),
    "dg1_in1_in_oru.hl7": (["MSH PID DG1 IN1 OBR OBX"], {"DG1-3": "I10", "IN1-2": "P", "OBX-5": "1"}, set()),
    "double_cr_between_segments.hl7": (["MSH PID OBX"], {"PID-3": "1", "OBX-5": "1"}, {"HL7-114"}),
    "dtm_zoo.hl7": (["MSH PID OBR" + " OBX" * 9], {"PID-7": "0000", "OBX(4)-5": "20200101240000"}, set()),
    "frame_missing_final_cr.bin": (["MSH PID"], {"PID-3": "1"}, set()),
    "ge_msh2_missing_escape.hl7": (
        ["MSH PID PV1 OBR OBX OBX OBX OBX"],
        {"MSH-3.2": "080019FFFE0B4020", "OBX(3)-3.2": "MDC_PRESS_BLD_ART_SYS", "OBX(4)-5": "36.7", "PID-5.2": "KITTY"},
        {"HL7-105"},
    ),
    "hex_escape_odd_nibbles.hl7": (["MSH PID NTE"], {"NTE-3": "a\0\r\nb \\X00D\\c"}, {"HL7-121"}),
    "junk_before_vt.bin": (["", "MSH PID"], {"PID-3": "1"}, {"HL7-101"}),
    "lf_inside_nte_cr_terminated.hl7": (
        ["MSH PID NTE OBX"],
        {"NTE-3": "line one\nline two", "OBX-5": "1"},
        {"HL7-113"},
    ),
    "lf_terminators.hl7": (["MSH PID OBX"], {"MSH-12": "2.5.1", "PID-3": "1", "OBX-5": "1"}, {"HL7-104"}),
    "literal_backslash_r_terminators.hl7": (
        ["MSH PID PV1"],
        {"MSH-12": "2.5.1", "PID-5.2": "hexandria", "PV1-3.1": "SICU", "PV1-3.3": "1"},
        {"HL7-108"},
    ),
    "msh18_utf8_but_latin1_bytes.hl7": (["MSH PID"], {"PID-5.1": "Müller"}, {"HL7-110"}),
    "nm_with_comparator.hl7": (["MSH PID" + " OBX" * 6], {"OBX(1)-5": ">98", "OBX(3)-5": "   "}, set()),
    "null_in_date_and_components.hl7": (
        ["MSH PID OBX"],
        {"PID-3": "20200909104829902", "PID-5.5": '""', "PID-7": '""', "PID-11.5": "69304", "OBX-5": '""'},
        set(),
    ),
    "two_mllp_frames_one_read.bin": (["MSH PID", "MSH PID"], {"PID-3": "2"}, set()),
    "windows_path_unescaped.hl7": (["MSH PID OBX"], {"OBX-5": "C:\\temp\\x"}, {"HL7-121"}),
}


def test_no_file_is_forgotten(corpus: Path) -> None:
    assert {path.name for path in (corpus / "hl7v2" / "malformed").iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_comes_out(corpus: Path, name: str) -> None:
    segments, texts, codes = EXPECTED[name]
    data = (corpus / "hl7v2" / "malformed" / name).read_bytes()
    messages = list(hl7v2.iter_messages(data))
    assert [" ".join(segment.id for segment in message) for message in messages] == segments
    assert {path: messages[-1][path] for path in texts} == texts
    assert {d.code for message in messages for d in message.diagnostics} - {"HL7-115"} == codes
    assert b"".join(map(bytes, messages)) == data


def observed(corpus: Path, name: str) -> list[Any]:
    message = hl7v2.parse(corpus / "hl7v2" / "malformed" / name)
    return [value for segment in message if segment.id == "OBX" for value in decode_obx(segment)]


def test_numbers(corpus: Path) -> None:
    above, comma, blank, exponent, plus, dashes = observed(corpus, "nm_with_comparator.hl7")
    assert (above.text, above.reading.relation, above.reading.num1) == (">98", ">", 98)
    assert (comma.text, str(comma.reading)) == ("1,5", "1.5")
    assert (exponent.text, exponent.reading) == ("1e3", 1000)
    assert (plus, plus.text) == (7, "+7")
    assert all(isinstance(each, Raw) and each.reading is None for each in (blank, dashes))


def test_times(corpus: Path) -> None:
    found = observed(corpus, "dtm_zoo.hl7")
    assert [None if isinstance(each, Raw) else each.isoformat() for each in found] == [
        "2020", None, None, "2020-01-01T24:00:00", "2016-12-31T23:59:60+00:00", "2020-01-01", "12:30+05:30",
        "1968-03-09T00:00:00", "2020-01-01T12:00",
    ]  # fmt: skip
    assert found[5].offset == -300
    message = hl7v2.parse(corpus / "hl7v2" / "malformed" / "dtm_zoo.hl7")
    seventeen: Any = decode(message.get("OBR-7"), "DTM")
    dotted: Any = decode(message.get("OBR-8"), "DTM")
    assert (seventeen.isoformat(), seventeen.doubt) == ("2026-01-24T13:15:39.000+08:00", "HL7-132")
    assert (dotted.isoformat(), dotted.doubt) == ("2026-07-27T12:44:24.0000+00:00", None)
    assert isinstance(decode(message.get("PID-7"), "DTM"), Raw)


def test_nulls(corpus: Path) -> None:
    message = hl7v2.parse(corpus / "hl7v2" / "malformed" / "null_in_date_and_components.hl7")
    assert decode(message.get("PID-7"), "DTM") is Presence.NULL
    name: Any = decode(message.get("PID-5"), "XPN")
    assert (name[5], name[4], name.given_name) == (Presence.NULL, None, "Allan")
    number: Any = decode(message.get("PID-3"), "DTM")  # an identifier that looks like a time
    assert isinstance(number, DateTime)
    assert observed(corpus, "null_in_date_and_components.hl7") == [Presence.NULL]
