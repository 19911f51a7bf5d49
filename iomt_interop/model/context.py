"""Who and where: the message, the person, the stay, the order."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Coding, Concept, Identifier
from .envelope import Envelope
from .number import Quantity
from .time import Instant, Time

__all__ = [
    "Actor",
    "Address",
    "Contact",
    "Encounter",
    "IdentityConfidence",
    "LevelId",
    "Location",
    "Message",
    "Note",
    "Order",
    "Organization",
    "PersonName",
    "Stay",
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
    own_name: str | None = None
    """Family name of one's own, where the family name is composed."""
    partner_prefix: str | None = None
    partner_name: str | None = None
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    use: Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"] | None = None
    native_type: str | None = None
    """Name type code of the source (HL7 table 0200)."""
    assembly_order: str | None = None
    """In which order the parts are shown (HL7 table 0444)."""
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
    census_tract: str | None = None
    text: str | None = None
    start: str | None = None
    end: str | None = None


class Telecom(Model):
    """A way to reach somebody."""

    system: Literal["phone", "fax", "email", "pager", "url", "sms", "other"] | None = None
    value: str | None = None
    use: Literal["home", "work", "temp", "old", "mobile"] | None = None
    country: str | None = None
    """Country code of a number."""
    area: str | None = None
    local: str | None = None
    extension: str | None = None
    rank: int | None = None
    """Order of preference, from 1."""
    start: str | None = None
    end: str | None = None


class LevelId(Model):
    """The universal id of one level of a place (HL7 v2 HD)."""

    level: Literal["point_of_care", "room", "bed", "building", "floor"]
    value: str | None = None
    type: str | None = None


class Location(Model):
    """A place in an institution (HL7 v2 PL)."""

    point_of_care: str | None = None
    room: str | None = None
    bed: str | None = None
    facility: str | None = None
    facility_id: str | None = None
    """Universal id of the facility."""
    facility_id_type: str | None = None
    building: str | None = None
    floor: str | None = None
    level_ids: tuple[LevelId, ...] = ()
    """Universal ids of the other levels."""
    status: str | None = None
    type: str | None = None
    role: Concept | None = None
    """What the place is for, as a code."""
    description: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    reference: str | None = None


class Organization(Model):
    """An organisation, as far as the source names it."""

    name: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    addresses: tuple[Address, ...] = ()
    contact_names: tuple[PersonName, ...] = ()
    """Whom to ask for there."""
    contact_telecoms: tuple[Telecom, ...] = ()
    contact_addresses: tuple[Address, ...] = ()


