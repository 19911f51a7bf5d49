"""The search says which text and in which encoding, misses none at any place, and takes its time for none."""

from __future__ import annotations

import base64
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import make

from iomt_interop import model as m
from iomt_interop.privacy import find_leaks, identifying_values


@pytest.mark.parametrize(
    ("hidden", "encoding"),
    [
        (b"Webb", "utf-8"),
        ("Webb".encode("utf-16-le"), "utf-16-le"),
        ("Webb".encode("utf-16-be"), "utf-16-be"),
        (b"57656262", "hex"),
        (base64.b64encode(b"Webb"), "base64+0"),
        (base64.b64encode(b"|Webb|"), "base64+1"),
        (base64.b64encode(b"||Webb|"), "base64+2"),
    ],
)
def test_text_and_encoding_are_named(hidden: bytes, encoding: str) -> None:
    for before in range(9):
        assert (1, encoding) in find_leaks(b"\x80" * before + hidden + b"\x80", ["nobody", "Webb"])


@given(st.binary(max_size=64), st.lists(st.binary(min_size=0, max_size=6), max_size=8), st.data())
def test_the_search_agrees_with_a_naive_one(data: bytes, others: list[bytes], draw: st.DataObject) -> None:
    """On octets of few values, where the quick look finds much that the full one must refuse."""
    small = st.text("aAb", min_size=1, max_size=9)
    values = draw.draw(st.lists(small, max_size=6))
    data = draw.draw(small).encode() + data + draw.draw(small).encode() + b"".join(others)
    found = {number for number, encoding in find_leaks(data, values) if encoding == "utf-8"}
    for number, value in enumerate(values):
        raw = value.encode()
        hit = raw.lower() in data.lower() if len(raw) >= 6 else raw in data
        assert (number in found) == hit


def test_two_thousand_texts_in_a_mebibyte_take_seconds_at_most() -> None:
    values = [f"PAT-{n:06}-NAME" for n in range(2000)]
    data = os.urandom(1 << 20)
    start = time.process_time()
    assert find_leaks(data, values) == []
    assert find_leaks(data + values[1999].encode(), values) == [(1999, "utf-8")]
    assert time.process_time() - start < 20


def test_short_numbers_and_short_texts_are_not_searched_for() -> None:
    def subject(value: str) -> m.Subject:
        made = make(m.Subject, identifiers=(m.Identifier(value=value),))
        assert isinstance(made, m.Subject)
        return made

    assert list(identifying_values([subject(v) for v in ("1234", "abc", "12345", "a234", "")])) == ["12345", "a234"]


def test_what_identifies_a_device_is_listed() -> None:
    records = [
        make(m.Device, udi=(m.Udi(serial="SN-55512", carrier_hrf="(01)0885(21)SN-55512"),), names=("ward nine",)),
        make(m.DeviceAssociation, device="d", native_person="person 17"),
        make(m.Subject, birth_date=m.Instant(value="1961-02-03", native="19610203")),
    ]
    found = set(identifying_values(records))
    assert {"SN-55512", "(01)0885(21)SN-55512", "ward nine", "person 17", "19610203"} <= found
