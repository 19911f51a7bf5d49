"""Law 1: change any leaf of a message and what the records say changes; every octet is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import altered, content, leaves, of, read
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.hl7v2_oru.ledger import Node, Syntax

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = sorted(
    [*(ROOT / "fixtures/hl7v2_oru").glob("*.hl7"), *(ROOT / "iomt_interop/adapters/hl7v2_oru/samples").glob("*.hl7")]
)
SYNTAX = Syntax("|", "~", "^", "&", "\\", "utf-8")


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_every_leaf_reaches_the_records(path: Path) -> None:
    data = path.read_bytes()
    known = content(read(data))
    lost = []
    for name, start, stop in leaves(data):
        if content(read(altered(data, start, stop))) == known:
            lost.append((name, start))
    assert lost == []


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_every_leaf_stands_in_a_record_verbatim_or_has_been_understood(path: Path) -> None:
    # Removing a whole segment must show, wherever it stands.
    data = path.read_bytes()
    known = content(read(data))
    lines = data.split(b"\r")[:-1]
    for number in range(1, len(lines)):
        rest = b"\r".join(lines[:number] + lines[number + 1 :]) + b"\r"
        assert content(read(rest)) != known, lines[number][:3]


def test_unknown_segments_are_residue_to_the_octet() -> None:
    data = b"MSH|^~\\&|A|B|||20261124||ADT^A01|1|P|2.5\rGT1|A01|2026\rZPD|x^y&z\\F\\|~\rPID|||1\r"
    residues = of(read(data), "residue")
    assert [record.raw for record in residues] == [b"GT1|A01|2026", b"ZPD|x^y&z\\F\\|~"]
    assert [data[slice(*record.span)] for record in residues] == [record.raw for record in residues]
    assert [record.path for record in residues] == ["GT1(1)", "ZPD(1)"]


def test_what_is_no_message_is_residue_too() -> None:
    data = b"not a message\rFHS|^~\\&|A\rMSH|^~\\&|A|||||| |1|P|2.5\rBTS|1\rFTS|1\r"
    records = read(data)
    assert b"".join(r.raw for r in of(records, "residue")) == b"not a message\rFHS|^~\\&|A\rBTS|1\rFTS|1\r"
    assert [r.kind for r in records].count("message") == 1


def test_a_line_that_is_no_segment_never_shows_its_text_in_a_path() -> None:
    data = b"MSH|^~\\&|A|||||ORU^R01||1|P|2.5\rPlanted Name\rOBX|1|ST|a||b\r"
    records = read(data)
    assert [r.raw for r in of(records, "residue")] == [b"Planted Name"]
    assert not any("Planted" in (r.path or "") for r in [*of(records, "residue"), *of(records, "issue")])


@given(st.text(alphabet='ab"\\^~&XE', max_size=30), st.lists(st.tuples(*[st.integers(1, 3)] * 3), max_size=4))
def test_taken_and_rest_cover_every_leaf(raw: str, taken: list[tuple[int, int, int]]) -> None:
    node = Node(raw, SYNTAX)
    for repetition, component, sub in taken:
        node[repetition][component][sub].take()
    kept = "".join(text for _, text in node.rest())
    every = [leaf for part in raw.split("~") for c in part.split("^") for leaf in c.split("&") if leaf]
    gone = list(every)
    for text in (leaf for piece in node.rest() for leaf in _leaves(piece[1])):
        gone.remove(text)
    # What is gone was taken, and only what its escapes give back may be taken.
    assert len(gone) <= len(taken)
    assert all(leaf != '""' for leaf in gone)
    assert kept or not (set(every) - set(gone))


def _leaves(raw: str) -> list[str]:
    return [leaf for part in raw.split("~") for c in part.split("^") for leaf in c.split("&") if leaf]


def test_an_escape_that_would_be_written_otherwise_is_kept_beside_its_meaning() -> None:
    node = Node("a\\X41\\b", SYNTAX)
    assert node.take() == "aAb"
    assert node.rest() == (("", "a\\X41\\b"),)
    node = Node("a\\T\\b", SYNTAX)
    assert node.take() == "a&b"
    assert node.rest() == ()


def test_rest_names_places_in_the_largest_untouched_pieces() -> None:
    node = Node("1^2&3^4~5^6", SYNTAX)
    assert node[1][1].take() == "1"
    assert node[1][2][2].take() == "3"
    assert node.rest() == (("[1].2.1", "2"), ("[1].3", "4"), ("[2]", "5^6"))
