"""CSV and JSON lines: rows however the octets are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.mapping.helpers import kinds, observation, outcome, read, texts

from iomt_interop.errors import InputError, InvalidRequest, LimitExceeded, MalformedInput, TruncatedInput
from iomt_interop.model import Absent, Instant, Issue, Message, Observation, Quantity, Residue
from iomt_interop.plugins import Limits

CSV = observation('value = { path = "v", unit = "Cel" }\ntime = { path = "t" }\n', 'framing = "csv"')
LINES = observation('value = { path = "v", unit = "Cel" }\n', 'framing = "ndjson"')


def test_the_spreadsheet_export_gives_what_its_text_says() -> None:
    mapping, data = texts("sheet_export")
    records = read(mapping, data)
    assert kinds(records) == ["message", "subject", *["observation"] * 5, "residue", "issue"]
    message, subject, first, lunch, pulse, low = records[:6]
    assert isinstance(message, Message)
    assert ("^[2][3]", "Muster; Max") in [(each.path, each.value) for each in message.extensions]
    assert isinstance(first, Observation)
    assert isinstance(first.value, Quantity)
    assert (first.value.text, first.value.unit) == ("5.60", "mmol/L")
    assert isinstance(first.time, Instant)
    assert (first.time.value, first.time.native) == ("2026-11-24T07:05", "24.11.2026 07:05")
    assert first.subject == subject.id
    assert [(each.path, each.value) for each in first.extensions] == [("Mahlzeit", "nüchtern")]
    assert isinstance(lunch, Observation)
    assert lunch.notes[0].text == 'zwei\r\nZeilen "hier"'
    assert lunch.provenance.span == pulse.provenance.span
    assert isinstance(low, Observation)
    assert low.value == Absent(reason="underflow", native="LO")
    residue = records[-2]
    assert isinstance(residue, Residue)
    assert data[slice(*(residue.span or ()))] == residue.raw == b"25.11.2026 07:01;;;;nur Notiz\r\n"


def test_the_callers_zone_completes_a_local_time_and_says_so() -> None:
    mapping, data = texts("sheet_export")
    record = read(mapping, data, default_zone="Europe/Berlin")[2]
    assert isinstance(record, Observation)
    assert isinstance(record.time, Instant)
    assert (record.time.value, record.time.flags) == ("2026-11-24T07:05+01:00", ("assumed-offset",))
    with pytest.raises(InvalidRequest):
        read(mapping, data, default_zone="Mars/Base")


def test_a_table_of_other_columns_is_refused() -> None:
    with pytest.raises(MalformedInput) as caught:
        read(CSV, b"name,born\nA,1970\n")
    assert caught.value.code == "MAP-112"


def test_a_column_that_is_not_there_is_told_once() -> None:
    records = read(CSV, b"v\n36.60\n36.7\n")
    issues = [record for record in records if isinstance(record, Issue)]
    assert [(each.code, each.path) for each in issues] == [("MAP-207", "t")]
    assert kinds(records).count("observation") == 2


def test_a_row_of_other_length_is_doubtful_and_one_cut_off_is_an_error() -> None:
    records, error = outcome(CSV, [b"t,v\n2026,36.60,x\n2026"])
    assert isinstance(error, TruncatedInput)
    assert [(each.path, each.value) for each in records[1].extensions] == [("#3", "x")]
    assert isinstance(records[2], Issue)
    assert records[2].code == "MAP-113"
    with pytest.raises(MalformedInput):
        read(CSV, b"t,v\n2026,36.60,x\n", strictness="strict")


def test_an_open_quote_at_the_end_is_a_cut() -> None:
    with pytest.raises(TruncatedInput):
        read(CSV, b'v,t\n1,"2026\n')


def test_octets_that_are_no_text_make_the_row_residue() -> None:
    records = read(CSV, b"t,v\n2026,\xff\n2026,1\n")
    assert kinds(records) == ["message", "residue", "issue", "observation"]
    with pytest.raises(MalformedInput):
        read(CSV, b"t,v\n2026,\xff\n", strictness="strict")


def test_a_required_line_end() -> None:
    mapping = observation("value = { path = 1 }\n", 'framing = "csv"\nheader = false\nfinal_newline = true')
    assert kinds(read(mapping, b"1\n2\n")) == ["observation", "observation"]
    records, error = outcome(mapping, [b"1\n2"])
    assert isinstance(error, TruncatedInput)
    assert kinds(records) == ["observation"]


def test_comments_names_without_a_header_and_another_encoding() -> None:
    source = 'framing = "csv"\nheader = ["Zeit", "Größe"]\ndelimiter = "\\t"\nencoding = "cp1252"\ncomment = "#"'
    mapping = observation('value = { path = "Größe", unit = "cm" }\n', source)
    records = read(mapping, "# Größen\nx\t180,0\n".encode("cp1252").replace(b",", b"."))
    assert kinds(records) == ["residue", "issue", "observation"]
    assert isinstance(records[1], Issue)
    assert (records[1].code, records[1].severity) == ("MAP-208", "information")
    assert isinstance(records[2], Observation)
    assert isinstance(records[2].value, Quantity)
    assert records[2].value.text == "180.0"


def test_group_separators() -> None:
    mapping = observation('value = { path = "v", group = ".", decimal = "," }\n', 'framing = "csv"\ndelimiter = ";"')
    record = read(mapping, b"v\n1.234,50\n")[-1]
    assert isinstance(record, Observation)
    assert isinstance(record.value, Quantity)
    assert record.value.text == "1234.50"


def test_json_lines() -> None:
    data = b'{"v":36.60}\n\n{"v":\n{"v":1}\r\n{"v":2}'
    records = read(LINES, data)
    assert kinds(records) == ["observation", "residue", "issue", "observation", "observation"]
    assert [data[slice(*(each.provenance.span or ()))] for each in records[3:]] == [b'{"v":1}\r\n', b'{"v":2}']
    with pytest.raises(MalformedInput):
        read(LINES, data, strictness="strict")
    _, error = outcome(LINES, [data[:-1]])
    assert isinstance(error, TruncatedInput)


def test_a_line_without_end_is_bounded() -> None:
    for mapping in (CSV, LINES):
        with pytest.raises(LimitExceeded):
            read(mapping, b"x" * 101, limits=Limits(max_unit=100))


@given(st.data(), st.sampled_from(["lenient", "strict"]))
def test_the_cuts_do_not_matter(data: st.DataObject, strictness: str) -> None:
    mapping, sample = texts("sheet_export")
    if data.draw(st.booleans()):
        mapping, sample = LINES, '{"v":36.60,"é":"ü\U0001f600"}\n{"w":1}\n{"v":2,"v":3}\n{"v":5}'.encode()
    changed = bytearray(sample)
    for _ in range(data.draw(st.integers(0, 2))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from(list(b'";\r\n\xc3x1')))
    sample = bytes(changed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample)), max_size=6)))
    pieces = [sample[a:b] for a, b in zip([0, *cuts], [*cuts, len(sample)], strict=True)]
    octets = [bytes([each]) for each in sample]
    whole, error = outcome(mapping, [sample], strictness=strictness)
    for other in (pieces, octets):
        parts, failure = outcome(mapping, other, strictness=strictness)
        assert whole == parts
        assert str(error) == str(failure)


CELLS = st.text('abc",;\n\r é', max_size=5)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5))
def test_every_cell_is_somewhere(rows: list[list[str]]) -> None:
    mapping = observation('value = { path = 1, as = "text" }\n', 'framing = "csv"\nheader = false')
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)
    raw = text.encode()
    records = read(mapping, raw)
    kept = [each.value for record in records for each in record.extensions]
    kept += [record.value.text for record in records if isinstance(record, Observation) and record.value is not None]  # type: ignore[union-attr]
    residue = b"".join(record.raw for record in records if isinstance(record, Residue)).decode()
    for cell in (cell for row in rows for cell in row if cell):
        assert cell in kept or cell.replace('"', '""') in residue


@given(st.binary(max_size=200), st.sampled_from([CSV, LINES]))
def test_any_octets(data: bytes, mapping: str) -> None:
    _, error = outcome(mapping, [data])
    assert error is None or isinstance(error, InputError)
