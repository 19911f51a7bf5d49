"""Composites by name and number, their tables over the versions, and the way back. Witnesses: the standard, hl7apy."""

from __future__ import annotations

import pickle
import re
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence
from iomt_interop.wire.hl7v2.types import (
    TYPE_NAMES,
    VERSIONS,
    Composite,
    Encapsulated,
    Raw,
    Text,
    components,
    decode,
    decode_all,
    decode_obx,
    decode_text,
    doubts,
    encode,
)

SYNTAX = hl7v2.parse(b"MSH|^~\\&|A\r").syntax
OTHER = hl7v2.parse(b"MSH#*!/+#A\r").syntax
MESSAGE = hl7v2.parse(
    "MSH|^~\\&|MON^0012211839000001^EUI-64||||||ORU^R01^ORU_R01|7|P|2.6\r"
    "PID|1||17^^^HOSP&1.2.3&ISO^MR^^20200101~4711^^^NAT||Beethoven&van&Beethoven^Ludwig^^Jr.^Dr.||19680309|M||"
    "|12 Main St&Main St&12^^Rome^RM^00100^ITA^H^^^^^20200101&20201231||"
    "^PRN^PH^^39^06^1234567^12~^NET^Internet^a@b.example\r"
    "PV1|1|I|ICU^2^7^HOSP&1.2&ISO^^N^B1^3|||||1234^Smith^Ann^^^Dr.^^^AUTH&1.9&ISO^L\r"
    "OBX|1|CWE|8867-4^Heart rate^LN^147842^MDC_ECG_HEART_RATE^MDC||x^y\r"
    "OBX|2|ED|||MON^IM^PNG^Base64^aGVs\\.br\\bG8=\r"
    "OBX|3|RP|||pic^APP&1.2&ISO^IM^JPEG\r"
    "OBX|4|DR|||20200101^20200102120000+0100\r"
    "OBX|5|NR|||50^120.5\r"
    "OBX|6|XYZ|||a^b&c\r"
    "OBX|7||||\r"
)


def at(path: str, kind: str) -> Any:
    return decode(MESSAGE.get(path), kind)


def test_an_identifier() -> None:
    first, second = decode_all(MESSAGE.get("PID-3"), "CX")
    assert isinstance(first, Composite)
    assert (first.id_number, first.identifier_type_code) == ("17", "MR")
    assert (first.assigning_authority.namespace_id, first.assigning_authority.universal_id) == ("HOSP", "1.2.3")
    assert first.effective_date.isoformat() == "2020-01-01"
    assert (first[6], first[9], first.expiration_date) == (None, None, None)
    assert isinstance(second, Composite)
    assert second.assigning_authority.namespace_id == "NAT"
    assert len(second) == 4
    with pytest.raises(AttributeError):
        _ = first.no_such_component


def test_names_addresses_numbers_places_and_people() -> None:
    name = at("PID-5", "XPN")
    assert (name.family_name.surname, name.family_name.own_surname_prefix, name.given_name) == (
        "Beethoven", "van", "Ludwig",
    )  # fmt: skip
    assert (name.suffix, name.prefix) == ("Jr.", "Dr.")
    home = at("PID-11", "XAD")
    assert home.street_address.street_name == "Main St"
    assert (home.city, home.zip_or_postal_code, home.country, home.address_type) == ("Rome", "00100", "ITA", "H")
    assert [each.isoformat() for each in home[12]] == ["2020-01-01", "2020-12-31"]
    phone, mail = at("PID-13", "XTN")
    assert (phone.telecommunication_use_code, phone.local_number, phone.area_city_code.text) == ("PRN", 1234567, "06")
    assert mail.communication_address == "a@b.example"
    place = at("PV1-3", "PL")
    assert (place.point_of_care, place.room, place.bed, place.facility.universal_id) == ("ICU", "2", "7", "1.2")
    doctor = at("PV1-8", "XCN")
    assert (doctor.family_name.surname, doctor.given_name, doctor.assigning_authority.universal_id) == (
        "Smith", "Ann", "1.9",
    )  # fmt: skip
    kind = at("MSH-9", "MSG")
    assert (kind.message_code, kind.trigger_event, kind.message_structure) == ("ORU", "R01", "ORU_R01")
    assert at("MSH-3", "HD").universal_id_type == "EUI-64"


