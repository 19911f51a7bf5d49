"""Strategies of canonical records, one function per class.

Every function takes the same options. ``identifying=False`` leaves out what identifies a person;
``printable=True`` keeps texts to printable characters; any other keyword is a strategy for the field of that
name, which is then always set::

    observations(code=st.just(SPO2), value=quantities(unit=st.just("%")))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...model import (
    Account,
    Activity,
    Alert,
    Allergy,
    Appointment,
    CareTeam,
    ClockSync,
    Condition,
    Coverage,
    Device,
    DeviceAssociation,
    Document,
    Encounter,
    Event,
    Immunization,
    Issue,
    Message,
    Metric,
    Observation,
    Order,
    Prescription,
    Procedure,
    Record,
    RelatedPerson,
    Request,
    Residue,
    Session,
    Setting,
    Specimen,
    Study,
    Subject,
    Waveform,
)
from ...model.base import Model
from ...model.envelope import RecordKind
from ._derive import Flavour, derive

__all__ = [
    "KINDS",
    "accounts",
    "activities",
    "alerts",
    "allergies",
    "appointments",
    "associations",
    "care_teams",
    "clock_syncs",
    "conditions",
    "coverages",
    "devices",
    "documents",
    "encounters",
    "events",
    "immunizations",
    "issues",
    "messages",
    "metrics",
    "observations",
    "orders",
    "prescriptions",
    "procedures",
    "records",
    "related_persons",
    "requests",
    "residues",
    "sessions",
    "settings",
    "specimens",
    "studies",
    "subjects",
    "waveforms",
]

KINDS: Final[Mapping[RecordKind, type[Model]]] = {
    "message": Message,
    "subject": Subject,
    "encounter": Encounter,
    "order": Order,
    "device": Device,
    "association": DeviceAssociation,
    "metric": Metric,
    "clock_sync": ClockSync,
    "observation": Observation,
    "waveform": Waveform,
    "alert": Alert,
    "setting": Setting,
    "event": Event,
    "session": Session,
    "study": Study,
    "document": Document,
    "activity": Activity,
    "request": Request,
    "specimen": Specimen,
    "related_person": RelatedPerson,
    "coverage": Coverage,
    "condition": Condition,
    "allergy": Allergy,
    "procedure": Procedure,
    "immunization": Immunization,
    "appointment": Appointment,
    "prescription": Prescription,
    "account": Account,
    "care_team": CareTeam,
    "residue": Residue,
    "issue": Issue,
}
"""Kind of a record to its class, in the order of the union."""


def records(
    kinds: Iterable[RecordKind] | None = None,
    *,
    identifying: bool = True,
    printable: bool = False,
    **fields: SearchStrategy[Any],
) -> SearchStrategy[Record]:
    """Generate records of any kind.

    Parameters
    ----------
    kinds : iterable of str, optional
        Only these kinds; all by default.
    identifying : bool
        Whether names, identifiers, dates of birth, serial numbers, notes and the like are given at all.
    printable : bool
        Keep texts to printable characters.
    **fields : SearchStrategy
        Strategies of fields that every record has: ``id``, ``subject``, ``provenance``, ``labels``, ...

    Examples
    --------
    >>> from hypothesis import find
    >>> find(records(["issue"]), lambda record: True).kind
    'issue'
    """
    chosen = tuple(KINDS) if kinds is None else tuple(kinds)
    flavour = Flavour(identifying, printable)
    made: list[SearchStrategy[Any]] = [derive(KINDS[kind], flavour, fields) for kind in chosen]
    return st.one_of(made)


def messages(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Message]:
    """Generate :class:`~iomt_interop.model.Message`: the message or bundle that carried other records."""
    return derive(Message, Flavour(identifying, printable), fields)


def subjects(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Subject]:
    """Generate :class:`~iomt_interop.model.Subject`: the person that data are about."""
    return derive(Subject, Flavour(identifying, printable), fields)


def encounters(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Encounter]:
    """Generate :class:`~iomt_interop.model.Encounter`: the stay or visit."""
    return derive(Encounter, Flavour(identifying, printable), fields)


def orders(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Order]:
    """Generate :class:`~iomt_interop.model.Order`: the request or report under which observations were made."""
    return derive(Order, Flavour(identifying, printable), fields)


def devices(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Device]:
    """Generate :class:`~iomt_interop.model.Device`: one node of a containment tree."""
    return derive(Device, Flavour(identifying, printable), fields)


def associations(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[DeviceAssociation]:
    """Generate :class:`~iomt_interop.model.DeviceAssociation`: that a device was attached to a person for a time."""
    return derive(DeviceAssociation, Flavour(identifying, printable), fields)


def metrics(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Metric]:
    """Generate :class:`~iomt_interop.model.Metric`: what a device measures, sets or calculates."""
    return derive(Metric, Flavour(identifying, printable), fields)


def clock_syncs(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[ClockSync]:
    """Generate :class:`~iomt_interop.model.ClockSync`: one comparison of a device's clock with a better one."""
    return derive(ClockSync, Flavour(identifying, printable), fields)


