"""Group trees of real messages: HAPI's, but for what HAPI is known to drop; and nothing lost in any file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.elements import Element, elements
from iomt_interop.wire.hl7v2.json import from_json, to_json
from iomt_interop.wire.hl7v2.structure import Definitions, Group, structure
from iomt_interop.wire.hl7v2.xml import from_xml, to_xml

# HAPI takes only CR for the end of a segment: a file with LF alone is one long MSH to it. To compare all the same, LF
# is replaced by a character that this library takes for data as well.
STAND_IN = b"\x1f"

# How often each of HAPI's ways differs from ours over the 24 files; `reason` below says what each is.
EXPECTED = {
    "component beyond the data type, dropped": 76,
    "components of a primitive, all but the first dropped": 30,
    "white space at the edge, dropped": 11,
    "LF behind the last CR, kept as data": 4,
    "escape character without a sequence, dropped": 1,
    "structure named by its event": 2,
}


# hl7apy puts a segment to the first member that knows it, be that behind the one before: results of an OUL to the
# documents of its common order, the second TQ1 of an RDE to the first group that has one.
HL7APY_GOES_BACK = [
    *(f"OUL-{event}-0{number}.hl7" for event in ("R22", "R23", "R24") for number in (1, 2)),
    "RDE-O11-01.hl7",
    "RDE-O11-02.hl7",
]


def tree(group: Group, tables: Definitions) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for child in group:
        if isinstance(child, Group):
            found.setdefault(child.name, []).append(tree(child, tables))
        else:
            fields: dict[str, list[Any]] = {}
            for element in elements(child.segment, tables):
                fields.setdefault(element.name, []).append(content(element))
            found.setdefault(child.name, []).append(fields)
    return found


def content(element: Element) -> Any:
    if element.children is None:
        return element.part.text.replace("\x1f", "\n")
    if not element.children:
        return ""
    found: dict[str, list[Any]] = {}
    for child in element.children:
        found.setdefault(child.name, []).append(content(child))
    return found


def differences(ours: Any, theirs: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if name in ours and name in theirs and len(ours[name]) == len(theirs[name]):
                for mine, other in zip(ours[name], theirs[name], strict=True):
                    yield from differences(mine, other, name)
            else:
                yield name, ours.get(name), theirs.get(name)
    elif ours != theirs:
        yield key, ours, theirs


def first(value: Any) -> str:
    """Return the text of the first component, down to the leaf: what HAPI keeps of a primitive."""
    while isinstance(value, dict):
        name = next(iter(value))
        value = value[name][0] if name.endswith(".1") else ""
    return str(value)


def reason(name: str, ours: Any, theirs: Any, tables: Definitions) -> str:
    kind, _, number = name.partition(".")
    rules = tables.datatype(kind)
    if theirs is None and rules is not None and int(number) > len(rules):
        return "component beyond the data type, dropped"
    if isinstance(ours, list) and len(ours) == 1:
        ours = ours[0]
    if isinstance(ours, dict) and all(key.startswith("UNKNOWN.") for key in ours) and (theirs or "") == first(ours):
        return "components of a primitive, all but the first dropped"
    if isinstance(ours, str) and isinstance(theirs, str):
        if theirs == ours + "\n":
            return "LF behind the last CR, kept as data"
        if theirs == ours.strip():
            return "white space at the edge, dropped"
    if theirs is None and isinstance(ours, list) and ours == ["", {"UNKNOWN.1": [{"UNKNOWN.1": ["\\"]}]}]:
        return "escape character without a sequence, dropped"
    return f"not explained: {name}"


def oracle(path: Path) -> Any:
    # One file holds a JSON escape that is none (`^~\&`), and all hold line breaks inside strings.
    with path.open(encoding="utf-8", newline="") as file:
        return json.loads(file.read().replace('"MSH|^~\\&|', '"MSH|^~\\\\&|'), strict=False)


def test_trees_are_those_of_hapi(corpus: Path) -> None:
    files = sorted((corpus / "hl7v2" / "node-hl7-complete").rglob("*.js"))
    assert len(files) == 24
    told: Counter[str] = Counter()
    same = 0
    for path in files:
        data = path.with_suffix(".hl7").read_bytes()
        found = structure(hl7v2.parse(data if b"\r" in data else data.replace(b"\n", STAND_IN)))
        ((name, theirs),) = oracle(path).items()
        if name != found.name:
            # HAPI has a class per event for versions before 2.3.1, and names the root after it.
            assert found.resolution.definitions.version == "2.3"
            assert (found.name, name) in {("SIU_S12", "SIU_S14"), ("MDM_T02", "MDM_T04")}
            told["structure named by its event"] += 1
        tables = found.resolution.definitions
        here = [reason(*each, tables) for each in differences(tree(found.root, tables), theirs)]
        told.update(here)
        same += not here
    assert not [each for each in told if each.startswith("not")]
    assert dict(told) == EXPECTED
    assert same == 9


def test_no_segment_of_any_file_is_lost(corpus: Path) -> None:
    messages = deviating = 0
    for path in sorted((corpus / "hl7v2").rglob("*")):
        if path.suffix not in {".hl7", ".bin", ".txt"} or not path.is_file():
            continue
        for message in hl7v2.iter_messages(path.read_bytes()):
            found = structure(message)
            assert [s.ordinal for s in found.root.segments] == list(range(len(message))), path
            messages += 1
            deviating += bool(found.deviations)
    assert messages >= 350


def test_groups_are_those_of_hl7apy_where_it_loses_nothing(corpus: Path) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    exceptions = pytest.importorskip("hl7apy.exceptions")

    def walk(element: Any, prefix: int) -> list[Any]:
        return [
            (child.name[prefix:], walk(child, prefix)) if child.classname == "Group" else child.name
            for child in element.children
        ]

    def shape(group: Group) -> list[Any]:
        return [(c.name.rpartition(".")[2], shape(c)) if isinstance(c, Group) else c.name for c in group]

    compared, different = 0, []
    for path in sorted((corpus / "hl7v2").rglob("*.hl7")):
        message = hl7v2.parse(path.read_bytes())
        found = structure(message)
        if found.deviations or len(message) > 30 or found.resolution.version != found.resolution.definitions.version:
            continue
        text = "\r".join(bytes(s).decode("latin-1").replace("^~\\&#", "^~\\&") for s in message) + "\r"
        try:
            theirs = parser.parse_message(text, find_groups=True)
        except (exceptions.HL7apyException, ValueError, AttributeError, KeyError):
            continue
        flat = [s.id for s in message]
        ids = []

        def collect(element: Any, ids: list[str] = ids) -> None:
            for child in element.children:
                collect(child) if child.classname == "Group" else ids.append(child.name)

        collect(theirs)
        if ids != flat or theirs.name is None:
            continue  # it lost a segment or moved it
        compared += 1
        if walk(theirs, len(theirs.name) + 1) != shape(found.root):
            different.append(path.name)
    assert compared >= 250
    assert sorted(different) == HL7APY_GOES_BACK


def test_every_message_goes_to_xml_and_json_and_back(corpus: Path) -> None:
    def below(part: hl7v2.Part, numbers: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
        if part.level == 3 and part:
            yield numbers, part.text
        for number, each in enumerate(part, 1):
            yield from below(each, (*numbers, number))

    def leaves(message: hl7v2.Message) -> list[list[tuple[tuple[int, ...], str]]]:
        return [[leaf for n, field in enumerate(s, 1) for leaf in below(field, (n,))] for s in message]

    count = 0
    for path in sorted((corpus / "hl7v2").rglob("*.hl7")):
        for message in hl7v2.iter_messages(path.read_bytes()):
            for back in (from_xml(to_xml(message)), from_json(to_json(message))):
                assert [s.id for s in back] == [s.id for s in message]
                assert leaves(back) == leaves(message), path
            count += 1
    assert count >= 350
