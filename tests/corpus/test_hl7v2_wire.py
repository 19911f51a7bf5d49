"""Every shared HL7 v2 file: parsed without an exception, re-emitted to the octet, and read as python-hl7 reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomt_interop.wire import hl7v2

# What must come out of each malformed input: segments, and the doubts that are told.
MALFORMED = {
    "bbraun_lost_cr_before_pid.hl7": (17, ["HL7-117"]),
    "bom_utf8.hl7": (2, ["HL7-102"]),
    "crlf_trailing.hl7": (3, ["HL7-112"]),
    "dg1_in1_in_oru.hl7": (6, []),
    "double_cr_between_segments.hl7": (3, ["HL7-114"]),
    "dtm_zoo.hl7": (12, []),
    "frame_missing_final_cr.bin": (2, []),
    "ge_msh2_missing_escape.hl7": (8, ["HL7-105"]),
    "hex_escape_odd_nibbles.hl7": (3, ["HL7-121"]),
    "junk_before_vt.bin": (2, ["HL7-103"]),
    "lf_inside_nte_cr_terminated.hl7": (4, ["HL7-113"]),
    "lf_terminators.hl7": (3, ["HL7-104"]),
    "literal_backslash_r_terminators.hl7": (3, ["HL7-108"]),
    "msh18_utf8_but_latin1_bytes.hl7": (2, ["HL7-110"]),
    "nm_with_comparator.hl7": (8, []),
    "null_in_date_and_components.hl7": (3, []),
    "windows_path_unescaped.hl7": (3, ["HL7-121"]),
}


def files(corpus: Path) -> list[Path]:
    found = sorted(p for p in (corpus / "hl7v2").rglob("*") if p.suffix in {".hl7", ".bin"} and p.is_file())
    assert len(found) >= 350
    return found


def test_every_file_parses_and_comes_back_to_the_octet(corpus: Path) -> None:
    for path in files(corpus):
        data = path.read_bytes()
        message = hl7v2.parse(data)
        assert bytes(message) == data, path
        assert len(message) >= 1, path
        units = hl7v2.MessageSplitter()
        assert b"".join(u for _, u in [*units.feed(data), *units.finish()]) == data, path
        assert sum(len(m) for m in hl7v2.iter_messages(data)) >= 1, path


def test_field_texts_are_those_of_python_hl7(corpus: Path) -> None:
    """Where they differ, the file has what python-hl7 cannot: LF as data, empty lines, several messages, lost CRs."""
    peer = pytest.importorskip("hl7")
    same, different = 0, []
    for path in files(corpus):
        try:
            text = path.read_bytes().decode("utf-8")
            theirs = [[str(f) for f in s][1:] for s in peer.parse(text.replace("\r\n", "\r").replace("\n", "\r"))]
        except (UnicodeDecodeError, AssertionError, peer.exceptions.HL7Exception, IndexError):
            continue
        ours = [[f.raw.decode("utf-8") for f in s] for s in hl7v2.parse(text.encode())]
        if ours == theirs:
            same += 1
        else:
            different.append(path.name)
    assert same >= 310
    assert set(different) <= {
        "double_cr_between_segments.hl7",
        "lf_inside_nte_cr_terminated.hl7",
        "literal_backslash_r_terminators.hl7",
        "orm-example.hl7",  # a line break inside a telephone number
        "mdm-example.hl7",  # line breaks inside fields
        "dft-example.hl7",  # two messages and an empty line
        "junk_before_vt.bin",
        "two_mllp_frames_one_read.bin",
        "frame_missing_final_cr.bin",
    }, different


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_malformed_files_give_what_is_stated(corpus: Path, name: str) -> None:
    segments, codes = MALFORMED[name]
    message = hl7v2.parse((corpus / "hl7v2" / "malformed" / name).read_bytes())
    assert len(message) == segments
    told = [d.code for d in message.diagnostics]
    assert [code for code in told if code not in {"HL7-115"}] == codes


def test_two_frames_in_one_read_are_two_messages(corpus: Path) -> None:
    data = (corpus / "hl7v2" / "malformed" / "two_mllp_frames_one_read.bin").read_bytes()
    assert sum(m.segment("MSH") is not None for m in hl7v2.iter_messages(data)) == 2
