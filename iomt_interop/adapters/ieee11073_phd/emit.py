"""The record factory of one APDU: provenance to the byte, extensions, doubts, residue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

from ...errors import LimitExceeded
from ...model import Coding, Extension, Issue, Provenance, Record, Residue, record_id
from ...model.envelope import RecordKind
from ...wire.phd.attributes import Attribute

__all__ = ["ADAPTER", "HTEST", "NAMESPACE", "VERSION", "Frame", "Mode", "check_size", "extension", "keep_repeated"]

ADAPTER: Final = "ieee11073_phd"
VERSION: Final = "1"
"""Version of the mapping from the protocol to the model."""

NAMESPACE: Final = "ieee11073"
"""Of extension paths, which speak the protocol's language (``handle 3/attribute 61698``)."""

MAX_OBJECT: Final = 8192
"""Octets of all attributes of one object; those of real devices are below 1,000."""

HTEST: Final = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActReason", code="HTEST")
"""Security label of data that are of no patient."""

Mode = Literal["test", "demo"]


def extension(path: str, value: str | None) -> Extension:
    """Keep an element that the model has no field for."""
    return Extension(namespace=NAMESPACE, path=path, value=value)


@dataclass(slots=True, repr=False)
class Frame:
    """One APDU at work and the records that it gives; all spans are of the stream.

    Attributes
    ----------
    device : str or None
        Id of the :class:`~iomt_interop.model.Device` that takes part.
    """

    raw: bytes
    span: tuple[int, int]
    device: str | None = None
    records: list[Record] = field(default_factory=list)
    digest: str = field(init=False)
    provenance: Provenance = field(init=False)

    def __post_init__(self) -> None:
        self.digest = sha256(self.raw).hexdigest()
        self.provenance = self.origin(self.span, None)

    def __repr__(self) -> str:
        return f"Frame({len(self.raw)} bytes, {len(self.records)} records)"

    def add(self, record: Record) -> None:
        """Append a record."""
        self.records.append(record)

    def id(self, kind: RecordKind, span: tuple[int, int], *rest: str | int | None) -> str:
        """Return the id of a record by the APDU's content and a place in it: sent again, it is the same record."""
        return record_id(kind, ADAPTER, self.digest, span[0] - self.span[0], *rest)

    def octets(self, span: tuple[int, int]) -> bytes:
        """Return a range of the APDU."""
        return self.raw[span[0] - self.span[0] : span[1] - self.span[0]]

    def origin(self, span: tuple[int, int], path: str | None) -> Provenance:
        """Return the provenance of a range."""
        return Provenance(adapter=ADAPTER, version=VERSION, digest=self.digest, span=span, path=path)

    def issue(self, code: str, span: tuple[int, int], path: str | None) -> None:
        """State a doubt, by code and place."""
        self.add(
            Issue(
                id=self.id("issue", span, code, path),
                provenance=self.origin(span, path),
                severity="warning",
                code=code,
                path=path,
                span=span,
            )
        )

    def residue(self, code: str, span: tuple[int, int], path: str | None, subject: str | None = None) -> None:
        """Keep octets that no record takes, and say why."""
        self.add(
            Residue(
                id=self.id("residue", span, path),
                provenance=self.origin(span, path),
                subject=subject,
                path=path,
                span=span,
                raw=self.octets(span),
                reason=code,
            )
        )
        self.issue(code, span, path)

    def leftover(self, code: str, raw: bytes, path: str) -> None:
        """Keep one attribute that another has overruled."""
        self.add(
            Residue(
                id=self.id("residue", self.span, path, raw.hex()),
                provenance=self.origin(self.span, path),
                path=path,
                raw=raw,
                reason=code,
            )
        )
        self.issue(code, self.span, path)


def check_size(attributes: Collection[Attribute]) -> None:
    """Refuse an object whose attributes are longer than any real one's, as each of its records repeats them.

    Raises
    ------
    LimitExceeded
        ``PHX-209``.
    """
    if sum(4 + len(attribute.raw) for attribute in attributes) > MAX_OBJECT:
        raise LimitExceeded("PHX-209")


def keep_repeated(frame: Frame, attributes: Sequence[Attribute], path: str) -> None:
    """Keep every attribute of a list that a later one of the same id overrules."""
    last = {attribute.id: place for place, attribute in enumerate(attributes)}
    if len(last) == len(attributes):
        return
    for place, attribute in enumerate(attributes):
        if last[attribute.id] != place:
            frame.leftover("PHX-207", attribute.raw, f"{path}/attribute {attribute.id}")
