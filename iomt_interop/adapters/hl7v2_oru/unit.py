"""One message at work: its segments with their ledgers, and the factory of its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Literal, TypeVar

from ...errors import MalformedInput
from ...model import Coding, Extension, Issue, Provenance, Record, Residue, Subject, record_id
from ...wire.hl7v2 import Diagnostic
from .ledger import Decoded, Decoder, Node, Syntax

__all__ = ["ADAPTER", "HTEST", "NAMESPACE", "VERSION", "Mode", "Segment", "Unit", "extension"]

ADAPTER: Final = "hl7v2_oru"
NAMESPACE: Final = "hl7v2"
"""Of extension paths: ``OBX(3)-13.2`` is component 2 of field 13 of the third OBX of the message."""
VERSION: Final = "1"
"""Version of the mapping from messages to the model."""

HTEST: Final = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActReason", code="HTEST")
"""Security label of data that are of no patient."""

T = TypeVar("T")
Mode = Literal["demo", "test"]
Span = tuple[int, int]
Severity = Literal["information", "warning", "error"]

SERIOUS: Final = frozenset({"HL7-101", "HL7-103", "HL7-107", "HL7-110", "HL7-113", "HL7-116", "HL7-117", "HL7-118"})
"""Doubts about the writing that may change what is read; the others only say that the standard was not followed."""


_FIELDS: Final = 56
"""No mapping asks for a field beyond this number."""


class Segment:
    """One segment whose fields are struck off as they are mapped; what is left becomes extensions.

    Parameters
    ----------
    name : str
        ``OBX``.
    ordinal : int
        Which of its name in the message, from 1.
    fields : list of str
        Field *n* at index *n*, verbatim; the name at 0. Filled up with empty ones.
    span : tuple of int
        Half-open byte range in the message.
    syntax : Syntax
        The message's delimiters.

    Attributes
    ----------
    path : str
        Where it stands: ``OBX(3)``.
    provenance : Provenance or None
        As it was made last.
    """

    __slots__ = ("_kept", "fields", "name", "path", "provenance", "span", "syntax")

    def __init__(self, name: str, ordinal: int, fields: list[str], span: tuple[int, int], syntax: Syntax) -> None:
        self.name = name
        self.fields = fields
        if len(fields) < _FIELDS:
            fields += [""] * (_FIELDS - len(fields))
        self.span = span
        self.syntax = syntax
        self.path = f"{name}({ordinal})"
        self.provenance: Provenance | None = None
        self._kept: list[Extension] = []

    def __repr__(self) -> str:
        return f"Segment({self.path}, {len(self.fields)} fields)"

    @property
    def has_kept(self) -> bool:
        """Whether parts of fields have been kept as extensions."""
        return bool(self._kept)

    def raw(self, number: int) -> str:
        """Return the verbatim text of a field that has not been struck off."""
        return self.fields[number]

    def strike(self, number: int) -> str:
        """Return a field's verbatim text and strike it off: the caller keeps it whole."""
        raw = self.fields[number]
        self.fields[number] = ""
        return raw

    def use(self, number: int, decode: Decoder[T]) -> T | None:
        """Map a field and strike it off; whatever the mapping does not take is kept. ``None`` when it is empty."""
        raw = self.fields[number]
        if not raw:
            return None
        self.fields[number] = ""
        value, rest = decode(raw, self.syntax)
        if rest:
            self.keep(number, rest)
        return value

    def text(self, number: int) -> str | None:
        """Take the one text of a field of a plain data type."""
        return self.use(number, _leaf)

    def node(self, number: int) -> Node:
        """Return a field as a tree and strike it off; the caller must :meth:`settle` it."""
        return Node(self.strike(number), self.syntax)

    def settle(self, number: int, node: Node) -> None:
        """Keep what nobody took from the tree of a field."""
        self.keep(number, node.rest())

    def keep(self, number: int, rest: Sequence[tuple[str, str | None]]) -> None:
        """Keep parts of a field as extensions."""
        self._kept.extend(extension(f"{self.path}-{number}{where}", text) for where, text in rest)

    def whole(self) -> Extension:
        """Return the whole segment as one extension."""
        return extension(self.path, self.syntax.field.join(self.fields).rstrip(self.syntax.field))

    def extensions(self) -> tuple[Extension, ...]:
        """Return everything that has not been struck off."""
        self.fields[0] = ""
        if any(self.fields):
            delimiters = "".join(self.syntax[1:4])
            for number, raw in enumerate(self.fields):
                if raw and raw.strip(delimiters):
                    self._kept.append(extension(f"{self.path}-{number}", raw))
        return tuple(self._kept) if self._kept else ()


def _leaf(raw: str, syntax: Syntax) -> Decoded[str | None]:
    node = Node(raw, syntax)
    return Decoded(node.take(), node.rest())


