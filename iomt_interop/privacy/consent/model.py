"""A patient's consent in canonical form; what a format says beyond it is kept, and doubted where it may matter."""

from __future__ import annotations

from typing import Literal

from ...model import Coding, Concept, Extension, Interval
from ...model.base import Model
from ...model.time import Instant

__all__ = ["Consent", "ConsentActor", "ConsentData", "ConsentStatus", "DataMeaning", "Provision"]

ConsentStatus = Literal["draft", "proposed", "active", "rejected", "inactive", "entered-in-error", "unknown"]
DataMeaning = Literal["instance", "related", "dependents", "authoredby", "unknown"]


class ConsentActor(Model):
    """Somebody that a rule is about."""

    role: Coding | None = None
    """What they are in the rule: IRCP, the information recipient."""
    reference: str


class ConsentData(Model):
    """Data that a rule is about, by reference."""

    meaning: DataMeaning
    reference: str


class Provision(Model):
    """One rule: what is permitted or denied, under which conditions. An empty condition excludes nothing."""

    type: Literal["permit", "deny"] | None = None
    period: Interval | None = None
    """When the rule holds."""
    actors: tuple[ConsentActor, ...] = ()
    purposes: tuple[Coding, ...] = ()
    labels: tuple[Coding, ...] = ()
    data_period: Interval | None = None
    """When the data came about."""
    data: tuple[ConsentData, ...] = ()
    exceptions: tuple[Provision, ...] = ()
    """Rules that go before this one."""


class Consent(Model):
    """What a patient decided about their data under one or more policies."""

    id: str
    """SHA-256 of the resource with its names sorted, in hexadecimal; the proof of consent in the audit trail."""
    name: str | None = None
    """The resource's own id."""
    status: ConsentStatus
    scope: Concept | None = None
    categories: tuple[Concept, ...] = ()
    patient: str | None = None
    """Reference to the patient."""
    time: Instant | None = None
    """When it was given."""
    performers: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    source: str | None = None
    """Reference to the signed document."""
    policies: tuple[str, ...] = ()
    """URIs of the policies that it is about."""
    provision: Provision | None = None
    extras: tuple[Extension, ...] = ()
    """Elements that no field takes: path and JSON text."""
    doubts: tuple[str, ...] = ()
    """Reason codes of what was not understood; a consent with a doubt permits nothing."""


Provision.model_rebuild()