def test_obx_5_by_obx_2() -> None:
    values = [decode_obx(segment) for segment in MESSAGE if segment.id == "OBX"]
    coded, document, reference, period, span, unknown, nothing = values
    assert [each.identifier for each in coded] == ["x"]  # type: ignore[union-attr]
    assert isinstance(document[0], Encapsulated)
    assert document[0].octets() == b"hello"
    assert reference[0].application_id.universal_id == "1.2"  # type: ignore[union-attr]
    assert [each.isoformat() for each in period[0]] == ["2020-01-01", "2020-01-02T12:00:00+01:00"]  # type: ignore
    assert [str(each) for each in span[0]] == ["50", "120.5"]  # type: ignore[union-attr]
    assert isinstance(unknown[0], Raw)
    assert (unknown[0].text, unknown[0].doubt) == ("a^b&c", "HL7-134")
    assert nothing == ()


@pytest.mark.parametrize(
    ("data", "encoding", "octets"),
    [
        ("aGVsbG8=", "Base64", b"hello"),
        ("aGVsbG8", "Base64", None),
        ("68656c6C6f", "Hex", b"hello"),
        ("686", "Hex", None),
        ("plain \\T\\ text", "A", b"plain & text"),
        ("x", "ROT13", None),
    ],
)
def test_encapsulated_data(data: str, encoding: str, octets: bytes | None) -> None:
    found = decode_text(f"^TEXT^^{encoding}^{data}", "ED", SYNTAX)
    assert isinstance(found, Encapsulated)
    assert found.octets() == octets
    assert list(doubts(found)) == ([] if octets is not None else [(".5", "HL7-136")])


def test_absent_empty_and_null_inside() -> None:
    found: Any = decode_text('17^""^^A&&""', "CX", SYNTAX)
    assert (found[2], found[3], found[4][2], found[4][3], found[5]) == (
        Presence.NULL, None, None, Presence.NULL, None,
    )  # fmt: skip
    assert (len(found), len(found[4])) == (4, 3)
    assert found.named().keys() == {"id_number", "identifier_check_digit", "assigning_authority"}
    assert encode(found, SYNTAX) == '17^""^^A&&""'


def test_delimiters_where_no_part_should_be_are_told_and_kept() -> None:
    found: Any = decode_text("AT&T^x", "CE", SYNTAX, version="2.5")
    assert isinstance(found[1], Raw)
    assert (found[1].text, found[1].reading, found[1].doubt) == ("AT&T", "AT&T", "HL7-133")
    assert list(doubts(found)) == [(".1", "HL7-133")]
    assert list(doubts(decode_text("a^b^c^d", "HD", SYNTAX))) == [(".4", "HL7-135")]
    assert list(doubts((decode_text("1^x", "MO", SYNTAX), decode_text("x", "MO", SYNTAX)))) == [("[2].1", "HL7-130")]


def test_a_later_version_s_components_are_known_in_an_earlier_one() -> None:
    """CWE had 9 components until 2.6; senders of 2.5.1 write its OID (component 14) all the same."""
    found: Any = decode_text("^".join(["a"] * 13 + ["1.2.3"]), "CWE", SYNTAX, version="2.5.1")
    assert (found[14], found.coding_system_oid, found.named()["coding_system_oid"]) == ("1.2.3", "1.2.3", "1.2.3")
    assert len(components("CWE", "2.5.1")) == 9
    assert (".14", "HL7-135") in list(doubts(found))
    coded: Any = decode_text("a^b^LN^c^d^L^2.56^v1^said", "CE", SYNTAX, version="2.5.1")
    assert (coded.original_text, coded.coding_system_version_id) == ("said", "2.56")


@pytest.mark.parametrize("version", [v for v in VERSIONS if v not in ("2.7.1", "2.9")])
def test_tables_are_those_of_hl7apy(version: str) -> None:
    """Positions and types of every composite of every version; the names are this project's own."""
    theirs = import_module(f"hl7apy.v{version.replace('.', '_')}.datatypes").DATATYPES_STRUCTS
    for kind, rows in theirs.items():
        if kind in ("CN_SIMPLE", "CQ_SIMPLE", "DR_SIMPLE"):
            continue  # how hl7apy calls a type inside another
        if (version, kind) == ("2.3", "CM_CP"):
            continue  # its two tables differ
        wanted = [(int(row[0].rpartition("_")[2]), re.sub("^(CN|CQ|DR)_SIMPLE", r"\1", row[1][2])) for row in rows]
        ours = [(part.position, "WD" if part.withdrawn else part.type_name) for part in components(kind, version)]
        if (version, kind) == ("2.7", "XPN"):  # the standard withdrew two components, hl7apy calls them texts
            assert (ours[5], ours[9]) == ((6, "WD"), (10, "WD"))
            ours[5], ours[9] = (6, "ST"), (10, "ST")
        if (version, kind) == ("2.6", "XTN"):
            ours = ours[1:]  # hl7apy leaves the withdrawn first component out
        assert ours == wanted, (version, kind)


