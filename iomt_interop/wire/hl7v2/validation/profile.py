"""Conformance profiles in XML (HL7 v2.8 ch. 2.B, ``HL7v2xConformanceProfile``): what one interface demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ....errors import InputError, LimitExceeded, MalformedInput
from ..structure import GroupRule, SegmentRule

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MAX_PROFILE", "PartProfile", "Profile", "SegmentProfile", "read_profile"]

MAX_PROFILE: Final = 1 << 26
"""Longest profile in octets."""

_DEEPEST: Final = 24
_MOST: Final = 1_000_000
_USAGES: Final = frozenset({"R", "RE", "O", "C", "CE", "X", "B", "W"})
_BELOW: Final = {"Segment": "Field", "Field": "Component", "Component": "SubComponent", "SubComponent": ""}


@dataclass(frozen=True, slots=True)
class PartProfile:
    """A field, component or subcomponent.

    Parameters
    ----------
    usage : str
        ``R``, ``RE``, ``O``, ``C``, ``CE``, ``X``, ``B`` or ``W``.
    low, high : int
        How often it may stand; ``high`` is ``None`` for as often as one likes.
    datatype : str or None
        The data type.
    length : int or None
        Most characters.
    table, constant : str or None
        The number of a code table, and the one value that may stand.
    parts : tuple of PartProfile
        One level below, from number 1.
    """

    usage: str
    low: int
    high: int | None
    datatype: str | None = None
    length: int | None = None
    table: str | None = None
    constant: str | None = None
    parts: tuple[PartProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentProfile:
    """A segment at its place in the message."""

    usage: str
    fields: tuple[PartProfile, ...]


@dataclass(frozen=True)
class Profile:
    """A conformance profile of one message.

    Parameters
    ----------
    message_type, event, structure, version : str
        What it is a profile of; empty where it does not say.
    root : GroupRule
        Its grammar.
    segments : dict
        Identity of a segment's rule in ``root`` to the segment's profile.
    usages : dict
        Identity of any rule in ``root`` to its usage.
    """

    message_type: str
    event: str
    structure: str
    version: str
    root: GroupRule
    segments: dict[int, SegmentProfile]
    usages: dict[int, str]

    def __repr__(self) -> str:
        return f"Profile({self.message_type}^{self.event}^{self.structure}, {len(self.segments)} segments)"


def read_profile(data: bytes) -> Profile:
    """Read a conformance profile.

    Raises
    ------
    MalformedInput
        ``HL7-403`` when it is not XML or has a document type declaration, ``HL7-322`` when it is not a profile.
    LimitExceeded
        ``HL7-402`` when it is longer or deeper than the limits.
    """
    from lxml import etree  # noqa: PLC0415 - only profiles need it

    if len(data) > MAX_PROFILE:
        raise LimitExceeded("HL7-402", span=(0, len(data)))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MalformedInput("HL7-403") from None
    if cast("Any", root.getroottree().docinfo).doctype:
        raise MalformedInput("HL7-403", hint="a document type declaration is refused")
    definition = next((each for each in root.iter() if _name(each) == "HL7v2xStaticDef"), None)
    if _name(root) != "HL7v2xConformanceProfile" or definition is None:
        raise MalformedInput("HL7-322")
    return _Reader().profile(root, definition)


def _name(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


class _Reader:
    """Reads elements, and keeps what belongs to each rule."""

    def __init__(self) -> None:
        self.segments: dict[int, SegmentProfile] = {}
        self.usages: dict[int, str] = {}
        self.count = 0

    def profile(self, root: _Element, definition: _Element) -> Profile:
        name = definition.get("MsgStructID") or "_".join(
            filter(None, (definition.get("MsgType"), definition.get("EventType")))
        )
        return Profile(
            definition.get("MsgType", ""),
            definition.get("EventType", ""),
            definition.get("MsgStructID", ""),
            root.get("HL7Version", ""),
            GroupRule(name, 1, 1, self._members(definition, name, 0)),
            self.segments,
            self.usages,
        )

    def _members(self, parent: _Element, prefix: str, depth: int) -> tuple[SegmentRule | GroupRule, ...]:
        if depth > _DEEPEST:
            raise LimitExceeded("HL7-402")
        found: list[SegmentRule | GroupRule] = []
        for child in parent:
            kind, label = _name(child), (child.get("Name") or "")
            if kind not in ("Segment", "SegGroup"):
                continue
            usage, low, high = self._usage(child)
            rule: SegmentRule | GroupRule
            if kind == "Segment":
                rule = SegmentRule(label, low, high)
                self.segments[id(rule)] = SegmentProfile(usage, self._parts(child))
            else:
                label = label.rpartition(".")[2]
                rule = GroupRule(f"{prefix}.{label}", low, high, self._members(child, prefix, depth + 1))
            self.usages[id(rule)] = usage
            found.append(rule)
        return tuple(found)

    def _parts(self, parent: _Element) -> tuple[PartProfile, ...]:
        """Read the parts of one level; the names of the elements bound how deep it goes."""
        wanted = _BELOW[_name(parent)]
        found = []
        for child in parent:
            if wanted and _name(child) == wanted:
                usage, low, high = self._usage(child)
                datatype, table = child.get("Datatype") or None, child.get("Table") or None
                found.append(PartProfile(
                    usage, low, high, datatype, _number(child.get("Length")),
                    None if table is None else table.removeprefix("HL7"), child.get("ConstantValue"),
                    self._parts(child),
                ))  # fmt: skip
        return tuple(found)

    def _usage(self, element: _Element) -> tuple[str, int, int | None]:
        self.count += 1
        if self.count > _MOST:
            raise LimitExceeded("HL7-402")
        usage = (element.get("Usage") or "O").upper()
        usage = "C" if usage.startswith("C(") else usage
        if usage not in _USAGES:
            raise _bad(element)
        low, high = element.get("Min"), element.get("Max")
        if high in (None, "", "*"):
            most = 1 if high != "*" and _name(element) != "SegGroup" else None
        else:
            most = _number(high)
            if most is None:
                raise _bad(element)
        least = _number(low) if low else int(usage == "R")
        if least is None:
            raise _bad(element)
        return usage, max(least, int(usage == "R")), most


def _number(text: str | None) -> int | None:
    """Read a plain number; what else stands there (``1..20``, ``20=``) states nothing that can be held against."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _bad(element: _Element) -> InputError:
    return MalformedInput("HL7-322", path=_name(element))
