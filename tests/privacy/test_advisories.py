"""Advisories against devices: ranges by their definition, names as people write them, and what is no document."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import MalformedInput
from iomt_interop.privacy.advisories import _in_range as in_range
from iomt_interop.privacy.advisories import load_advisory, match
from iomt_interop.privacy.inventory import DeviceEntry


def device(**more: Any) -> DeviceEntry:
    values: dict[str, Any] = {
        "id": "d1", "manufacturer": "Acme Medical", "model": "X200", "serial": "SN-7", "type": None, "node": "mds",
        "versions": (("firmware", "1.4"),), "first_seen": None, "last_seen": None, "records": 0, "drift": None,
        "certifications": (), "regulated": None, "status": None,
    }  # fmt: skip
    return DeviceEntry(**(values | more))


def product(name: str, identity: str, **helper: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "product_id": identity}
    return found | ({"product_identification_helper": helper} if helper else {})


def document(
    *, vendor: str = "Acme Medical", name: str = "X200", versions: dict[str, str] | None = None,
    status: dict[str, list[str]] | None = None, helper: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    versions = versions or {"CSAFPID-1": "<2.0"}
    leaves = [
        {
            "category": "product_version_range" if text[0] in "<>v*" else "product_version",
            "name": text,
            "product": product(f"{vendor} {name} {text}", identity, **(helper or {})),
        }
        for identity, text in versions.items()
    ]
    return {
        "document": {"csaf_version": "2.0", "title": "Acme X200", "tracking": {"id": "ICSMA-26-001-01"}},
        "product_tree": {
            "branches": [
                {
                    "category": "vendor",
                    "name": vendor,
                    "branches": [{"category": "product_name", "name": name, "branches": leaves}],
                }
            ],
            "product_groups": [{"group_id": "G1", "product_ids": list(versions)}],
        },
        "vulnerabilities": [
            {
                "cve": "CVE-2026-0001",
                "product_status": status or {"known_affected": list(versions)},
                "remediations": [
                    {"category": "vendor_fix", "details": "Update.", "group_ids": ["G1"]},
                    {"category": "mitigation", "details": "Unplug.", "product_ids": ["CSAFPID-1"]},
                ],
            }
        ],
    }


def states(entry: DeviceEntry, tree: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(one.state, one.sure) for one in match([entry], [load_advisory(json.dumps(tree).encode())])]


def test_a_device_that_needs_an_update() -> None:
    (found,) = match([device()], [load_advisory(json.dumps(document()).encode())])
    assert (found.device, found.advisory, found.vulnerability) == ("d1", "ICSMA-26-001-01", "CVE-2026-0001")
    assert (found.product, found.state, found.sure) == ("CSAFPID-1", "affected", True)
    assert found.remedies == ("vendor_fix", "mitigation")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, [("affected", True)]),
        ({"versions": (("firmware", "2.0"),)}, []),
        ({"versions": (("firmware", "2.0"), ("software", "1.9"))}, [("affected", True)]),
        ({"versions": ()}, [("check", True)]),
        ({"versions": (("hardware", "1.0"),)}, [("check", True)]),
        ({"manufacturer": "ACME MEDICAL"}, [("affected", True)]),
        ({"manufacturer": "Acme Medical GmbH"}, [("affected", False)]),
        ({"manufacturer": "Acme"}, [("affected", False)]),
        ({"manufacturer": None}, [("affected", False)]),
        ({"manufacturer": "Other"}, []),
        ({"model": "X200 Patient Monitor"}, [("affected", False)]),
        ({"model": "X300"}, []),
        ({"model": "X2000"}, []),
        ({"model": None}, []),
    ],
)
def test_who_is_meant(entry: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    assert states(device(**entry), document()) == expected


def test_serial_and_model_numbers_decide() -> None:
    by_serial = document(name="something else", helper={"serial_numbers": ["SN-?"]})
    assert states(device(), by_serial) == [("affected", True)]
    assert states(device(serial="SN-77"), by_serial) == []
    assert states(device(serial="SN-[7"), document(helper={"serial_numbers": ["SN-[7"]})) == [("affected", True)]
    by_model = document(name="something else", helper={"model_numbers": ["X2*"]})
    assert states(device(), by_model) == [("affected", True)]
    assert states(device(model="Y1"), by_model) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"known_affected": ["A"], "fixed": ["B"]}, [("affected", True)]),
        ({"under_investigation": ["A"]}, [("under-investigation", True)]),
        ({"last_affected": ["A"]}, [("affected", True)]),
        ({"known_not_affected": ["A"]}, []),
        ({"fixed": ["A"], "known_affected": ["B"]}, []),
        ({"known_affected": ["B"]}, []),
        ({"known_affected": ["C"], "fixed": ["A"]}, []),
        ({"known_affected": ["C"]}, [("affected", True)]),
    ],
)
def test_statuses(status: dict[str, list[str]], expected: list[tuple[str, bool]]) -> None:
    tree = document(versions={"A": "1.4", "B": "2.0", "C": "vers:all/*"}, status=status)
    assert states(device(), tree) == expected


def test_full_product_names_and_relationships() -> None:
    tree = document()
    tree["product_tree"] = {
        "full_product_names": [product("Acme Medical X200 monitor", "P1"), product("OpenThing library", "P2")],
        "relationships": [
            {
                "category": "default_component_of",
                "product_reference": "P2",
                "relates_to_product_reference": "P1",
                "full_product_name": product("Acme Medical X200 with OpenThing", "P3"),
            }
        ],
    }
    tree["vulnerabilities"] = [
        {"ids": [{"system_name": "s", "text": "ACME-1"}], "product_status": {"known_affected": ["P3"]}}
    ]
    (found,) = match([device()], [load_advisory(json.dumps(tree).encode())])
    assert (found.vulnerability, found.sure, found.state) == ("ACME-1", False, "affected")


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("1.4", "1.4", True),
        ("1.4.0", "1.4", True),
        ("v1.4", "1.4", True),
        ("1.10", "<1.9", False),
        ("1.10", ">1.9", True),
        ("2.0", "<2.0", False),
        ("2.0", "<=2.0", True),
        ("2.0-rc1", "<2.0", True),
        ("2.0b", ">2.0", True),
        ("B.02", "<B.03", True),
        ("1.5", "vers:generic/>=1.0|<2.0", True),
        ("2.5", "vers:generic/>=1.0|<2.0", False),
        ("0.5", "vers:generic/>=1.0|<2.0", False),
        ("3.5", "vers:generic/>=1.0|<2.0|>=3.0|<4.0", True),
        ("2.5", "vers:generic/>=1.0|<2.0|>=3.0|<4.0", False),
        ("9.0", "vers:intdot/>=1.0|<2.0|>=3.0", True),
        ("1.5", "vers:intdot/!=1.5|<2.0", False),
        ("1.6", "vers:intdot/!=1.5", True),
        ("1.5", "vers:intdot/1.3|1.5", True),
        ("7", "vers:all/*", True),
        ("8.18.12", "< V8.18.13", True),
        ("V4.5.1", "vers:all/<V4.5", False),
        ("R14", "<R15A", True),
        ("R15A", "<R15A", False),
        ("R16B", "R16B PC4", None),
        ("7", "all versions before 8", None),
        ("7", "", None),
        ("1" * 5000, "<2", False),
    ],
)
def test_ranges(version: str, wanted: str, expected: bool | None) -> None:
    assert in_range(version, wanted) is expected


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_ranges_of_whole_numbers(version: int, low: int, high: int) -> None:
    assert in_range(str(version), f"vers:intdot/>={low}|<{high}") is (low <= version < high) or low >= high
    assert in_range(f"1.{version}", f"<=1.{high}") is (version <= high)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"document": {"csaf_version": "1.2"}}',
        b'{"document": {"csaf_version": "2.0", "title": "t"}}',
        b'{"document": {"csaf_version": "2.0", "title": "t", "tracking": {"id": "i"}}, "vulnerabilities": [7]}',
        b'{"document": {"csaf_version": "2.0", "title": "t", "tracking": {"id": "i"}}, "product_tree": []}',
        b'{"document": {"csaf_version": "2.0", "title": "t", "tracking": {"id": "i"}},'
        b' "product_tree": {"branches": [{"name": "x"}]}}',
    ],
)  # fmt: skip
def test_what_is_no_advisory_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        load_advisory(data)
    assert caught.value.code == "AGR-002"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x)
    )
)
def test_any_tree_is_an_advisory_or_an_error(tree: object) -> None:
    head = {"csaf_version": "2.0", "title": "t", "tracking": {"id": "i"}}
    for parts in ({"product_tree": tree}, {"vulnerabilities": tree}, {"vulnerabilities": [tree]}):
        with suppress(MalformedInput):
            assert load_advisory(json.dumps({"document": head, **parts}).encode()).id == "i"
