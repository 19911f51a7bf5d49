"""Escape sequences, character sets by designation, and formatted text. Expectations: ch. 2.7, table 0211, ISO 2022."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.wire import hl7v2

SYNTAX = hl7v2.parse(b"MSH|^~\\&||||||||||||||||UNICODE UTF-8\r").syntax


def text_of(raw: bytes, charset: bytes = b"UNICODE UTF-8") -> str | None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||" + charset + b"\rNTE|1||" + raw + b"|x\r")
    assert message["NTE-4"] == "x"
    return message["NTE-3"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"\XC3\\XBC\ber", "über"),  # one character over two sequences
        (rb"\X0D\\X0A\ ", "\r\n "),
        (rb"\X000d\ ", "\0\r "),
        (rb"\X00D\ ", r"\X00D\ "),  # half an octet: leading or trailing nibble, nobody knows
        (rb"\XFF\\X41\ ", r"\XFF\A "),  # not in the character set: verbatim, its neighbour is read
        (rb"\Xzz\ ", r"\Xzz\ "),
        (rb"\F\\S\\T\\R\\E\\P\ ", "|^&~\\# "),
    ],
)
def test_octets(raw: bytes, text: str) -> None:
    assert text_of(raw) == text


def test_an_escape_character_of_iso_2022_written_as_octets_switches_as_well() -> None:
    r"""ISO-IR 87 by ``\X1B2442\``: decoded alone the designation would vanish, and letters would be left."""
    assert text_of(rb"\X1B2442\;3ED\X1B2842\x", b"ISO IR87") == "山田x"
    assert text_of(rb"\X1B2442\;3ED\X1B2842\x", b"8859/1") == "\x1b$B;3ED\x1b(Bx"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"\C2D46\\XC1E1\ \C2842\x", "Αα x"),  # ISO-IR 126, Greek
        (rb"\C2D4C\\XBFE0D8D2D5E2\ ", "Привет "),  # ISO-IR 144, Cyrillic
        (rb"\M2442\\X3B3345\D\C2842\ san", "山田 san"),  # the last octet written as the letter that it is
        (rb"\M2442\\X3B33\\X4544\\C2842\ san", "山田 san"),  # ISO-IR 87
        (rb"\M242844\\X3021\\C2842\!", "丂!"),  # ISO-IR 159, JIS X 0212
        (rb"\C2949\\XD4CFC0DE\ ", "ﾔﾏﾀﾞ "),  # ISO-IR 13, katakana
        (rb"\M242943\\XB1E8\ ", "김 "),  # KS X 1001
        (rb"\C2D41\\XFC\\C2D42\\XB3\ ", "üł "),  # one set after the other
        (rb"\C2D41\a\T\b\.br\c\C2842\ ", "a&b\\.br\\c "),
        (rb"\C7F7F\abc", None),  # no such set: verbatim
    ],
)
def test_designated_sets(raw: bytes, text: str | None) -> None:
    assert text_of(raw, b"8859/1~ISO IR87") == (raw.decode() if text is None else text)


def test_a_designation_ends_with_its_leaf() -> None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||8859/1\rPID|||||\\C2D46\\\xc1^\xc1\r")
    assert (message["PID-5.1"], message["PID-5.2"]) == ("Α", "Á")


@pytest.mark.parametrize(
    ("codec", "declared", "others"),
    [
        ("iso2022_jp", b"ISO IR87", b""),
        ("iso2022_jp", b"~ISO IR87", b"||ISO 2022-1994"),
        ("iso2022_jp_1", b"ISO IR6~ISO IR87~ISO IR159", b""),
    ],
)
def test_escape_octets_of_iso_2022(codec: str, declared: bytes, others: bytes) -> None:
    """The octets of 丂, ぎ, れ and many more are those of delimiters."""
    for name in ("山田^太郎", "ぎれのわん^なにわ", "試験^日本"):
        raw = b"^".join(part.encode(codec) for part in name.split("^"))
        header = b"MSH|^~\\&||||||||||||||||" + declared + others
        message = hl7v2.parse(header + b"\rPID|||||" + raw + b"|x\r")
        assert [message["PID-5.1"], message["PID-5.2"], message["PID-6"]] == [*name.split("^"), "x"]
        assert message.diagnostics == ()
        assert bytes(message) == header + b"\rPID|||||" + raw + b"|x\r"


@given(
    st.lists(st.sampled_from("あいうえおかきくけこ山田太郎日本語試験心電図ぎれのわabc "), min_size=1, max_size=12).map(
        "".join
    )
)
def test_python_s_iso_2022_is_read_whatever_octets_it_has(text: str) -> None:
    raw = text.encode("iso2022_jp")
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||~ISO IR87\rPID|||||" + raw + b"^q|x\r")
    assert (message["PID-5.1"], message["PID-5.2"], message["PID-6"]) == (text, "q", "x")


def test_an_edit_writes_japanese_as_its_neighbours_are_written() -> None:
    raw = "山田".encode("iso2022_jp")
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||~ISO IR87\rPID|||||" + raw + b"^a|x\r")
    edited = hl7v2.edit(message, "PID-5.2", "太郎れ")
    assert [edited["PID-5.1"], edited["PID-5.2"], edited["PID-6"]] == ["山田", "太郎れ", "x"]
    assert "太郎れ".encode("iso2022_jp") in bytes(edited)


def test_local_sequences_by_a_hook() -> None:
    seen: list[str] = []

    def vendor(body: str) -> str | None:
        seen.append(body)
        return "<logo>" if body == "Zlogo" else None

    text = hl7v2.unescape("a\\Zlogo\\b\\Zx\\", SYNTAX, vendor=vendor)
    assert (text, seen) == ("a<logo>b\\Zx\\", ["Zlogo", "Zx"])


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        ("one\\.br\\two", ["one", "two"]),
        ("one\\.sp\\two\\.sp2\\three", ["one", "two", "", "three"]),
        ("\\.in4\\a\\.br\\b", ["    a", "    b"]),
        ("\\.in+2\\a\\.br\\\\.in-1\\b", ["  a", " b"]),
        ("\\.ti3\\a\\.br\\b", ["   a", "b"]),
        ("a\\.sk3\\b", ["a   b"]),
        ("\\.ce\\mid\\.br\\x", ["mid".center(80).rstrip(), "x"]),
        ("head\\.ce\\mid", ["head", "mid".center(80).rstrip()]),
        ("\\H\\low\\N\\ \\T\\ \\X41\\", ["*low* & A"]),
        ("a\\X0D0A\\b", ["a", "b"]),
        ("a\\.xx\\b\\Q\\", ["a\\.xx\\b\\Q\\"]),
        ("\\.sp9999\\", [""] * 100),
    ],
)
def test_formatted_text_is_drawn(raw: str, lines: list[str]) -> None:
    assert hl7v2.render(raw, SYNTAX, highlight=("*", "*")).split("\n") == lines


def test_long_lines_are_folded_where_a_width_is_asked_for() -> None:
    raw = "the quick brown fox\\.br\\\\.nf\\jumps over the lazy dog"
    assert hl7v2.render(raw, SYNTAX, width=10).split("\n") == ["the quick", "brown fox", "jumps over the lazy dog"]
    assert hl7v2.render("x" * 25, SYNTAX, width=10).split("\n") == ["x" * 10, "x" * 10, "x" * 5]


@given(st.text("ab \\.brspinceX4H", max_size=60), st.none() | st.integers(1, 20))
def test_any_text_is_drawn(raw: str, width: int | None) -> None:
    assert isinstance(hl7v2.render(raw, SYNTAX, width=width), str)


@given(st.text("FSTREPXCMZHN0123456789ABCDEF\\.br ab", max_size=40))
def test_text_without_marks_is_never_changed_and_nothing_raises(raw: str) -> None:
    found = hl7v2.unescape(raw, SYNTAX)
    if "\\" not in raw:
        assert found == raw


@given(st.text())
def test_escaping_is_undone_and_stable(text: str) -> None:
    written = hl7v2.escape(text, SYNTAX)
    assert hl7v2.unescape(written, SYNTAX) == text
    assert hl7v2.escape(hl7v2.unescape(written, SYNTAX), SYNTAX) == written


@pytest.mark.parametrize(
    ("raw", "odd"),
    [
        (b"plain", 0), (rb"\F\\S\\T\\R\\E\\P\\H\x\N\\.br\\.sp2\\.in+2\\X41\\M2442\\M242844\\C2842\\Zx\ ", 0),
        (rb"C:\temp\x", 1), (rb"a\X00D\b", 1), (rb"a\\b", 1), (b"end\\", 1), (rb"\Q\|\Q\ ", 2),
        (rb"\XFF\ ", 1), (rb"\X41\\XFF\ ", 1), (rb"\C2D5A\abc", 1), (rb"\M2442\odd", 1), (rb"\M2442\;3ED\C2842\x", 0),
    ],
)  # fmt: skip
def test_odd_sequences_are_told_with_their_place(raw: bytes, odd: int) -> None:
    message = hl7v2.parse(b"MSH|^~\\&|A\rNTE|1||" + raw + b"\r")
    found = [d for d in message.diagnostics if d.code == "HL7-121"]
    assert len(found) == odd
    for each in found:
        assert each.span is not None
        assert b"\\" in bytes(message)[slice(*each.span)]


@given(st.text("ab|^~&\\ ", max_size=30))
def test_python_hl7_s_escapes_are_understood(text: str) -> None:
    """Delimiters alone: its line ends become ``\\.br\\``, or a sequence with a blank in it."""
    peer = pytest.importorskip("hl7")
    written = peer.parse("MSH|^~\\&|A\r").escape(text)
    assert hl7v2.unescape(written, SYNTAX) == text


@given(st.text("ab|^~&\\ ", max_size=30))
def test_python_hl7_understands_ours(text: str) -> None:
    peer = pytest.importorskip("hl7")
    assert peer.parse("MSH|^~\\&|A\r").unescape(hl7v2.escape(text, SYNTAX)) == text
