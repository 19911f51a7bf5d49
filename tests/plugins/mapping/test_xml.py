"""XML mappings: namespaces, spans, hardening."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.mapping.helpers import kinds, observation, outcome, read, texts

from iomt_interop.errors import InputError, LimitExceeded, MalformedInput, TruncatedInput
from iomt_interop.model import Alert, Message, Observation, Quantity, Residue, Subject, Waveform
from iomt_interop.plugins import Limits

PLAIN = observation('each = "r/v"\nvalue = { path = ".", unit = "Cel" }\n', 'framing = "xml"')


def test_the_report_gives_what_its_text_says() -> None:
    mapping, data = texts("monitor_xml")
    records = read(mapping, data)
    assert kinds(records) == [
        "message", "subject", "device", "observation", "observation", "waveform", "alert", "residue", "issue",
    ]  # fmt: skip
    message, subject, device, rate, saturation, wave, alarm, residue, _ = records
    assert isinstance(message, Message)
    assert ("m:report/m:note/x:b/text()", "with") in [(each.path, each.value) for each in message.extensions]
    assert isinstance(subject, Subject)
    assert subject.names[0].text == "Testperson"
    assert isinstance(rate, Observation)
    assert isinstance(rate.value, Quantity)
    assert (rate.value.unit, rate.value.native_unit is not None) == ("/min", True)
    assert (rate.subject, rate.device) == (subject.id, device.id)
    assert data[slice(*(rate.provenance.span or ()))] == b'<m:value name="HR" unit="bpm">72</m:value>'
    assert isinstance(saturation, Observation)
    assert isinstance(saturation.value, Quantity)
    assert saturation.value.text == "97.0"
    assert isinstance(wave, Waveform)
    assert wave.segments[0].data == b"\x0c\0\x0e\0\xfd\xff\x08\0"
    assert isinstance(alarm, Alert)
    assert (alarm.text, alarm.priority) == ("SpO2 < 90", "high")
    assert isinstance(residue, Residue)
    assert residue.raw == b'<m:value name="PVC" unit="/min">2</m:value>'


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "utf-8-sig"])
def test_spans_in_other_encodings(encoding: str) -> None:
    declared = "" if "utf" in encoding else f'<?xml version="1.0" encoding="{encoding}"?>'
    row = '<v a="1>2">36.60<!-- <v> --><w/></v>'
    data = f"{declared}<r><é/><x>1</x><v>36.60</v>{row}</r>".encode(encoding)
    records = read(PLAIN, data)
    residue = next(record for record in records if isinstance(record, Residue))
    assert residue.raw.decode("utf-16-le" if encoding == "utf-16" else encoding) == row
    assert kinds(records).count("observation") == 1


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE r [<!ENTITY a "x">]><r><v>&a;</v></r>',
        b'<?xml version="1.0"?>\n<!-- c --><!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><r x="&b;"/>'.encode("utf-16"),
        b"<!DOCTYPE r><r/>",
    ],
)
def test_document_types_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(PLAIN, data)
    assert caught.value.code == "MAP-109"


def test_a_prolog_of_remarks_takes_no_time() -> None:
    assert kinds(read(PLAIN, b"<?a?>" * 20_000 + b"<r/>")) == ["message"]
    assert read(PLAIN, b"<r><v>1</v><!-- <!DOCTYPE r> --></r>")


def test_truncated_and_malformed() -> None:
    data = b"<r><v a='1'>36.60</v><!-- x --></r>"
    for end in range(len(data) - 1):
        with pytest.raises(InputError):
            read(PLAIN, data[:end])
    for end in (10, 15, 20, 30):
        with pytest.raises(TruncatedInput):
            read(PLAIN, data[:end])
    with pytest.raises(MalformedInput) as caught:
        read(PLAIN, b"<r><v>secret-71</w></r>")
    assert "secret" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


def test_depth() -> None:
    with pytest.raises(InputError):
        read(PLAIN, b"<r>" * 300 + b"</r>" * 300)
    with pytest.raises(LimitExceeded):
        read(PLAIN, b"<r>" * 9 + b"</r>" * 9, limits=Limits(max_depth=8))


def test_every_text_and_attribute_is_somewhere() -> None:
    data = b"<r a='A1'><v b='B1'>1</v><v>C1<c d='D1'>E1</c>F1</v>G1<?pi H1?><e/></r><!--I1-->"
    records = read(PLAIN, data)
    kept = "".join(str(each.value) for record in records for each in record.extensions)
    kept += "".join(record.raw.decode() for record in records if isinstance(record, Residue))
    assert all(f"{letter}1" in kept for letter in "ABCDEFGHI")


def test_json_needs_no_lxml() -> None:
    code = (
        "import sys; from iomt_interop.plugins import ReadContext; "
        "from iomt_interop.plugins.mapping import make_factory; "
        "make_factory(sys.argv[1], 'x', '1')(ReadContext()).feed(b'{}'); assert 'lxml' not in sys.modules"
    )
    mapping = observation('value = { path = "v" }\n')
    subprocess.run([sys.executable, "-c", code, mapping], check=True)


@given(st.data())
def test_the_cuts_do_not_matter(data: st.DataObject) -> None:
    mapping, sample = texts("monitor_xml")
    changed = bytearray(sample)
    for _ in range(data.draw(st.integers(0, 2))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    sample = bytes(changed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample)), max_size=5)))
    whole, error = outcome(mapping, [sample])
    parts, other = outcome(mapping, [sample[a:b] for a, b in zip([0, *cuts], [*cuts, len(sample)], strict=True)])
    assert (whole, str(error)) == (parts, str(other))
    assert error is None or isinstance(error, InputError)


@given(st.text("<>/rv ='\"!-[]?&;a1", max_size=60))
def test_any_octets(text: str) -> None:
    _, error = outcome(PLAIN, [text.encode()])
    assert error is None or isinstance(error, InputError)
