"""What happens around observations: requests, specimens, kin, insurance, diagnoses, and who did what."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Coding, Concept, Identifier
from .context import Actor, Address, Location, Note, PersonName, Telecom
from .envelope import Envelope, RecordKind
from .number import Quantity, Range, Ratio
from .time import Instant, Time

__all__ = [
    "Account",
    "Activity",
    "Allergy",
    "Appointment",
    "CareTeam",
    "Condition",
    "Coverage",
    "Dosage",
    "Immunization",
    "Participant",
    "Prescription",
    "Procedure",
    "Reaction",
    "RelatedPerson",
    "Request",
    "Specimen",
    "Target",
]


class Target(Model):
    """Another record, by its kind and id."""

    kind: RecordKind
    id: str


class Activity(Envelope):
    """What was done to other records, when, and by whom (FHIR Provenance)."""

    kind: Literal["activity"] = "activity"
    targets: tuple[Target, ...] = ()
    """The records that it made or changed."""
    code: Concept | None = None
    recorded: Instant | None = None
    time: Time | None = None
    actors: tuple[Actor, ...] = ()
    policies: tuple[str, ...] = ()
    """URIs of the rules that were followed."""
    reason: tuple[Concept, ...] = ()
    sources: tuple[str, ...] = ()
    """Ids of devices or software that it came from."""


class Request(Envelope):
    """A service that was asked for (ORC and OBR of an order)."""

    kind: Literal["request"] = "request"
    placer: tuple[Identifier, ...] = ()
    filler: tuple[Identifier, ...] = ()
    groups: tuple[Identifier, ...] = ()
    """Group numbers and other identifiers, each with its type."""
    status: str | None = None
    """FHIR request-status."""
    native_status: str | None = None
    """Status or order control code of the source (ORC-5, ORC-1)."""
    intent: str | None = None
    priority: str | None = None
    code: Concept | None = None
    details: tuple[Concept, ...] = ()
    encounter: str | None = None
    occurrence: Time | None = None
    authored: Instant | None = None
    requester: Actor | None = None
    callback: tuple[Telecom, ...] = ()
    """Whom to call back."""
    performers: tuple[Actor, ...] = ()
    location: Concept | None = None
    """Where it is to be done."""
    reason: tuple[Concept, ...] = ()
    specimens: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    """Ids of observations that inform it."""
    parties: tuple[Actor, ...] = ()
    """Who else is named with the request, each by its role (``ordering-facility``, ``enterer-location``)."""
    notes: tuple[Note, ...] = ()


class Specimen(Envelope):
    """A sample that was or is to be examined."""

    kind: Literal["specimen"] = "specimen"
    identifiers: tuple[Identifier, ...] = ()
    accession: Identifier | None = None
    type: Concept | None = None
    parents: tuple[Identifier, ...] = ()
    received: Instant | None = None
    collected: Time | None = None
    collector: Actor | None = None
    quantity: Quantity | None = None
    method: Concept | None = None
    body_site: Concept | None = None
    container: Concept | None = None
    additives: tuple[Concept, ...] = ()
    conditions: tuple[Concept, ...] = ()
    available: bool | None = None
    notes: tuple[Note, ...] = ()


class RelatedPerson(Envelope):
    """Somebody who has to do with the subject: next of kin, guardian, employer."""

    kind: Literal["related_person"] = "related_person"
    identifiers: tuple[Identifier, ...] = ()
    relationships: tuple[Concept, ...] = ()
    names: tuple[PersonName, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    sex: Coding | None = None
    birth_date: Instant | None = None
    addresses: tuple[Address, ...] = ()
    period: Time | None = None
    languages: tuple[Concept, ...] = ()
    parties: tuple[Actor, ...] = ()
    """Organisations that are named with the person, each by its role."""


class Coverage(Envelope):
    """An insurance plan that covers the subject."""

    kind: Literal["coverage"] = "coverage"
    identifiers: tuple[Identifier, ...] = ()
    type: Concept | None = None
    holder: Actor | None = None
    subscriber: Actor | None = None
    subscriber_ids: tuple[Identifier, ...] = ()
    relationship: Concept | None = None
    period: Time | None = None
    payors: tuple[Actor, ...] = ()
    subscribes: bool | None = None
    """Whether the subject holds the plan."""
    parties: tuple[Actor, ...] = ()
    """Who else is named with the plan, each by its role (``group``, ``verifier``)."""


class Condition(Envelope):
    """A diagnosis or problem."""

    kind: Literal["condition"] = "condition"
    identifiers: tuple[Identifier, ...] = ()
    code: Concept | None = None
    categories: tuple[Concept, ...] = ()
    refuted: bool | None = None
    """Whether it was entered in error."""
    onset: Instant | None = None
    recorded: Instant | None = None
    encounter: str | None = None
    asserter: Actor | None = None
    use: Concept | None = None
    """Role in the stay: admitting, working, final (HL7 table 0052)."""
    rank: int | None = None


class Reaction(Model):
    """How an allergy showed."""

    manifestations: tuple[Concept, ...] = ()
    severity: Literal["mild", "moderate", "severe"] | None = None


class Allergy(Envelope):
    """An allergy or intolerance."""

    kind: Literal["allergy"] = "allergy"
    identifiers: tuple[Identifier, ...] = ()
    code: Concept | None = None
    type: Literal["allergy", "intolerance"] | None = None
    category: Literal["food", "medication", "environment", "biologic"] | None = None
    native_category: Concept | None = None
    criticality: Literal["low", "high", "unable-to-assess"] | None = None
    severity: Concept | None = None
    """Severity as the source wrote it (HL7 table 0128)."""
    onset: Instant | None = None
    recorded: Instant | None = None
    reactions: tuple[Reaction, ...] = ()


class Procedure(Envelope):
    """Something that was done to the subject."""

    kind: Literal["procedure"] = "procedure"
    identifiers: tuple[Identifier, ...] = ()
    status: str | None = None
    category: Concept | None = None
    code: Concept | None = None
    encounter: str | None = None
    time: Time | None = None
    actors: tuple[Actor, ...] = ()
    location: Location | None = None
    reason: tuple[Concept, ...] = ()


class Immunization(Envelope):
    """A vaccination, given or refused."""

    kind: Literal["immunization"] = "immunization"
    identifiers: tuple[Identifier, ...] = ()
    status: Literal["completed", "entered-in-error", "not-done"] | None = None
    status_reason: Concept | None = None
    vaccine: Concept | None = None
    encounter: str | None = None
    time: Instant | None = None
    recorded: Instant | None = None
    lot: str | None = None
    expires: Instant | None = None
    manufacturer: Actor | None = None
    dose: Quantity | None = None
    route: Concept | None = None
    body_site: Concept | None = None
    actors: tuple[Actor, ...] = ()
    location: Location | None = None
    reason: tuple[Concept, ...] = ()
    notes: tuple[Note, ...] = ()


class Participant(Model):
    """A person, place or thing that takes part in an appointment."""

    actor: Actor | None = None
    location: Location | None = None
    types: tuple[Concept, ...] = ()
    period: Time | None = None


class Appointment(Envelope):
    """A time that was agreed upon, or is to be."""

    kind: Literal["appointment"] = "appointment"
    identifiers: tuple[Identifier, ...] = ()
    status: str | None = None
    native_status: Concept | None = None
    type: Concept | None = None
    services: tuple[Concept, ...] = ()
    reason: tuple[Concept, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    minutes: int | None = None
    participants: tuple[Participant, ...] = ()
    requests: tuple[Identifier, ...] = ()
    notes: tuple[Note, ...] = ()


class Dosage(Model):
    """How much of a drug is to be given, when, and by which way."""

    text: str | None = None
    dose: Quantity | None = None
    dose_range: Range | None = None
    """The least and the most for one time."""
    pattern: Concept | None = None
    """How often, as a code (HL7 table 0335)."""
    period: Quantity | None = None
    """After which time it is repeated."""
    bounds: Time | None = None
    """From when to when."""
    count: int | None = None
    """How many times at most."""
    condition: str | None = None
    route: Concept | None = None
    site: Concept | None = None
    method: Concept | None = None
    instructions: tuple[Concept, ...] = ()


class Prescription(Envelope):
    """A drug that was ordered (FHIR MedicationRequest)."""

    kind: Literal["prescription"] = "prescription"
    placer: tuple[Identifier, ...] = ()
    filler: tuple[Identifier, ...] = ()
    status: str | None = None
    """FHIR medicationrequest-status."""
    native_status: str | None = None
    """Status or order control code of the source (ORC-5, ORC-1)."""
    intent: str | None = None
    priority: str | None = None
    drug: Concept | None = None
    form: Concept | None = None
    strength: Ratio | None = None
    encounter: str | None = None
    authored: Instant | None = None
    requester: Actor | None = None
    reason: tuple[Concept, ...] = ()
    dosages: tuple[Dosage, ...] = ()
    quantity: Quantity | None = None
    """How much is to be dispensed."""
    repeats: int | None = None
    """How many times it may be dispensed again."""
    substitution: Concept | None = None
    notes: tuple[Note, ...] = ()


class Account(Envelope):
    """An account to which what is done for the subject is charged."""

    kind: Literal["account"] = "account"
    identifiers: tuple[Identifier, ...] = ()
    status: Literal["active", "inactive", "entered-in-error", "on-hold", "unknown"] | None = None
    type: Concept | None = None
    name: str | None = None
    period: Time | None = None


class CareTeam(Envelope):
    """People who care for the subject together, each by what they do."""

    kind: Literal["care_team"] = "care_team"
    identifiers: tuple[Identifier, ...] = ()
    status: Literal["proposed", "active", "suspended", "inactive", "entered-in-error"] | None = None
    categories: tuple[Concept, ...] = ()
    name: str | None = None
    encounter: str | None = None
    period: Time | None = None
    members: tuple[Actor, ...] = ()
    reason: tuple[Concept, ...] = ()
    notes: tuple[Note, ...] = ()
