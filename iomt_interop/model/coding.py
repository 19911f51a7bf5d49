"""Codes of several systems at once, the source's own first, and identifiers with who assigned them."""

from __future__ import annotations

from typing import Literal

from .base import Model

__all__ = ["Coding", "Concept", "Extension", "Identifier", "Link", "LinkRelation", "Provenance"]


class Coding(Model):
    """One code in one system."""

    system: str | None = None
    """URI of the system (``urn:iso:std:iso:11073:10101``); ``None`` when the source names none."""
    code: str | None = None
    """The code as the system writes it; the 32-bit number for MDC."""
    display: str | None = None
    """Text for people."""
    refid: str | None = None
    """IEEE 11073-10101 reference identifier (``MDC_PULS_OXIM_SAT_O2``)."""
    version: str | None = None
    native_system: str | None = None
    """The system as the source named it (``MDC``, ``99MNDRY``) where the URI does not give it back."""


class Concept(Model):
    """One meaning in one or more codings; the first is the source's own."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None

    def coding(self, system: str) -> Coding | None:
        """Return the first coding of a system."""
        return next((coding for coding in self.codings if coding.system == system), None)


class Identifier(Model):
    """An identifier with its assigning authority and type."""

    value: str | None = None
    system: str | None = None
    """URI of the name space (``urn:oid:...``)."""
    authority: str | None = None
    """The assigning authority as the source wrote it (a namespace id)."""
    authority_id: str | None = None
    """The authority's universal id (an OID, an EUI-64)."""
    authority_id_type: str | None = None
    """Type of the universal id (``ISO``, ``EUI-64``, ``DNS``)."""
    type: Concept | None = None
    """HL7 table 0203: ``MR``, ``PI``, ``AN``; or a device identifier's type."""
    use: Literal["usual", "official", "temp", "secondary", "old"] | None = None
    check_digit: str | None = None
    check_scheme: str | None = None
    """How the check digit is computed (HL7 table 0061)."""
    facility: str | None = None
    """The facility that assigned it."""
    facility_id: str | None = None
    """Universal id of that facility."""
    facility_id_type: str | None = None
    start: str | None = None
    end: str | None = None


class Extension(Model):
    """A source element that the model has no field for, kept verbatim."""

    namespace: str
    """Id of the adapter whose language the path speaks."""
    path: str
    """Where the element stood, in the field's notation."""
    value: str | None = None
    """The element's text; ``None`` when it was present without one."""


class Provenance(Model):
    """Where a record came from, to the byte."""

    adapter: str
    version: str
    digest: str | None = None
    """SHA-256 of the source unit (message, APDU, resource), in hexadecimal."""
    span: tuple[int, int] | None = None
    """Half-open byte range in the source."""
    path: str | None = None
    """Where in the unit, in the field's notation (``OBX(3)``)."""
    clause: str | None = None
    """The clause by which it was read."""


LinkRelation = Literal["derived_from", "has_member", "part_of", "corrects", "replaces", "triggered_by", "focus"]
"""``focus`` is the specimen that an observation is about, where that is not the person."""


class Link(Model):
    """A relation to another record."""

    relation: LinkRelation
    target: str
    """The other record's id."""
