"""Who and where: the message, the person, the stay, the order."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Coding, Concept, Identifier, Note
from .envelope import Envelope
from .time import Instant, Time

__all__ = [
    "Actor",
    "Address",
    "Encounter",
    "IdentityConfidence",
    "Location",
    "Message",
    "Order",
    "PersonName",
    "Subject",
    "Telecom",
]

IdentityConfidence = Literal["certain", "assumed", "ambiguous", "unknown", "demo", "test", "quality-control"]
"""How sure it is that the data are of this person; the last three are of no patient at all."""


class PersonName(Model):
    """A person's name in its parts."""

    family: str | None = None
    own_prefix: str | None = None
    """Prefix of the family name (``van der``)."""
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    use: Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"] | None = None
    native_type: str | None = None
    """Name type code of the source (HL7 table 0200)."""
    text: str | None = None
    start: str | None = None
    end: str | None = None


class Address(Model):
    """A postal address."""

    lines: tuple[str, ...] = ()
    city: str | None = None
    district: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    use: Literal["home", "work", "temp", "old", "billing"] | None = None
    native_type: str | None = None
    """Address type of the source (HL7 table 0190)."""
    text: str | None = None


class Telecom(Model):
    """A way to reach somebody."""

    system: Literal["phone", "fax", "email", "pager", "url", "sms", "other"] | None = None
    value: str | None = None
    use: Literal["home", "work", "temp", "old", "mobile"] | None = None


class Actor(Model):
    """A person or organisation that did something, as far as the source names them."""

    role: str
    """What they did, in the source's words (``performer``, ``attending``, ``OBX-16``)."""
    identifiers: tuple[Identifier, ...] = ()
    names: tuple[PersonName, ...] = ()
    organization: str | None = None
    reference: str | None = None
    """A reference in the source's own language (``Practitioner/1``)."""


class Location(Model):
    """A place in an institution (HL7 v2 PL)."""

    point_of_care: str | None = None
    room: str | None = None
    bed: str | None = None
    facility: str | None = None
    building: str | None = None
    floor: str | None = None
    status: str | None = None
    type: str | None = None
    description: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    reference: str | None = None


class Message(Envelope):
    """The message or bundle that carried other records."""

    kind: Literal["message"] = "message"
    protocol: str
    """``hl7v2``, ``ieee11073-20601``, ``fhir-r4``."""
    type: str | None = None
    """Message type in the protocol's notation (``ORU^R01^ORU_R01``)."""
    version: str | None = None
    control_id: str | None = None
    sender: Actor | None = None
    receiver: Actor | None = None
    sent: Instant | None = None
    processing: Literal["production", "training", "debugging"] | None = None
    profiles: tuple[Identifier, ...] = ()
    language: Concept | None = None
    character_set: tuple[str, ...] = ()


class Subject(Envelope):
    """The person that the data are about."""

    kind: Literal["subject"] = "subject"
    identifiers: tuple[Identifier, ...] = ()
    names: tuple[PersonName, ...] = ()
    birth_date: Instant | None = None
    """With the precision the source gave; a year alone stays a year."""
    sex: Coding | None = None
    """Administrative sex in the source's code (HL7 table 0001, FHIR administrative-gender)."""
    addresses: tuple[Address, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    deceased: Instant | bool | None = None
    marital_status: Concept | None = None
    race: tuple[Concept, ...] = ()
    ethnicity: tuple[Concept, ...] = ()
    languages: tuple[Concept, ...] = ()
    active: bool | None = None
    confidence: IdentityConfidence = "certain"


class Encounter(Envelope):
    """The stay or visit during which the data were taken."""

    kind: Literal["encounter"] = "encounter"
    identifiers: tuple[Identifier, ...] = ()
    status: str | None = None
    patient_class: Coding | None = None
    """HL7 table 0004 (``I`` inpatient, ``E`` emergency) or v3 ActCode."""
    location: Location | None = None
    prior_location: Location | None = None
    period: Time | None = None
    actors: tuple[Actor, ...] = ()
    service: Concept | None = None
    admission_type: Concept | None = None


class Order(Envelope):
    """The request or report under which observations were made (OBR, ORC)."""

    kind: Literal["order"] = "order"
    placer: tuple[Identifier, ...] = ()
    filler: tuple[Identifier, ...] = ()
    code: Concept | None = None
    status: str | None = None
    """Result status as the source wrote it (OBR-25, HL7 table 0123)."""
    time: Time | None = None
    requested: Instant | None = None
    reported: Instant | None = None
    encounter: str | None = None
    parent: tuple[Identifier, ...] = ()
    reason: tuple[Concept, ...] = ()
    actors: tuple[Actor, ...] = ()
    devices: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