class Actor(Model):
    """A person or organisation that did something, as far as the source names them."""

    role: str
    """What they did, in the source's words (``performer``, ``attending``, ``OBX-16``)."""
    party: Literal["person", "organization", "device", "place"] | None = None
    """What acted or is named, where the source says it; a place is the one of ``places``."""
    code: Concept | None = None
    """What they did, as a code (v3 ParticipationType, HL7 table 0912)."""
    identifiers: tuple[Identifier, ...] = ()
    """Of the person or device; of the organisation where nobody else is named."""
    names: tuple[PersonName, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    addresses: tuple[Address, ...] = ()
    organization: str | None = None
    """Name of the organisation."""
    behalf: Organization | None = None
    """The organisation for which a person acted, where more than its name is known."""
    places: tuple[Location, ...] = ()
    start: str | None = None
    end: str | None = None
    reference: str | None = None
    """A reference in the source's own language (``Practitioner/1``)."""


class Note(Model):
    """A comment that came with the data."""

    text: str
    author: str | None = None
    """Who wrote it, as a text."""
    by: Actor | None = None
    """Who wrote it, where it is known who that is."""
    time: str | None = None
    type: Concept | None = None


class Contact(Model):
    """Somebody to turn to on behalf of a person: next of kin, employer, guardian."""

    relationships: tuple[Concept, ...] = ()
    names: tuple[PersonName, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    addresses: tuple[Address, ...] = ()
    sex: Coding | None = None
    organization: Organization | None = None
    start: str | None = None
    end: str | None = None


class Message(Envelope):
    """The message or bundle that carried other records."""

    kind: Literal["message"] = "message"
    protocol: str
    """``hl7v2``, ``ieee11073-20601``, ``fhir-r4``."""
    type: str | None = None
    """Message type in the protocol's notation (``ORU^R01^ORU_R01``)."""
    version: str | None = None
    control_id: str | None = None
    answer_to: str | None = None
    """Control id of the message that this one answers."""
    answer: str | None = None
    """What became of that message, in the protocol's code (MSA-1)."""
    sender: Actor | None = None
    receiver: Actor | None = None
    receivers: tuple[Actor, ...] = ()
    """Further receivers."""
    responsible: Actor | None = None
    """The organisation that answers for the content."""
    sender_address: Identifier | None = None
    """Network address of the sender."""
    software: str | None = None
    """Name of the sending software."""
    software_version: str | None = None
    sent: Instant | None = None
    processing: Literal["production", "training", "debugging"] | None = None
    mode: str | None = None
    """Processing mode (HL7 table 0207: ``A`` archive, ``R`` restore, ``I`` initial load)."""
    security: str | None = None
    country: str | None = None
    """Country of the sender."""
    profiles: tuple[Identifier, ...] = ()
    language: Concept | None = None
    character_set: tuple[str, ...] = ()
    parties: tuple[Actor, ...] = ()
    """Who else is named with the message, each by its role (``software-vendor``)."""


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
    religion: Concept | None = None
    birth_place: str | None = None
    birth_order: int | None = None
    multiple_birth: bool | None = None
    maiden_names: tuple[PersonName, ...] = ()
    """The mother's maiden name."""
    citizenships: tuple[Concept, ...] = ()
    nationality: Concept | None = None
    disability: Concept | None = None
    congregations: tuple[str, ...] = ()
    species: Concept | None = None
    breed: Concept | None = None
    practitioners: tuple[Actor, ...] = ()
    """Who cares for the person in general."""
    contacts: tuple[Contact, ...] = ()
    duplicates: tuple[Identifier, ...] = ()
    """Identifiers of other records of the same person."""
    parties: tuple[Actor, ...] = ()
    """Who else is named with the person, each by its role (``place-of-worship``)."""
    notes: tuple[Note, ...] = ()
    active: bool | None = None
    confidence: IdentityConfidence = "certain"


class Stay(Model):
    """One place of a stay."""

    location: Location
    status: Literal["planned", "active", "reserved", "completed"] | None = None
    temporary: bool | None = None


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
    priority: Concept | None = None
    reason: tuple[Concept, ...] = ()
    stays: tuple[Stay, ...] = ()
    """Further places."""
    length: Quantity | None = None
    """How long it lasted."""
    episodes: tuple[Identifier, ...] = ()
    """Episode of care that it is part of."""
    pre_admission: Identifier | None = None
    admit_source: Concept | None = None
    readmission: Concept | None = None
    diets: tuple[Concept, ...] = ()
    courtesies: tuple[Concept, ...] = ()
    arrangements: tuple[Concept, ...] = ()
    """Special arrangements: wheelchair, interpreter."""
    disposition: Concept | None = None
    """Disposition at discharge."""
    destination: Location | None = None
    arrival: Coding | None = None
    """Mode of arrival."""
    description: str | None = None
    protection: Coding | None = None
    """Whether the stay is to be kept from others, in the source's code (PV2-22)."""
    parties: tuple[Actor, ...] = ()
    """Who else is named with the stay, each by its role (``clinic``)."""


class Order(Envelope):
    """The request or report under which observations were made (OBR, ORC)."""

    kind: Literal["order"] = "order"
    placer: tuple[Identifier, ...] = ()
    filler: tuple[Identifier, ...] = ()
    code: Concept | None = None
    status: str | None = None
    """Result status as the source wrote it (OBR-25, HL7 table 0123)."""
    request: str | None = None
    """Id of the :class:`~iomt_interop.model.Request` that was answered."""
    specimens: tuple[str, ...] = ()
    """Ids of the :class:`~iomt_interop.model.Specimen` records that were examined."""
    categories: tuple[Concept, ...] = ()
    time: Time | None = None
    requested: Instant | None = None
    reported: Instant | None = None
    encounter: str | None = None
    parent: tuple[Identifier, ...] = ()
    reason: tuple[Concept, ...] = ()
    actors: tuple[Actor, ...] = ()
    devices: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
