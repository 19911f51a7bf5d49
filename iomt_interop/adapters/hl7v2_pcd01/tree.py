"""OBX-4: an address in the containment tree for every device and metric of a message (IHE PCD TF-2 B.8.4).

An address that the source gave is kept. Where there is none, the number is made of what stays the same from
message to message: the handle that the device itself uses, else the MDC code; only then by order of appearance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ...model import Concept, Device, record_id
from ...terminology import systems

__all__ = ["NOWHERE", "Facets", "Tree", "dotted"]

NOWHERE: Final = (0,)
"""Root of what no device is named for, but needs an address for its parts."""

_DOTTED: Final = re.compile(r"\d{1,10}(?:\.\d{1,10}){3,5}", re.ASCII)
_INTEGER: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_LEVEL: Final = {"mds": 0, "phd": 0, "vmd": 1, "channel": 2}
_DEPTH: Final = 3

Address = tuple[int, ...]


@lru_cache(4096)
def _parts(handle: str | None) -> Address | None:
    return tuple(map(int, handle.split("."))) if handle is not None and _DOTTED.fullmatch(handle) else None


def _mdc(code: Concept | None) -> int | None:
    coding = None if code is None else code.coding(systems.MDC)
    text = (coding and coding.code) or ""
    return int(text) if _INTEGER.fullmatch(text) else None


@dataclass(slots=True, repr=False)
class Tree:
    """The addresses of one message.

    Attributes
    ----------
    find : callable
        Returns the device of an id, or ``None``.
    """

    find: Callable[[str], Device | None]
    _nodes: dict[str, Address] = field(default_factory=dict)
    _taken: dict[Address, object] = field(default_factory=dict)
    _metrics: dict[tuple[Address, str], Address] = field(default_factory=dict)
    _facets: dict[Address, set[int]] = field(default_factory=dict)
    _free_from: dict[tuple[Address, int], int] = field(default_factory=dict)
    _chains: dict[str, list[str]] = field(default_factory=dict)

    def reserve(self, handles: list[tuple[str, str | None]], results: list[str | None]) -> None:
        """Keep the addresses of the source, before any number is made: of devices, and of results that are facets."""
        for text in results:
            parts = _parts(text)
            if parts is not None and len(parts) == 5:
                self._facets.setdefault(parts[:4], set()).add(parts[4])
        for identity, handle in handles:
            parts = _parts(handle)
            if parts is None or len(parts) != 4 or parts[3] or identity in self._nodes:
                continue
            level = max((n for n in range(3) if parts[n]), default=0)
            prefix = parts[: level + 1]
            if self._taken.setdefault(prefix, identity) == identity:
                self._nodes[identity] = prefix

    def chain(self, identity: str) -> list[str]:
        """Return the ids of a device and of all that contain it, the outermost first."""
        known = self._chains.get(identity)
        if known is not None:
            return known
        found: list[str] = []
        at: str | None = identity
        while at is not None and at not in found and len(found) < 64:
            found.append(at)
            device = self.find(at)
            at = device.parent if device is not None else None
        self._chains[identity] = found[::-1]
        return self._chains[identity]

    def node(self, identity: str | None) -> Address:
        """Return the prefix of a device's address: one part for an MDS, two for a VMD, three for a channel."""
        if identity is None:
            return NOWHERE
        known = self._nodes.get(identity)
        if known is None:
            above: Address = ()
            # Deeper levels have no address of their own. From the outside in, so that a circle has an end.
            for each in self.chain(identity)[:_DEPTH]:
                above = self._nodes[each] = self._nodes.get(each) or self._new_node(each, above)
            known = self._nodes[identity] = above
        return known

    def _new_node(self, identity: str, above: Address) -> Address:
        device = self.find(identity)
        level = min(max(_LEVEL.get(device.node if device else "", len(above)), len(above)), 2) if above else 0
        prefix = (*above, *(0,) * (level - len(above)))
        handle = device.handle if device is not None and level else None
        wanted = int(handle) if handle is not None and _INTEGER.fullmatch(handle) else None
        return self._free(prefix, wanted or (_mdc(device.type) if device is not None and level else None), identity)

    def _free(self, prefix: Address, wanted: int | None, owner: object) -> Address:
        """Return the wanted number below a prefix, or the next that is free."""
        start = wanted or 1
        number = self._free_from.get((prefix, start), start)
        while self._taken.setdefault((*prefix, number), owner) != owner:
            number += 1
        self._free_from[prefix, start] = number
        return (*prefix, number)

    def metric(self, node: str | None, key: str, handle: str | None, code: Concept) -> Address:
        """Return the address of a metric: four parts, and more where it is a facet in the source.

        Parameters
        ----------
        node : str or None
            Id of the device or channel that it belongs to.
        key : str
            What it is recognised by in this message: the metric's id, or its code.
        handle : str or None
            Its address in the source.
        code : Concept
            What it measures.
        """
        above = self.node(node)
        prefix = (*above, *(0,) * (3 - len(above)))
        known = self._metrics.get((prefix, key))
        if known is None:
            parts = _parts(handle)
            if parts is not None and parts[: len(above)] == above and parts[3]:
                # Two metrics may share an address in the source (one code each); they share it again.
                known, owner = parts, ("address", parts)
                if self._taken.setdefault(parts, owner) != owner:
                    known = self._free(prefix, parts[3], key)
            else:
                wanted_number = int(handle) if handle is not None and _INTEGER.fullmatch(handle) else _mdc(code)
                known = self._free(prefix, wanted_number or int(record_id(key)[:6], 16) + 1, key)
            self._metrics[prefix, key] = known
        return known

    def address(self, handle: str | None) -> Address | None:
        """Return the four parts of an address that the source gave; ``None`` for another notation."""
        parts = _parts(handle)
        return parts if parts is not None and len(parts) == 4 else None

    def facets(self, metric: Address) -> Facets:
        """Return the numbers of the parts of one result; those that other results have as their address are taken."""
        return Facets(metric, set(self._facets.get(metric[:4], ())))


@dataclass(slots=True, repr=False)
class Facets:
    """The fifth parts of the addresses below one metric."""

    metric: Address
    used: set[int]
    _next: int = 1

    def address(self, handle: str | None) -> str:
        """Return the address of the next part: the source's own where it is free."""
        parts = _parts(handle)
        number = parts[4] if parts is not None and len(parts) == 5 and parts[:4] == self.metric else 0
        if not number or number in self.used:
            while self._next in self.used:
                self._next += 1
            number = self._next
        self.used.add(number)
        return dotted((*self.metric, number))


def dotted(address: Address) -> str:
    """Return an address as text; the levels that it does not name are zeros."""
    return ".".join(map(str, (*address, *(0,) * (4 - len(address)))))