def test_a_withdrawn_component_is_read_as_what_it_was() -> None:
    """XAD-12 was withdrawn in 2.7 and stays the validity range that senders write."""
    part = components("XAD", "2.8")[11]
    assert (part.type_name, part.withdrawn) == ("DR", True)
    found: Any = decode_text("Main St" + "^" * 11 + "2020&2021", "XAD", SYNTAX, version="2.8")
    assert [each.isoformat() for each in found[12]] == ["2020", "2021"]


def test_names_of_components_are_identifiers_and_free() -> None:
    taken = {name for name in dir(Composite) if not name.startswith("_")} | {"octets", "relation", "bounds", "ratio"}
    for kind in TYPE_NAMES:
        for version in VERSIONS:
            names = [part.name for part in components(kind, version)]
            assert len(set(names)) == len(names), kind
            assert all(name.isidentifier() for name in names), kind
            assert not taken & set(names), kind


LEAVES = st.sampled_from(
    ["", '""', "a", "20200101", "2020^D", "12.50", "x\\T\\y", "\\.br\\", "\\X41\\", "\\Q\\", "\\", "#", "ü", "1e9"]
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, min_size=1, max_size=4).map("^".join), max_leaves=6)
TEXTS = TREES | st.text('ab1.-+&^\\"~Z# ', max_size=30) | st.text(max_size=20)


@given(TEXTS, st.sampled_from(sorted(TYPE_NAMES)), st.sampled_from(VERSIONS))
def test_whatever_is_decoded_is_written_as_it_was(text: str, kind: str, version: str) -> None:
    value = decode_text(text, kind, SYNTAX, level=0, version=version)
    assert encode(value, SYNTAX, level=0) == text
    assert "ZEBRA" not in repr(value)
    list(doubts(value))


@given(TEXTS, st.sampled_from(sorted(TYPE_NAMES)))
def test_under_other_delimiters_the_same_is_said(text: str, kind: str) -> None:
    value = decode_text(text, kind, SYNTAX, level=0)
    moved = encode(value, OTHER, level=0)
    again = decode_text(moved, kind, OTHER, level=0)
    assert hl7v2.unescape(encode(again, SYNTAX, level=0), SYNTAX) == hl7v2.unescape(text, SYNTAX)


@given(st.lists(LEAVES, min_size=2, max_size=9), st.integers(0, 8), st.sampled_from(["CX", "XPN", "XCN", "CWE", "PL"]))
def test_another_leaf_is_another_value(leaves: list[str], place: int, kind: str) -> None:
    place %= len(leaves)
    changed = [*leaves]
    changed[place] += "q"
    assert decode_text("^".join(leaves), kind, SYNTAX) != decode_text("^".join(changed), kind, SYNTAX)


def test_formatting_and_octets_survive_the_way_back() -> None:
    found = decode_text("a\\.br\\b\\X41\\\\T\\", "FT", SYNTAX)
    assert isinstance(found, Text)
    assert found == "a\\.br\\bA&"
    assert (encode(found, SYNTAX), encode(found, OTHER)) == ("a\\.br\\b\\X41\\\\T\\", "a/.br/b/X41/&")
    back = pickle.loads(pickle.dumps(found))
    assert (back, back.written) == (found, found.written)


def test_plain_values_are_written_by_name_and_place() -> None:
    assert encode(("17", None, None, ("HOSP", "1.2.3", "ISO"), "MR"), SYNTAX) == "17^^^HOSP&1.2.3&ISO^MR"
    by_name = {"id_number": "1|7", "assigning_authority": {"universal_id": "1.2.3"}}
    assert encode(by_name, SYNTAX, type_name="CX") == "1\\F\\7^^^&1.2.3"
    assert encode([by_name, Presence.NULL], SYNTAX, type_name="CX", level=0) == '1\\F\\7^^^&1.2.3~""'
    with pytest.raises(InvalidRequest):
        encode({"id": "1"}, SYNTAX, type_name="CX")
    with pytest.raises(InvalidRequest):
        encode((("a", ("b", ("c", "d"))),), SYNTAX)
