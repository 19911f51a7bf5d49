"""What decisions need to know of a record, taken from it once: whose, what, when, by whom, how sensitive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from ..model import Coding, Concept, Encounter, Observation, Order, Record, Waveform
from .period import span_of
from .vocabulary import (
    ACT_CODE,
    CONFIDENTIALITIES,
    CONFIDENTIALITY,
    Code,
    code_of,
    covered_by,
    is_sensitivity,
)

__all__ = ["RESOURCES", "Facts", "Labels", "facts_of", "labels_of", "subject_of"]

RESOURCES: Final[dict[str, str]] = {
    "message": "MessageHeader",
    "subject": "Patient",
    "encounter": "Encounter",
    "order": "ServiceRequest",
    "device": "Device",
    "association": "DeviceAssociation",
    "metric": "DeviceMetric",
    "clock_sync": "Observation",
    "observation": "Observation",
    "waveform": "Observation",
    "alert": "DetectedIssue",
    "setting": "Observation",
    "event": "Observation",
    "session": "Observation",
    "study": "ImagingStudy",
    "document": "DocumentReference",
    "residue": "Binary",
    "issue": "OperationOutcome",
    "activity": "Provenance",
    "request": "ServiceRequest",
    "specimen": "Specimen",
    "related_person": "RelatedPerson",
    "coverage": "Coverage",
    "condition": "Condition",
    "allergy": "AllergyIntolerance",
    "procedure": "Procedure",
    "immunization": "Immunization",
    "appointment": "Appointment",
    "prescription": "MedicationRequest",
    "account": "Account",
    "care_team": "CareTeam",
}
"""The FHIR resource type whose scopes and references stand for a kind of record."""

_LEVELS: Final = {code: level for level, code in enumerate(CONFIDENTIALITIES)}
UNKNOWN_LEVEL: Final = len(CONFIDENTIALITIES)
_RESTRICTED: Final = _LEVELS["R"]
_NORMAL: Final = _LEVELS["N"]

# Which fields of a record name another record, and by what a consent would call it.
_REFERENCES: Final = (("encounter", "Encounter"), ("order", "ServiceRequest"), ("metric", "DeviceMetric"))
_AUTHORS: Final = (("device", "Device"), ("gateway", "Device"))
_NONE: Final[frozenset[str]] = frozenset()


class Labels(NamedTuple):
    """The security labels of a record, ready to compare.

    A record without a confidentiality is normal, or restricted where it has a sensitivity (IHE PCF, Advanced
    option: sensitive data are restricted). Of several confidentialities the highest counts.
    """

    level: int
    """Index into :data:`~iomt_interop.privacy.vocabulary.CONFIDENTIALITIES`; beyond it when not known."""
    codes: frozenset[Code]
    """Every code, and what each is a kind of; of confidentialities the one that counts."""
    sensitivities: frozenset[str]
    """Codes of sensitivity as they stand."""


class Facts(NamedTuple):
    """What decisions need to know of one record."""

    kind: str
    subject: str | None
    labels: Labels
    span: tuple[int, int] | None = None
    """When it was observed, in UTC nanoseconds, as wide as its text leaves it."""
    names: frozenset[str] = _NONE
    """References by which the record itself is called."""
    relations: frozenset[str] = _NONE
    """References to what it refers to."""
    authors: frozenset[str] = _NONE
    categories: frozenset[Code] = frozenset()
    codes: frozenset[Code] = frozenset()


_PLAIN: Final = Labels(_NORMAL, frozenset({(CONFIDENTIALITY, "N")}), frozenset())


def labels_of(labels: Iterable[Coding]) -> Labels:
    """Make security labels comparable."""
    level = -1
    codes: set[Code] = set()
    sensitive: set[str] = set()
    for coding in labels:
        system, code = code_of(coding)
        if system == CONFIDENTIALITY:
            level = max(level, _LEVELS.get(code, UNKNOWN_LEVEL))
            continue
        codes |= covered_by((system, code))
        if system == ACT_CODE and is_sensitivity(code):
            sensitive.add(code)
    if level < 0:
        level = _RESTRICTED if sensitive else _NORMAL
    if level < UNKNOWN_LEVEL:
        codes.add((CONFIDENTIALITY, CONFIDENTIALITIES[level]))
    return Labels(level, frozenset(codes), frozenset(sensitive))


_EVERYTHING: Final = frozenset({"time", "references", "codes"})


def facts_of(
    record: Record,
    *,
    aliases: Mapping[str, frozenset[str]] | None = None,
    offset: int | None = None,
    wants: AbstractSet[str] = _EVERYTHING,
) -> Facts:
    """Take what decisions need from a record.

    Parameters
    ----------
    record : Record
        The record.
    aliases : mapping, optional
        References by which consents call a record, by the record's id (``Encounter/4711``).
    offset : int, optional
        Minutes from UTC of times without a zone; when none, such a time is as uncertain as the Earth is round.
    wants : set of str
        What is needed beside kind, subject and labels: ``time``, ``references``, ``codes``.
    """
    labels = labels_of(record.labels) if record.labels else _PLAIN
    facts = Facts(record.kind, subject_of(record), labels)
    if "time" in wants:
        time = getattr(record, "time", None)
        facts = facts._replace(span=None if time is None else span_of(time, offset))
    if "codes" in wants:
        facts = facts._replace(categories=_categories(record), codes=_codes(record))
    if "references" in wants:
        known: Mapping[str, frozenset[str]] = aliases or {}
        names = frozenset(_called(record.id, RESOURCES.get(record.kind, "Basic"), known))
        facts = facts._replace(names=names, relations=_related(record, known), authors=_authors(record, known))
    return facts


def subject_of(record: Record) -> str | None:
    """Return the id of the subject that a record is about."""
    return record.id if record.kind == "subject" else record.subject


def _categories(record: Record) -> frozenset[Code]:
    concepts = record.categories if isinstance(record, Observation | Waveform) else ()
    return frozenset(code_of(coding) for concept in concepts for coding in concept.codings)


def _codes(record: Record) -> frozenset[Code]:
    code = getattr(record, "code", None)
    return frozenset(code_of(each) for each in code.codings) if isinstance(code, Concept) else frozenset()


def _authors(record: Record, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found = set()
    for field, resource in _AUTHORS:
        target = getattr(record, field, None)
        if target is not None:
            found |= _called(target, resource, known)
    actors = record.performers if isinstance(record, Observation) else ()
    actors = record.actors if isinstance(record, Encounter | Order) else actors
    return frozenset(found | {actor.reference for actor in actors if actor.reference is not None})


def _called(target: str, resource: str, known: Mapping[str, frozenset[str]]) -> set[str]:
    return {target, f"{resource}/{target}"} | known.get(target, _NONE)


def _related(record: Record, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    for field, resource in _REFERENCES:
        target = getattr(record, field, None)
        if target is not None:
            found |= _called(target, resource, known)
    for link in record.links:
        found |= {link.target} | known.get(link.target, _NONE)
    return frozenset(found)
