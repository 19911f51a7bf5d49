"""The containment tree of IHE PCD: OBX-4 as MDS.VMD.CHAN.METRIC[.FACET], OBX-18 as the equipment's identity.

A node gets its id from its equipment identifier. Where nobody states one, the id is that of the place: the same
sender, the same location, the same number in the tree; without a sender and a place it is of this message alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from ...model import Device, Identifier, Metric, record_id
from ...terminology import systems
from .codes import Code, decode_code
from .header import eui64
from .ledger import MAX_REMEMBERED, Node, decoder
from .orders import notes
from .people import ei
from .tables import DEVICE_ATTRIBUTES
from .unit import ADAPTER, Segment, Unit

__all__ = ["IMPLIED", "Handle", "Tree", "is_structural", "parse_handle"]

IMPLIED: Final = "IHE PCD TF-2 B.8.4: implied by the OBX-4 of a contained metric"
"""Clause of a node that has no OBX of its own."""

_HANDLE: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10}){3,5}")
_LONGEST: Final = 65
_LEVELS: Final[tuple[Literal["mds", "vmd", "channel"], ...]] = ("mds", "vmd", "channel")
_VENDOR_EUI64: Final = re.compile(r"[0-9A-Fa-f]{6}[Ff]{3}[EeFf][0-9A-Fa-f]{6}")
"""An EUI-64 made of a MAC address; 16 other digits need not be an EUI-64."""


_NO_DEVICE: Final = "0000000000"
"""End of an EUI-64 that names a maker and no device of theirs: the name space of the entity beside it."""

_remembered_id = lru_cache(8192)(record_id)


def _stable_id(*parts: str) -> str:
    """Return the id of a device or metric, which comes again in every message."""
    return _remembered_id(*parts) if sum(map(len, parts)) <= MAX_REMEMBERED else record_id(*parts)


_ATTRIBUTE: Final = "_ID_"


class Handle(NamedTuple):
    """OBX-4 of a device metric."""

    text: str
    parts: tuple[int, ...]
    nodes: tuple[str, ...]
    """Addresses of the containing nodes, MDS first, in their own form (``1.2.0.0``)."""
    facet_of: str | None
    """Address of the metric that a fifth part belongs to."""

    @property
    def is_node(self) -> bool:
        """Whether it names an MDS, VMD or channel."""
        return len(self.parts) == 4 and self.parts[3] == 0


def parse_handle(text: str) -> Handle | None:
    """Read OBX-4, ``None`` when it is no address in a containment tree."""
    return _handle(text) if len(text) <= _LONGEST else None


@lru_cache(8192)
def _handle(text: str) -> Handle | None:
    if not _HANDLE.fullmatch(text):
        return None
    steps = text.split(".")
    parts = tuple(map(int, steps))
    nodes = tuple(
        ".".join((*steps[: level + 1], *("0",) * (3 - level))) for level in range(3) if parts[level] or not level
    )
    return Handle(text, parts, nodes, ".".join(steps[:4]) if len(parts) > 4 else None)


def is_structural(segment: Segment, handle: Handle | None) -> bool:
    """Tell whether an OBX declares a node of the tree; its status ``X`` is then no cancellation."""
    return handle is not None and not segment.fields[2] and not segment.fields[5] and handle.is_node


_EUI64: Final = ("EUI-64", "EUI64")
_URIS: Final = ("URI", "URN")


def _universal(stated: Identifier) -> str | None:
    """Return the EUI-64 in an EI: before its type in any component, or an entity that was made of a MAC address."""
    places = (stated.authority_id, stated.authority, stated.value)
    types = (stated.authority_id_type, stated.authority_id, stated.authority)
    for number, place in enumerate(places):
        if (found := eui64(place)) is not None and any(kind in _EUI64 for kind in types[: number + 1]):
            return found
    return eui64(stated.value) if _VENDOR_EUI64.fullmatch(stated.value or "") else None


def _nameless(stated: Identifier) -> Identifier:
    """Return an EI without an entity (EI.1), which its universal id names: the value of the identifier."""
    universal, kind = stated.authority_id, stated.authority_id_type
    if universal is None:
        return stated
    if kind in _URIS or stated.system is None:
        system = systems.URI if kind in _URIS else None
        return stated.replace(value=universal, system=system, authority_id=None)
    return stated if stated.system == systems.EUI64 else stated.replace(value=stated.system, system=systems.URI)


def _entity(node: Node) -> tuple[Identifier, ...]:
    """Read one EI of OBX-18: what the source wrote, behind the EUI-64 or URI that is in it.

    Where there is no entity beside the universal id there is one identifier, whose value is the universal id.
    """
    stated = ei(node)
    if stated is None:
        return ()
    universal = _universal(stated)
    if universal is not None and universal.endswith(_NO_DEVICE):
        return (stated.replace(system=None),)
    if stated.value is None:
        return (_nameless(stated) if universal is None else stated.replace(system=systems.EUI64, value=universal),)
    if universal is not None:
        # The URI of the name space is on the derived identifier alone: the vendor's own value is not an EUI-64.
        return Identifier(system=systems.EUI64, value=universal), stated.replace(system=None)
    return (stated.replace(system=systems.URI),) if stated.value.startswith("urn:") else (stated,)


class Equipment(NamedTuple):
    """OBX-18: identifiers by repetition."""

    levels: tuple[tuple[Identifier, ...], ...]
    all: tuple[Identifier, ...]
    """All identifiers."""

    @property
    def by_level(self) -> bool:
        """Whether repetitions are levels of the tree (MDS, VMD, channel, metric), because leading ones are empty."""
        return len(self.levels) > 1 and not self.levels[0]


def _equipment(field: Node) -> Equipment:
    levels = tuple(_entity(part) for part in field.children)
    return Equipment(levels, tuple(found for level in levels for found in level))


decode_equipment = decoder(_equipment, cache=1024)


def _key(identifiers: Iterable[Identifier]) -> tuple[str, ...] | None:
    """Return what makes a device the same in every message: its EUI-64, else all that is stated."""
    parts: list[str] = []
    for found in identifiers:
        if found.system == systems.EUI64 and found.value is not None:
            return systems.EUI64, found.value
        if found.value is not None:
            parts += (found.system or found.authority_id or found.authority or "", found.value)
    return tuple(parts) or None


@dataclass(slots=True, repr=False)
class Tree:
    """The devices of one message.

    Attributes
    ----------
    place : tuple of str, or None
        What tells unidentified devices apart: sender and location.
    """

    unit: Unit
    place: tuple[str, ...] | None
    gateway: str | None = None
    _identities: dict[str, tuple[Identifier, ...]] = field(default_factory=dict)
    _declared: set[str] = field(default_factory=set)
    _roots: set[str] = field(default_factory=set)
    _ids: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _emitted: set[str] = field(default_factory=set)
    _contained: set[str] = field(default_factory=set)
    """Innermost nodes above which everything has been added."""
    _equipment: dict[str, tuple[Identifier, ...]] = field(default_factory=dict)
    _metrics: dict[tuple[str, str], str] = field(default_factory=dict)
    _units: dict[tuple[str, str], str] = field(default_factory=dict)
    _attributes: dict[str, dict[str, str]] = field(default_factory=dict)

    def survey(self, results: Iterable[tuple[Segment, Handle | None]]) -> None:
        """Learn from all OBX of the message which nodes are declared, and which equipment they are."""
        votes: dict[str, set[str]] = {}
        syntax = None
        for segment, handle in results:
            if handle is None:
                continue
            fields, root = segment.fields, handle.nodes[0]
            syntax = segment.syntax
            self._roots.add(root)
            raw = fields[18]
            if not fields[2] and is_structural(segment, handle):
                self._declared.add(handle.text)
                if raw:
                    self._identities.setdefault(handle.text, decode_equipment(raw, syntax).value.all)
            elif raw:
                if root in votes:
                    votes[root].add(raw)
                else:
                    votes[root] = {raw}
            if _ATTRIBUTE in fields[3] and fields[5]:
                self._describe(segment, handle)
        for mds, raws in votes.items():
            if len(raws) == 1 and syntax is not None:
                equipment = decode_equipment(raws.pop(), syntax).value
                if equipment.all and not equipment.by_level:
                    self._identities.setdefault(mds, equipment.all)

    def _describe(self, segment: Segment, handle: Handle) -> None:
        """Learn what a result says of the node that contains it; it is a statement of its own beside that."""
        name = DEVICE_ATTRIBUTES.get(decode_code(segment.raw(3), segment.syntax).value.refid or "")
        text = Node(segment.raw(5), segment.syntax).peek()
        if name is not None and text is not None and len(handle.parts) == 4:
            self._attributes.setdefault(handle.nodes[-1], {}).setdefault(name, text)

    def announce_gateway(self, segment: Segment, eui: str, name: str | None) -> None:
        """Add the sender of MSH-3 as a gateway, unless it is itself the root of the tree."""
        identity = _stable_id("device", systems.EUI64, eui)
        if identity in {self.id(root) for root in self._roots}:
            return
        self.gateway = identity
        if not self.unit.first(identity):
            return
        self.unit.add(
            Device(
                id=identity,
                provenance=self.unit.provenance(segment),
                subject=self.unit.subject,
                node="gateway",
                identifiers=(Identifier(system=systems.EUI64, value=eui),),
                names=() if name is None else (name,),
            )
        )

    def id(self, address: str) -> str:
        """Return the id of a node of the tree; those of the nodes above it are known first."""
        known = self._ids.get(address)
        if known is None:
            handle = parse_handle(address)
            if handle is not None and len(handle.nodes) > 1:
                self.id(handle.nodes[-2])
            known = self._ids[address] = self._new_id(address)
        return known

    def _new_id(self, address: str) -> str:
        identity = _key(self._identities.get(address, ()))
        if identity is not None:
            found = _stable_id("device", *identity)
            if found not in self._taken:  # senders repeat the identity of a monitor in each of its parts
                self._taken.add(found)
                return found
        handle = parse_handle(address)
        if handle is None or len(handle.nodes) == 1:
            # A place is of a patient too, and not remembered.
            return record_id("device", "place", *(self.place or (ADAPTER, self.unit.digest)), address)
        return _stable_id("device", self.id(handle.nodes[-2]), address)

    def declare(self, segment: Segment, handle: Handle, comments: list[Segment]) -> None:
        """Map a structural OBX; a second one of the same address is kept as residue."""
        if handle.text in self._emitted:
            for repeated in (segment, *comments):
                self.unit.residue(repeated.span, repeated.path, "ORU-302")
            return
        self._emitted.add(handle.text)
        self.contain(segment, handle)
        texts, kept = notes(comments)
        code = segment.use(3, decode_code)
        segment.strike(4)
        segment.use(18, decode_equipment)
        if segment.raw(11) == "X":  # what PCD-01 puts here; any other status, or none, is worth keeping
            segment.strike(11)
        else:
            segment.keep(11, [("", segment.strike(11) or None)])
        self.unit.add(
            Device.of_valid(
                {
                    "id": self.id(handle.text),
                    "provenance": self.unit.provenance(segment),
                    "subject": self.unit.subject,
                    **self._position(handle.nodes),
                    "type": None if code is None else code.concept,
                    "notes": texts,
                    "extensions": segment.extensions() + kept,
                }
            )
        )

    def _position(self, nodes: tuple[str, ...]) -> dict[str, Any]:
        return {
            "node": _LEVELS[len(nodes) - 1],
            "handle": nodes[-1],
            "parent": self.id(nodes[-2]) if len(nodes) > 1 else None,
            "identifiers": self._identities.get(nodes[-1], ()),
            **self._attributes.get(nodes[-1], {}),
        }

    def contain(self, segment: Segment, handle: Handle) -> None:
        """Add the nodes above a metric that no OBX declares."""
        if handle.nodes[-1] in self._contained:
            return
        self._contained.add(handle.nodes[-1])
        for depth, address in enumerate(handle.nodes, 1):
            if address not in self._declared and address not in self._emitted:
                self._emitted.add(address)
                self.unit.add(
                    Device.of_valid(
                        {
                            "id": self.id(address),
                            "provenance": self.unit.provenance(segment, IMPLIED),
                            "subject": self.unit.subject,
                            **self._position(handle.nodes[:depth]),
                        }
                    )
                )

    def equipment(self, segment: Segment, handle: Handle | None) -> str | None:
        """Map OBX-18 of a metric and return the id of the device that measured."""
        root = None if handle is None else handle.nodes[0]
        home = None if root is None else self.id(root)
        raw = segment.raw(18)
        if not raw:
            return home
        found = segment.use(18, decode_equipment)
        if found is None or not found.all or (root is not None and found.all == self._identities.get(root)):
            return home
        if found.by_level and not any(part.system == systems.EUI64 for part in found.all):
            segment.keep(18, [("", raw)])  # places of the sender's, not equipment that anybody could tell apart
            return home
        key = _key(found.all)
        identity = _stable_id("device", *key) if key else self.unit.id("device", segment)
        parent = None
        if found.by_level and handle is not None:
            segment.keep(18, [("", raw)])
            parent = self.id(handle.nodes[-1])
        elif identity == home or self._equipment.setdefault(identity, found.all) != found.all:
            segment.keep(18, [("", raw)])  # the same device under other names
        if identity == home:
            return home
        if self.unit.first(identity):
            self.unit.add(
                Device(
                    id=identity,
                    provenance=self.unit.provenance(segment),
                    subject=self.unit.subject,
                    identifiers=found.all,
                    parent=parent,
                )
            )
        return identity

    def holds_unit(self, handle: Handle, code: Code, raw: str) -> bool:
        """Tell whether the metric of an address holds, or will hold, all codings of this OBX-6."""
        return self._units.get((handle.text, code.key), raw) == raw

    def metric(self, segment: Segment, handle: Handle, code: Code, facts: dict[str, Any], unit: str = "") -> str:
        """Add the metric of an address once, and return its id; ``unit`` is the text of OBX-6 that facts tell."""
        known = self._metrics.get((handle.text, code.key))
        if known is None:
            parent = self.id(handle.nodes[-1])
            known = _stable_id("metric", parent, handle.text, code.key)
            self._metrics[handle.text, code.key] = known
            self._units[handle.text, code.key] = unit
            self.unit.add(
                Metric.of_valid(
                    {
                        "id": known,
                        "provenance": self.unit.provenance(segment),
                        "subject": self.unit.subject,
                        "code": code.concept,
                        "device": self.id(handle.nodes[0]),
                        "parent": parent,
                        "handle": handle.text,
                        **facts,
                    }
                )
            )
        return known
