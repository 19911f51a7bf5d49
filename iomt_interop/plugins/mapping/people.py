"""Records that others refer to: persons, devices, stays; each announced once."""

from __future__ import annotations

from typing import Final

from ...model import Device, Encounter, Envelope, Identifier, Provenance, Record, Subject, record_id
from ..contract import ReadContext
from .schema import Mapping

__all__ = ["REFERRED", "References"]

REFERRED: Final[dict[str, type[Subject | Device | Encounter]]] = {
    "subject": Subject,
    "device": Device,
    "encounter": Encounter,
}
"""Kinds that rules refer to by an identifier."""


class References:
    """What a source has said so far of persons, devices and stays."""

    def __init__(self, mapping: Mapping, context: ReadContext, adapter: str, version: str) -> None:
        self._known = context.subject
        self._exclude = context.identity == "exclude"
        self._adapter = adapter
        self._version = version
        self._ruled = frozenset(rule.kind for rule in mapping.rules)
        self._is_silent = "subject" not in self._ruled and all(rule.subject is None for rule in mapping.rules)
        self._said: dict[str, Envelope | None] = {}
        self._pending: dict[str, Record] = {}

    def id_of(self, kind: str, identifier: Identifier) -> str:
        """Return the id of what an identifier names: made of the identifier alone, so that every source agrees."""
        return record_id(kind, self._adapter, identifier.system, identifier.value)

    def refer(self, kind: str, identifier: Identifier, origin: Provenance, out: list[Record]) -> str:
        """Return the id that an identifier names; a record of it follows if no rule of the mapping makes one."""
        found = self.id_of(kind, identifier)
        if found not in self._said and found not in self._pending:
            record = REFERRED[kind](id=found, provenance=origin, identifiers=(identifier,))
            if kind in self._ruled:
                self._pending[found] = record
            else:
                self._said[found] = None
                out.append(record)
        return found

    def is_news(self, record: Envelope) -> bool:
        """Tell whether a rule's record says something that was not said before, and remember it."""
        content = record.replace(provenance=Provenance(adapter="", version=""))
        if self._said.get(record.id) == content:
            return False
        self._said[record.id] = content
        self._pending.pop(record.id, None)
        return True

    def whose(self, out: list[Record], mode: str | None = None) -> str | None:
        """Return the id of the person where the source names none: the caller's, or the stand-in of test data."""
        if mode is not None and self._exclude:
            stand_in = Subject(
                id=record_id("subject", self._adapter, mode),
                provenance=Provenance(adapter=self._adapter, version=self._version),
                confidence="demo" if mode == "demo" else "test",
            )
            return self._announce(stand_in, out)
        return None if self._known is None else self._announce(self._known, out)

    def of_the_rest(self, out: list[Record]) -> str | None:
        """Return whose the documents and residue are: the caller's person, if the source never names one."""
        return self._announce(self._known, out) if self._known is not None and self._is_silent else None

    def rest(self) -> list[Record]:
        """Return the records of what was referred to and never described."""
        found = [record for key, record in self._pending.items() if key not in self._said]
        self._pending.clear()
        return found

    def is_excluded(self, mode: str | None) -> bool:
        """Tell whether data of this mode are kept from the patient."""
        return mode is not None and self._exclude

    def _announce(self, subject: Subject, out: list[Record]) -> str:
        if subject.id not in self._said:
            self._said[subject.id] = None
            out.append(subject)
        return subject.id