def observations(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Observation]:
    """Generate :class:`~iomt_interop.model.Observation`: a value of any kind, or components, or neither."""
    return derive(Observation, Flavour(identifying, printable), fields)


def waveforms(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Waveform]:
    """Generate :class:`~iomt_interop.model.Waveform`: signals of every sample format, with gaps and marks."""
    return derive(Waveform, Flavour(identifying, printable), fields)


def alerts(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Alert]:
    """Generate :class:`~iomt_interop.model.Alert`: an alarm or advisory."""
    return derive(Alert, Flavour(identifying, printable), fields)


def settings(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Setting]:
    """Generate :class:`~iomt_interop.model.Setting`: what a device was told to do, and what it does."""
    return derive(Setting, Flavour(identifying, printable), fields)


def events(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Event]:
    """Generate :class:`~iomt_interop.model.Event`: something that happened."""
    return derive(Event, Flavour(identifying, printable), fields)


def sessions(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Session]:
    """Generate :class:`~iomt_interop.model.Session`: a stretch of time that has a kind: sleep, a workout."""
    return derive(Session, Flavour(identifying, printable), fields)


def studies(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Study]:
    """Generate :class:`~iomt_interop.model.Study`: an imaging or signal study."""
    return derive(Study, Flavour(identifying, printable), fields)


def documents(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Document]:
    """Generate :class:`~iomt_interop.model.Document`: an attachment with its bytes."""
    return derive(Document, Flavour(identifying, printable), fields)


def activities(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Activity]:
    """Generate :class:`~iomt_interop.model.Activity`: what was done to other records."""
    return derive(Activity, Flavour(identifying, printable), fields)


def requests(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Request]:
    """Generate :class:`~iomt_interop.model.Request`: a service that was asked for."""
    return derive(Request, Flavour(identifying, printable), fields)


def specimens(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Specimen]:
    """Generate :class:`~iomt_interop.model.Specimen`: a sample."""
    return derive(Specimen, Flavour(identifying, printable), fields)


def related_persons(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[RelatedPerson]:
    """Generate :class:`~iomt_interop.model.RelatedPerson`: somebody who has to do with the subject."""
    return derive(RelatedPerson, Flavour(identifying, printable), fields)


def coverages(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Coverage]:
    """Generate :class:`~iomt_interop.model.Coverage`: an insurance plan."""
    return derive(Coverage, Flavour(identifying, printable), fields)


def conditions(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Condition]:
    """Generate :class:`~iomt_interop.model.Condition`: a diagnosis."""
    return derive(Condition, Flavour(identifying, printable), fields)


def allergies(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Allergy]:
    """Generate :class:`~iomt_interop.model.Allergy`: an allergy or intolerance."""
    return derive(Allergy, Flavour(identifying, printable), fields)


def procedures(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Procedure]:
    """Generate :class:`~iomt_interop.model.Procedure`: something done to the subject."""
    return derive(Procedure, Flavour(identifying, printable), fields)


def immunizations(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Immunization]:
    """Generate :class:`~iomt_interop.model.Immunization`: a vaccination."""
    return derive(Immunization, Flavour(identifying, printable), fields)


def appointments(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Appointment]:
    """Generate :class:`~iomt_interop.model.Appointment`: a time agreed upon."""
    return derive(Appointment, Flavour(identifying, printable), fields)


def prescriptions(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Prescription]:
    """Generate :class:`~iomt_interop.model.Prescription`: a drug that was ordered."""
    return derive(Prescription, Flavour(identifying, printable), fields)


def accounts(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Account]:
    """Generate :class:`~iomt_interop.model.Account`: to what things done for the subject are charged."""
    return derive(Account, Flavour(identifying, printable), fields)


def care_teams(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[CareTeam]:
    """Generate :class:`~iomt_interop.model.CareTeam`: people who care for the subject together."""
    return derive(CareTeam, Flavour(identifying, printable), fields)


def residues(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Residue]:
    """Generate :class:`~iomt_interop.model.Residue`: input that no record could take up."""
    return derive(Residue, Flavour(identifying, printable), fields)


def issues(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Issue]:
    """Generate :class:`~iomt_interop.model.Issue`: a doubt about the data."""
    return derive(Issue, Flavour(identifying, printable), fields)
