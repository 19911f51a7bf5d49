"""What is composed splits back into what it was composed of; another parser says the same."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import compose

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
PLAIN = st.text(st.sampled_from("ab 12|^&~\\é"), max_size=12)


@given(TEXTS)
def test_a_leaf_is_the_text_again(text: str) -> None:
    assert hl7v2.unescape(compose.leaf(text), compose.SYNTAX) == text


@given(TEXTS)
def test_a_leaf_holds_no_delimiter_and_ends_no_segment(text: str) -> None:
    found = compose.leaf(text)
    assert not set(found) & set("|^&~\r\n\x0b\x1c")
    assert found != hl7v2.NULL


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_message_reads_back(rows: list[list[str]]) -> None:
    field = compose.repetitions(compose.components(*map(compose.leaf, row)) for row in rows)
    header = compose.segment("MSH", {2: "^~\\&", 9: "ORU^R01", 18: "UNICODE UTF-8"})
    message = hl7v2.parse(compose.message([header, compose.segment("OBX", {1: "1", 5: field})]), strict=True)
    assert len(message) == 2
    for number, row in enumerate(rows, 1):
        for place, text in enumerate(row, 1):
            assert (message[f"OBX-5[{number}].{place}"] or "") == text


@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_python_hl7_splits_it_alike(row: list[str]) -> None:
    field = compose.components(*map(compose.leaf, [*row, "end"]))
    text = compose.message(["MSH|^~\\&|a", compose.segment("OBX", {5: field})]).decode()
    parsed = hl7.parse(text)
    # A field without a separator of components is no list of them to python-hl7.
    found = [str(component) for component in parsed[1][5][0]]
    assert [parsed.unescape(component) for component in found] == [*row, "end"]


@pytest.mark.parametrize(
    ("text", "formatted", "expected"),
    [
        ("5 & 6|7^8~9\\", False, r"5 \T\ 6\F\7\S\8\R\9\E" + "\\"),
        ("one\\.br\\two", False, r"one\E\.br\E\two"),
        ("one\\.br\\two", True, r"one\.br\two"),
        ("C:\\temp\\x", True, r"C:\E\temp\E\x"),
        ("a\rb\x1c\x0b", False, r"a\X0D\b\X1C\\X0B" + "\\"),
        ('""', False, r"\X2222" + "\\"),
        ("", False, ""),
    ],
)
def test_escapes(text: str, formatted: bool, expected: str) -> None:
    """Sequences of HL7 v2.8 chapter 2.7.1."""
    assert compose.leaf(text, formatted=formatted) == expected


@pytest.mark.parametrize(
    ("field", "steps", "raw", "expected"),
    [
        ("", (), "x", "x"),
        ("a", (), "x", None),
        ("a", (), "a", "a"),
        ("a^^c", (1, 2), "b", "a^b^c"),
        ("a", (2, 3), "z", "a~^^z"),
        ("a^b", (1, 2), "z", None),
        ("a", (1, 1, 2), "y", "a&y"),
        ("a", (1, 999), "y", None),
    ],
)
def test_fill(field: str, steps: tuple[int, ...], raw: str, expected: str | None) -> None:
    assert compose.fill(field, steps, raw) == expected


def test_empty_ends_are_left_out() -> None:
    assert compose.segment("OBX", {1: "1", 4: "", 9: ""}) == "OBX|1"
    assert compose.segment("MSH", {2: "^~\\&", 10: "7"}) == "MSH|^~\\&||||||||7"
    assert compose.components("a", "", "") == "a"
    assert compose.repetitions(["a", "", "b", ""]) == "a~~b"
