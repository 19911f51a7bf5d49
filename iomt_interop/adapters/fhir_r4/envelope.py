"""What every resource carries: identity, ``meta``, security labels, consent, links."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, get_args
from urllib.parse import quote

from ...model import Link, Provenance, record_id
from ...model.coding import LinkRelation
from .datatypes import CODING
from .fields import Emit, Many, Parse, Row, build, emit_rows, parse_rows
from .jsontext import Tree, dumps
from .patch import NAMESPACE
from .scalars import STRING, Reference, fhir_id
from .tables import ACT_REASON, ADAPTER, OWN

__all__ = ["HTEST", "Sources", "is_canonical_id", "is_own", "put_links", "read_envelope", "resource_id", "source_uri",
           "start", "take_links"]  # fmt: skip

HTEST: Final = {"system": ACT_REASON, "code": "HTEST"}
"""Security label of test health data."""

_LABELS: Final = Many(CODING)
_ROWS: Final = (Row("consent", None, STRING, OWN + "consent"),)
_ID: Final = re.compile(r"[0-9a-f]{32}")


def is_canonical_id(text: str) -> bool:
    """Tell whether an id is one of this library's: 32 hexadecimal digits."""
    return _ID.fullmatch(text) is not None


def resource_id(identity: str) -> str:
    """Return the id of the resource that a record becomes; ids that FHIR does not allow are hashed."""
    return identity if fhir_id(identity) else record_id("fhir-id", identity)


def is_own(record: Any) -> bool:
    """Tell whether a record was read by this adapter; its resource was complete as it came."""
    return bool(record.provenance.adapter == ADAPTER)


def source_uri(provenance: Provenance) -> str:
    """Return ``meta.source``: adapter, version and digest of the source, and the place in it.

    FHIR R4 Meta.source: a URI of the system, document or message that the resource came from.
    """
    span, path, clause = provenance.span, provenance.path, provenance.clause
    text = _stem(provenance.adapter, provenance.version, provenance.digest)
    if span is not None:
        return f"{text}#bytes={span[0]}-{span[1]}{_place(path, clause)}"
    place = _place(path, clause)
    return f"{text}#{place[1:]}" if place else text


@lru_cache(64)
def _stem(adapter: str, version: str, digest: str | None) -> str:
    return f"urn:iomt-interop:{quote(adapter)}:{quote(version)}:{digest or ''}"


@lru_cache(4096)
def _place(path: str | None, clause: str | None) -> str:
    """Return the places in a unit; what a segment is called comes again in every message."""
    return "".join(
        f"&{name}={quote(value, safe='/()[].,*~!')}"
        for name, value in (("path", path), ("clause", clause))
        if value is not None
    )


class Sources:
    """``meta.source`` as JSON text, for many records of one source."""

    place: Final = staticmethod(_place)

    def __init__(self) -> None:
        self.digest: object = self
        self.adapter = self.version = self.stem = ""
        """Of the record that was written last, and what its source begins with."""

    def text(self, provenance: Provenance) -> str:
        """Return the text of :func:`source_uri` as it stands between the quotes of a JSON string."""
        values = provenance.__dict__
        span, path, clause = values["span"], values["path"], values["clause"]
        if span is None:
            text: str = dumps(source_uri(provenance))
            return text[1:-1]
        digest, adapter, version = values["digest"], values["adapter"], values["version"]
        # Records of one message share these texts: they are the same objects.
        if digest is not self.digest or adapter is not self.adapter or version is not self.version:
            self.digest, self.adapter, self.version = digest, adapter, version
            self.stem = dumps(_stem(adapter, version, digest))[1:-1] + "#bytes="
        return f"{self.stem}{span[0]}-{span[1]}{_place(path, clause)}"


def start(resource: str, record: Any, e: Emit) -> Tree:
    """Begin a resource: type, id, meta, and a place for extensions."""
    e.record, e.kind, e.prefix = record.id, record.kind, ""
    out: Tree = {"resourceType": resource, "id": resource_id(record.id)}
    if out["id"] != record.id:
        e.loss("id", "not allowed as a FHIR id")
    meta: Tree = {}
    if not is_own(record):
        meta["source"] = source_uri(record.provenance)
    if record.labels:
        _LABELS.put(meta, "security", record.labels, e, "labels")
    if meta:
        out["meta"] = meta
    out["contained"] = e.contained = []
    out["extension"] = []
    emit_rows(_ROWS, record, out, e)
    for index, extension in enumerate(record.extensions):
        if extension.namespace != NAMESPACE:
            e.loss(f"extensions[{index}]", "source element without a FHIR element")
    return out


def read_envelope(tree: Tree, p: Parse) -> Tree:
    """Read what :func:`start` wrote, but for identity and provenance."""
    meta = tree.get("meta")
    values = parse_rows(_ROWS, tree, p)
    labels = _LABELS.get(meta, "security", p) if isinstance(meta, dict) else None
    return values | ({"labels": labels} if labels else {})


_LINK_ELEMENTS: Final = {"derived_from": "derivedFrom", "has_member": "hasMember", "focus": "focus"}
_OBSERVATION: Final = Reference("Observation")
_SPECIMEN: Final = Reference("Specimen")
_OF_KIND: Final = {"Account": Reference("Account")}
"""What links lead to, but for the focus, where that is no observation, by resource type."""


def _target(relation: str, resource: str) -> Reference:
    return _SPECIMEN if relation == "focus" else _OF_KIND.get(resource, _OBSERVATION)


def _link_rows(resource: str) -> tuple[Row, ...]:
    """Return the rows of links of a resource type."""
    return (
        *(
            Row(relation, element, Many(_target(relation, resource)))
            for relation, element in _LINK_ELEMENTS.items()
            if relation != "focus" or resource == "Observation"  # others mean something else by it (MessageHeader)
        ),
        *(
            Row(relation, None, Many(_target(relation, resource)), f"{OWN}link-{relation.replace('_', '-')}")
            for relation in get_args(LinkRelation)
        ),
    )


_LINK_ROWS: Final = {resource: _link_rows(resource) for resource in ("Observation", *_OF_KIND)}
_OTHER_ROWS: Final = _link_rows("")


def put_links(out: Tree, links: tuple[Link, ...], e: Emit, elements: bool = True) -> None:
    """Write links; those that the resource has no element for as extensions."""
    for link in links:
        json = _target(link.relation, out["resourceType"]).out(link.target, e, "links")
        element = _LINK_ELEMENTS.get(link.relation) if elements else None
        if element is not None:
            out.setdefault(element, []).append(json)
        else:
            out["extension"].append({"url": f"{OWN}link-{link.relation.replace('_', '-')}", "valueReference": json})


def take_links(tree: Tree, p: Parse) -> tuple[Link, ...]:
    """Read links."""
    found: list[Link] = []
    rows = _LINK_ROWS.get(str(tree.get("resourceType")), _OTHER_ROWS)
    for relation, targets in parse_rows(rows, tree, p).items():
        found += [build(Link, {"relation": relation, "target": target}) for target in targets]
    return tuple(found)
