"""Edits change their place and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, MalformedInput
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence

DATA = b"MSH|^~\\&|A\rPID|||1~2~3^x&y||N^^|\rOBX|1|ST\rOBX|2|NM|||5|\\.br\\\rZZZ|\xff\r"
MESSAGE = hl7v2.parse(DATA)


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("PID-3[2]", b"|1~3^x&y|"),
        ("PID-3[1]", b"|2~3^x&y|"),
        ("PID-3[3]", b"|1~2|"),
        ("PID-3[3].2", b"|1~2~3^|"),
        ("PID-3[3].2.1", b"|1~2~3^&y|"),
        ("PID-3", b"PID|||||N^^|"),
        ("PID-5[1]", b"y|||\r"),
    ],
)
def test_delete(path: str, after: bytes) -> None:
    edited = hl7v2.delete(MESSAGE, path)
    assert after in bytes(edited)
    assert len(bytes(edited)) < len(DATA)


@pytest.mark.parametrize("path", ["PID-9", "PID-3[7]", "PID-3[1].2", "OBX(1)-5"])
def test_deleting_nothing_changes_nothing(path: str) -> None:
    assert bytes(hl7v2.delete(MESSAGE, path)) == DATA


def test_null_is_written_and_not_escaped() -> None:
    edited = hl7v2.edit(MESSAGE, "PID-5.1", hl7v2.NULL)
    assert b'|""^^|' in bytes(edited)
    assert edited.presence("PID-5.1") is Presence.NULL


@pytest.mark.parametrize(
    ("path", "after"), [("PID-3[1]", b"|n~1~2~3^x&y|"), ("PID-3[3]", b"|1~2~n~3^x&y|"), ("PID-3[5]", b"~3^x&y~~n|")]
)
def test_insert_a_repetition(path: str, after: bytes) -> None:
    assert after in bytes(hl7v2.insert(MESSAGE, path, "n"))


def test_raw_text_keeps_its_delimiters() -> None:
    edited = hl7v2.edit(MESSAGE, "PID-3[2]", "7^^^H&1.2&ISO", raw=True)
    assert edited["PID-3[2].4.2"] == "1.2"
    with pytest.raises(InvalidRequest):
        hl7v2.edit(MESSAGE, "PID-3", "a\rb", raw=True)


def test_segments_are_put_in_and_taken_out() -> None:
    assert bytes(hl7v2.insert_segment(MESSAGE, "PID", "NTE|1")).startswith(DATA.split(b"OBX")[0] + b"NTE|1\rOBX|1")
    assert b"\rNTE|1\rPID|" in bytes(hl7v2.insert_segment(MESSAGE, "PID", "NTE|1", after=False))
    assert bytes(hl7v2.append_segment(MESSAGE, "NTE|1")) == DATA + b"NTE|1\r"
    assert bytes(hl7v2.remove_segment(MESSAGE, "OBX(2)")) == DATA.replace(b"OBX|2|NM|||5|\\.br\\\r", b"")
    assert bytes(hl7v2.append_segment(hl7v2.parse(b"MSH|^~\\&|A"), "NTE|1")) == b"MSH|^~\\&|A\rNTE|1"
    lines = hl7v2.parse(b"MSH|^~\\&|A\r\nPID|1\r\n")
    assert bytes(hl7v2.append_segment(lines, "NTE|1")) == b"MSH|^~\\&|A\r\nPID|1\r\nNTE|1\r\n"
    assert bytes(hl7v2.remove_segment(lines, "PID")) == b"MSH|^~\\&|A\r\n"


def test_a_frame_stays_around_an_edited_message() -> None:
    framed = hl7v2.parse(b"\x0b" + DATA + b"\x1c\r")
    assert bytes(hl7v2.append_segment(framed, "NTE|1")) == b"\x0b" + DATA + b"NTE|1\r\x1c\r"
    assert bytes(hl7v2.edit(framed, "PID-3[1]", "9")) == b"\x0b" + DATA.replace(b"|1~", b"|9~") + b"\x1c\r"


def test_the_truncation_character_is_escaped_where_the_message_has_one() -> None:
    message = hl7v2.parse(b"MSH|^~\\&#|A\rPID|||1|2#\r")
    edited = hl7v2.edit(message, "PID-3", "Room #5")
    assert b"|Room \\P\\5|" in bytes(edited)
    assert edited["PID-3"] == "Room #5"
    part = edited.get("PID-4")
    assert part is not None
    assert part.truncated


@pytest.mark.parametrize(
    "call",
    [
        lambda: hl7v2.insert(MESSAGE, "PID-3", "x"),
        lambda: hl7v2.insert(MESSAGE, "PID-3[1].2", "x"),
        lambda: hl7v2.delete(MESSAGE, "PID-3[*]"),
        lambda: hl7v2.delete(MESSAGE, "MSH-2"),
        lambda: hl7v2.remove_segment(MESSAGE, "MSH"),
        lambda: hl7v2.remove_segment(MESSAGE, "OBX(*)"),
        lambda: hl7v2.remove_segment(MESSAGE, "OBX(3)"),
        lambda: hl7v2.insert_segment(MESSAGE, "QQQ", "NTE|1"),
        lambda: hl7v2.insert_segment(MESSAGE, "MSH", "NTE|1", after=False),
        lambda: hl7v2.insert_segment(MESSAGE, "PID", "NTE|1\rOBX|1"),
        lambda: hl7v2.append_segment(hl7v2.parse(b""), "NTE|1"),
        lambda: hl7v2.edit(hl7v2.parse(b"MSH|^|A\r"), "MSH-3[2]", "x"),
    ],
)
def test_what_cannot_be_edited(call: Callable[[], hl7v2.Message]) -> None:
    with pytest.raises(InvalidRequest):
        call()


def test_a_character_that_the_message_cannot_say() -> None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||8859/1\rPID|||\xfc\r")
    assert b"|\xe4\r" in bytes(hl7v2.edit(message, "PID-3", "ä"))
    with pytest.raises(MalformedInput, match="HL7-111"):
        hl7v2.edit(message, "PID-3", "心")


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("PID.3.1", "PID-3.1"),
        ("PID(1)-3(3).2.2", "PID-3[3].2.2"),
        ("OBX[2].5", "OBX(2)-5"),
        ("PID-3(2).1", "PID-3[2].1"),
    ],
)
def test_other_notations_of_a_path(path: str, same: str) -> None:
    assert MESSAGE[path] == MESSAGE[same]
    assert MESSAGE[path] is not None


def test_wildcards_at_every_level() -> None:
    def texts(path: str) -> list[str]:
        return [part.text for part in MESSAGE.select(path)]

    assert texts("PID-3[*].1") == ["1", "2", "3"]
    assert texts("PID-3[*].*") == ["1", "2", "3", "x&y"]
    assert texts("PID-3[3].*.*") == ["3", "x", "y"]
    assert texts("OBX(*)-2") == ["ST", "NM"]
    assert texts("OBX(1)-*") == ["1", "ST"]
    assert texts("QQQ(*)-1") == []


PATHS = st.builds(
    lambda s, f, r, c, u: f"{s}-{f}" + (f"[{r}]" if r else "") + (f".{c}" + (f".{u}" if u else "") if c else ""),
    st.sampled_from(["PID", "OBX(1)", "OBX(2)", "ZZZ"]), st.integers(1, 9), st.integers(0, 4), st.integers(0, 4),
    st.integers(0, 3),
)  # fmt: skip


@given(PATHS, st.text("ab|^~\\&\r\né#", min_size=1, max_size=8))
def test_an_edit_is_read_back_and_all_before_and_behind_it_stays(path: str, text: str) -> None:
    assume(text != hl7v2.NULL)
    where = hl7v2.parse_path(path)
    edited = hl7v2.edit(MESSAGE, path, text)
    assert edited[path] == text
    assert len(edited) == len(MESSAGE)
    target = MESSAGE.segment(where.segment, where.occurrence)
    assert target is not None
    for old, new in zip(MESSAGE, edited, strict=True):
        if old.ordinal != target.ordinal:
            assert bytes(old) == bytes(new)
        else:
            for number, field in enumerate(old, 1):
                assert number == where.field or new.field(number).raw == field.raw
    assert bytes(edited).startswith(DATA[: target.start])
    assert bytes(edited).endswith(DATA[target.stop :])


@given(PATHS)
def test_deleting_is_read_back_as_nothing(path: str) -> None:
    where = hl7v2.parse_path(path)
    edited = hl7v2.delete(MESSAGE, path)
    if where.repetition is None or where.component is not None:
        assert not edited[path]
    assert len(edited) == len(MESSAGE)


def test_another_truncation_character_is_escaped_as_well_and_comes_back() -> None:
    """Ch. 2.5.5.2 and 2.7.1: the fifth character of MSH-2, whichever it is, is what ``P`` stands for."""
    message = hl7v2.parse(b"MSH|^~\\&%|A|||||||1|P|2.7\rPID|||1|2%|3\\P\\\r")
    edited = hl7v2.edit(message, "PID-3", "up 5%")
    assert b"|up 5\\P\\|2%|" in bytes(edited)
    assert [edited[path] for path in ("PID-3", "PID-5")] == ["up 5%", "3%"]
    parts = [edited.get(path) for path in ("PID-3", "PID-4", "PID-5")]
    assert [part is not None and part.truncated for part in parts] == [False, True, False]