def extension(path: str, value: str | None) -> Extension:
    """Keep an element that the model has no field for, verbatim."""
    return Extension(namespace=NAMESPACE, path=path, value=value)


@dataclass(slots=True, repr=False)
class Unit:
    """One message and the records that it gives.

    Attributes
    ----------
    base : int
        Offset of the bytes in the stream.
    zero : int
        Where the header begins in them: ids must not depend on what carried the message.
    mode : {"demo", "test"} or None
        Set when the whole message is of no patient.
    exclude : bool
        Whether demo and test data are kept from the patient.
    """

    raw: bytes
    base: int
    digest: str
    exclude: bool
    zero: int = 0
    strict: bool = False
    announced: set[str] = field(default_factory=set)
    """Ids of subjects of the context that the reader has given already."""
    mode: Mode | None = None
    subject: str | None = None
    encounter: str | None = None
    records: list[Record] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _stems: dict[str, blake2b] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Unit({len(self.raw)} bytes at {self.base}, {len(self.records)} records)"

    def add(self, record: Record) -> None:
        """Append a record."""
        self.records.append(record)

    def provenance(self, segment: Segment, clause: str | None = None) -> Provenance:
        """Return where a record comes from."""
        known = segment.provenance
        if known is None or known.clause != clause:
            base, (start, stop) = self.base, segment.span
            known = segment.provenance = Provenance.of_valid(
                {
                    "adapter": ADAPTER,
                    "version": VERSION,
                    "digest": self.digest,
                    "span": (base + start, base + stop),
                    "path": segment.path,
                    "clause": clause,
                }
            )
        return known

    def id(self, kind: str, segment: Segment) -> str:
        """Return the id of the record of a segment: message and place in it."""
        # The same octets as ``record_id(kind, ADAPTER, digest, offset)``, of which the first come for every segment.
        known = self._stems.get(kind)
        if known is None:
            stem = "".join(f"{len(part)}:{part}" for part in (kind, ADAPTER, self.digest))
            known = self._stems[kind] = blake2b(stem.encode(), digest_size=16)
        found = known.copy()
        offset = str(segment.span[0] - self.zero)
        found.update(f"{len(offset)}:{offset}".encode())
        return found.hexdigest()

    def person(self, segment: Segment, mode: Mode | None) -> str | None:
        """Return whose data a segment is: the patient's, or, for demo and test data, those of a stand-in."""
        if mode is None or not self.exclude or self.mode is not None:
            return self.subject
        return self.stand_in(segment, mode)

    def stand_in(self, segment: Segment, mode: Mode) -> str:
        """Return the id of the subject that demo and test data are of, and add it once."""
        identity = record_id("subject", ADAPTER, mode, self.subject or self.digest)
        if self.first(identity):
            self.add(Subject(id=identity, provenance=self.provenance(segment), confidence=mode, labels=(HTEST,)))
        return identity

    def first(self, identity: str, seen: set[str] | None = None) -> bool:
        """Tell whether an id comes for the first time in this message, or among those seen."""
        seen = self._seen if seen is None else seen
        if identity in seen:
            return False
        seen.add(identity)
        return True

    def issue(self, code: str, path: str, span: tuple[int, int]) -> None:
        """State a doubt about the content, by code and place.

        Raises
        ------
        MalformedInput
            In strict mode.
        """
        where = self._absolute(span)
        if self.strict:
            raise MalformedInput(code, path=path, span=where)
        self._issue(code, path, where, "warning")

    def doubt(self, diagnostic: Diagnostic) -> None:
        """State a doubt about how the message is written."""
        severity: Severity = "warning" if diagnostic.code in SERIOUS else "information"
        self._issue(diagnostic.code, diagnostic.path, diagnostic.span, severity)

    def _issue(self, code: str, path: str | None, where: Span | None, severity: Severity) -> None:
        self.add(
            Issue(
                id=self.issue_id(code, path, where),
                provenance=Provenance(adapter=ADAPTER, version=VERSION, digest=self.digest, span=where, path=path),
                subject=self.subject,
                severity=severity,
                code=code,
                path=path,
                span=where,
            )
        )

    def issue_id(self, code: str, path: str | None, where: Span | None) -> str:
        """Return the id of a doubt; the span is one of the stream."""
        start = None if where is None else where[0] - self.base - self.zero
        return record_id("issue", ADAPTER, self.digest, code, path, start)

    def residue(self, span: Span, path: str | None, code: str) -> None:
        """Keep octets that no record takes."""
        where = self._absolute(span)
        self.add(
            Residue(
                id=record_id("residue", ADAPTER, self.digest, span[0] - self.zero),
                provenance=Provenance(adapter=ADAPTER, version=VERSION, digest=self.digest, span=where, path=path),
                subject=self.subject,
                path=path,
                span=where,
                raw=self.raw[span[0] : span[1]],
                reason=code,
            )
        )

    def _absolute(self, span: Span) -> Span:
        return self.base + span[0], self.base + span[1]
