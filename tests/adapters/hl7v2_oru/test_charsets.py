"""Texts in other character sets: what MSH-18 declares and switches by ISO 2022 bring, characters arrive as such."""

from __future__ import annotations

import pytest

import iomt_interop as iomt
from iomt_interop.model import Observation, Subject, TextValue

SETS = {
    "~ISO IR87": ("iso2022_jp", "\u5c71\u7530", "\u592a\u90ce", "\u6b63\u5e38"),
    "UNICODE UTF-8": ("utf-8", "M\u00fcller", "J\u00fcrgen", "\u00fcber 37 \u00b0C"),
    "8859/1": ("latin-1", "M\u00fcller", "J\u00fcrgen", "\u00fcber 37 \u00b0C"),
    "8859/5": (
        "iso8859-5",
        "\u0418\u0432\u0430\u043d\u043e\u0432",
        "\u0418\u0432\u0430\u043d",
        "\u043d\u043e\u0440\u043c\u0430",
    ),
    "GB 18030-2000": ("gb18030", "\u674e", "\u660e", "\u6b63\u5e38"),
    "BIG-5": ("big5", "\u8a31", "\u529f\u84cb", "\u6b63\u5e38"),
}


@pytest.mark.parametrize("declared", sorted(SETS))
def test_names_and_values_arrive_in_every_set(declared: str) -> None:
    codec, family, given, value = SETS[declared]

    def octets(text: str) -> bytes:
        return text.encode(codec)

    message = (
        b"MSH|^~\\&|LAB|H|||20260101||ORU^R01^ORU_R01|1|P|2.5||||||" + declared.encode() + b"\r"
        b"PID|||77^^^H^MR||" + octets(family) + b"^" + octets(given) + b"\r"
        b"OBR|1|||X^Y^L\rOBX|1|ST|A^" + octets(family) + b"^L||" + octets(value) + b"||||||F\r"
    )
    records = list(iomt.read(message))
    [person] = [record for record in records if isinstance(record, Subject)]
    [result] = [record for record in records if isinstance(record, Observation)]
    assert [(name.family, name.given) for name in person.names] == [(family, (given,))]
    assert isinstance(result.value, TextValue)
    assert result.value.text == value
    assert result.code.codings[0].display == family
