"""One message: which segment belongs to which, and in which order the records come."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from sys import maxsize
from typing import Final

from ...model import Instant, Order, Record, Specimen, Target
from ...model.time import Time
from ...plugins import ReadContext
from ...wire import hl7v2
from .accounts import Charge, account_numbers, account_status, add_accounts, replaced
from .alerts import ALARM_EVENT, acknowledged, add_alerts, split_alerts
from .care import activities, contact, happened, mother, updated
from .codes import decode_code
from .devices import Tree, is_structural, parse_handle
from .header import is_identified, message, sender, subject
from .ledger import NULL, Syntax
from .observations import Item, Report, strike_set_ids
from .orders import Before, is_request_alone, order, ordered, report_time, request
from .participants import Taking, took_part
from .pattern import add_results
from .specimens import drawn, focus, is_of_body, specimen, specimen_of_report
from .surroundings import SURROUNDING, Surroundings, software_device, vendors
from .syntax import digest_of, syntax_of
from .tables import DEVICE_SENDERS, RATE_IN_NAME, SENTINELS
from .therapy import Therapy, give
from .times import decode_message
from .unit import HTEST, Segment, Unit
from .visit import encounter
from .wide import placed

__all__ = ["may_send_sentinels", "records_of"]

_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_BREAKS_NOTES: Final = frozenset({"MSH", "ORC", "PV1", "PV2", "SAC", "SPM"})
"""Segments whose comments are not those of the OBX, OBR or PID before them."""
_COMMON: Final = frozenset({"NTE", "OBR", "OBX", "ORC", "PID", "PV1"})
_BESIDE: Final = frozenset({"ARV", "NTE", "PRT", "ROL"})
"""Segments that say something of the segment before them."""
_ALERT_STATUS: Final = "ORA"
_HEADERS: Final = frozenset({"MSH", "FHS", "BHS"})
_ANSWERS: Final = frozenset({"ACK", "MCF", "ORA", "QCK", "RSP"})
"""Messages that only answer another one."""
_MADE: Final = frozenset({"document", "order", "request"})
"""Kinds of record that a message is sent to tell."""
_REQUESTS: Final = frozenset({"OML", "ORM", "OMG", "OMI", "OMP", "OMB", "OMD", "OMN", "OMS"})
"""Messages whose OBR ask for something; in all others they report."""
_CHARGED: Final = frozenset({"ADT", "BAR", "DFT"})
"""Messages whose PID-18 is an account: the guide's ADT structures, and those that are about accounts."""
_REAL: Final = frozenset({"device", "metric", "subject"})
"""Kinds of record that a test message does not label: a device is of nobody, and a person has the label by itself."""
_SPECIMEN_FIRST: Final = frozenset({"OUL"})
"""Messages that are about specimens: where they name none, none is guessed."""
_AHEAD: Final = re.compile(r"OUL.R2[23]")
"""Those of them whose OBR follow the SPM that they are of."""


@dataclass(slots=True)
class _Group:
    """One OBR with all that belongs to it; OBX that stand before any OBR have a group without one."""

    report: Segment | None = None
    common: list[Segment] = field(default_factory=list)
    comments: list[Segment] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    therapy: Therapy | None = None
    """RXG, which stands in the place of OBR."""
    participants: list[Segment] = field(default_factory=list)
    """PRT of a report on an alert."""
    specimens: list[Segment] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    """How many OBX stand before each SPM: those behind it are about the specimen."""


@dataclass(slots=True)
class _Patient:
    """One PID with all that belongs to it."""

    person: Segment | None = None
    comments: list[Segment] = field(default_factory=list)
    visit: Segment | None = None
    groups: list[_Group] = field(default_factory=list)
    care: Surroundings = field(default_factory=Surroundings)
    """Everything else that is said of the patient and the stay."""
    parties: list[Taking] = field(default_factory=list)
    """PRT and ROL."""


@dataclass(slots=True)
class _Outline:
    """What belongs to what; no order is asked for that the standard demands and senders break."""

    header: Segment | None = None
    patients: list[_Patient] = field(default_factory=lambda: [_Patient()])
    others: list[Segment] = field(default_factory=list)
    software: list[Segment] = field(default_factory=list)
    events: list[Segment] = field(default_factory=list)
    answer: Segment | None = None
    """MSA."""
    _common: list[Segment] = field(default_factory=list)
    _comments: list[Segment] | None = None
    _timings: list[Segment] = field(default_factory=list)
    """TQ1 behind an ORC."""
    _ahead: Segment | None = None
    """SPM that the OBR behind it are of, while none has come."""
    _specimen: Segment | None = None
    """The same, for all of them."""
    _apart: bool = False
    """Whether OBX would be of that SPM, and not of an OBR."""
    _owner: Segment | None = None
    """The segment that a PRT or ROL would be of."""

    def build(self, segments: list[Segment]) -> None:
        """Put every segment somewhere."""
        for segment in segments:
            _PLACES.get(segment.name, _Outline.put_elsewhere)(self, segment)
            if segment.name not in _BESIDE:
                self._owner = segment
            if segment.name in _BREAKS_NOTES:
                self._comments = None
        self.others += self._common
        self._untimed()
        self._leave_ahead()

    def put_header(self, segment: Segment) -> None:
        """MSH; a second one is no header."""
        if self.header is None:
            self.header = segment
        else:
            self.others.append(segment)

    def put_person(self, segment: Segment) -> None:
        """PID begins a patient, and ends the orders of the one before."""
        patient = self.patients[-1]
        if patient.person is not None or patient.groups or patient.visit is not None:
            patient = _Patient()
            self.patients.append(patient)
        patient.person, self._comments = segment, patient.comments
        self.others += self._common
        self._leave_ahead()
        self._common = []

    def put_visit(self, segment: Segment) -> None:
        """PV1, the first of a patient."""
        if self.patients[-1].visit is None:
            self.patients[-1].visit = segment
        else:
            self.others.append(segment)

    def put_common(self, segment: Segment) -> None:
        """ORC, which is of the OBR behind it, or of the one before it when results follow."""
        self._common.append(segment)

    def put_report(self, segment: Segment) -> None:
        """OBR."""
        self._untimed()
        group = _Group(segment, self._common)
        if self._specimen is not None:
            group.specimens, group.known = [self._specimen], [maxsize]
            self._ahead, self._apart = None, False
        self.patients[-1].groups.append(group)
        self._common, self._comments = [], group.comments

    def put_give(self, segment: Segment) -> None:
        """RXG, the head of an order to give."""
        self._untimed()
        group = _Group(therapy=Therapy(segment, self._common))
        self.patients[-1].groups.append(group)
        self._common, self._comments = [], group.comments

    def put_detail(self, segment: Segment) -> None:
        """TQ1, RXR and RXC behind an RXG; RXR behind RXA and RXO, TQ1 before RXO."""
        groups, care = self.patients[-1].groups, self.patients[-1].care
        therapy = groups[-1].therapy if groups and not self._common else None
        if therapy is not None:
            therapy.others.append(segment)
        elif segment.name == "TQ1" and self._common:
            self._timings.append(segment)
        elif segment.name != "RXR" or self._common or not care.put_route(segment):
            self.others.append(segment)

    def put_participant(self, segment: Segment) -> None:
        """PRT of a report on an alert (PCD-05); any other PRT or ROL is of the segment before it."""
        groups = self.patients[-1].groups
        alert = self.header is not None and self.header.raw(9).startswith(_ALERT_STATUS)
        if alert and groups:
            groups[-1].participants.append(segment)
        elif self._owner is None:
            self.others.append(segment)
        else:
            self.patients[-1].parties.append(Taking(self._owner, segment))

    def put_result(self, segment: Segment) -> None:
        """OBX."""
        groups = self.patients[-1].groups
        if not groups or self._apart:
            groups.append(_Group())
            self._apart = False
        if self._common and groups[-1].report is not None:
            groups[-1].common += self._common
            self._common = []
        self._comments = []
        groups[-1].items.append(Item(segment, self._comments, parse_handle(segment.raw(4))))

    def put_note(self, segment: Segment) -> None:
        """NTE, which is of the OBX, OBR or PID before it."""
        (self.others if self._comments is None else self._comments).append(segment)

    def put_answer(self, segment: Segment) -> None:
        """MSA, the first of the message."""
        if self.answer is None:
            self.answer = segment
        else:
            self.others.append(segment)

    def put_software(self, segment: Segment) -> None:
        """SFT."""
        self.software.append(segment)

    def put_event(self, segment: Segment) -> None:
        """EVN."""
        self.events.append(segment)

    def put_specimen(self, segment: Segment) -> None:
        """SPM, of the OBR before it, else of those behind it."""
        groups = self.patients[-1].groups
        if self.header is not None and _AHEAD.match(self.header.raw(9)):
            self._leave_ahead()
            self._ahead = self._specimen = segment
            self._apart = True
        elif groups and groups[-1].report is not None:
            groups[-1].specimens.append(segment)
            groups[-1].known.append(len(groups[-1].items))
        else:
            self.others.append(segment)

    def _leave_ahead(self) -> None:
        """Keep an SPM that no OBR followed."""
        self.others += [] if self._ahead is None else [self._ahead]
        self._ahead = self._specimen = None
        self._apart = False

    def put_care(self, segment: Segment) -> None:
        """Keep what surrounds a patient; the ORC before a vaccination is its own."""
        left, comments = self.patients[-1].care.put(segment, self._common, self._timings)
        self.others += left
        if segment.name in ("RXA", "RXO"):
            self._common = []
            self._untimed() if segment.name == "RXA" else self._timings.clear()
        self._comments = comments

    def _untimed(self) -> None:
        """Keep TQ1 that are of an order which no record takes with its times."""
        self.others += self._timings
        self._timings = []

    def put_elsewhere(self, segment: Segment) -> None:
        """Whatever no record takes."""
        self.others.append(segment)


_PLACES: Final[dict[str, Callable[[_Outline, Segment], None]]] = {
    "MSH": _Outline.put_header,
    "MSA": _Outline.put_answer,
    "PID": _Outline.put_person,
    "PV1": _Outline.put_visit,
    "ORC": _Outline.put_common,
    "OBR": _Outline.put_report,
    "OBX": _Outline.put_result,
    "PRT": _Outline.put_participant,
    "ROL": _Outline.put_participant,
    "RXC": _Outline.put_detail,
    "RXG": _Outline.put_give,
    "RXR": _Outline.put_detail,
    "TQ1": _Outline.put_detail,
    "NTE": _Outline.put_note,
    "EVN": _Outline.put_event,
    "SFT": _Outline.put_software,
    "SPM": _Outline.put_specimen,
    **dict.fromkeys(SURROUNDING, _Outline.put_care),
}


def records_of(parsed: hl7v2.Message, context: ReadContext, zone: str, announced: set[str]) -> list[Record]:
    """Return the records of a message.

    Parameters
    ----------
    parsed : Message
        The message, indexed.
    context : ReadContext
        How to read.
    zone : str
        The context's zone, checked; empty for none.
    announced : set of str
        Ids of subjects of the context that earlier messages gave.
    """
    syntax = syntax_of(parsed, zone)
    segments = _segments(parsed, syntax)
    outline = _Outline()
    outline.build(segments)
    unit = Unit(
        raw=parsed.data,
        base=parsed.origin,
        digest=digest_of(parsed),
        zero=parsed.bounds(0)[0],
        exclude=context.identity == "exclude",
        strict=context.strictness == "strict",
        announced=announced,
    )
    reading = _Reading(unit, context)
    reading.header(outline.header)
    reading.single = len(outline.patients) == 1
    reading.clinical = not (reading.kind in _ANSWERS or reading.eui64 or reading.device or _is_device(outline))
    for patient in outline.patients:
        reading.patient(patient)
    reading.message(outline)
    for segment in outline.others:
        unit.residue(segment.span, segment.path, "ORU-301")
    if parsed.wide:
        unit.records[:] = placed(unit.records, parsed)
    for doubt in parsed.diagnostics:
        unit.doubt(doubt)
    if unit.mode is not None:
        unit.records[:] = map(_labelled, unit.records)
    return unit.records


def _labelled(record: Record) -> Record:
    """Say of a record of a test message that it is of no patient; the caller's person and a device are real."""
    if record.kind in _REAL or HTEST in record.labels:
        return record
    return record.replace(labels=(*record.labels, HTEST))


def _is_device(outline: _Outline) -> bool:
    """Tell whether a device speaks: by addresses in OBX-4, by its nomenclature, by orders to give and alerts."""
    for patient in outline.patients:
        for group in patient.groups:
            if group.therapy is not None or group.participants:
                return True
            heads = [item.segment.raw(3) for item in group.items]
            if any(item.handle for item in group.items) or any("MDC" in head or "MDIL" in head for head in heads):
                return True
            if group.report is not None and "MDC" in group.report.raw(4):
                return True
    return False


@lru_cache(256)
def may_send_sentinels(sender_field: str) -> bool:
    """Tell whether MSH-3 looks like a sender with sentinel values, without parsing it."""
    text = sender_field.upper()
    return any(oui in text or text.startswith(name) for oui, name, _ in SENTINELS)


def _segments(parsed: hl7v2.Message, syntax: Syntax) -> list[Segment]:
    counts: dict[str, int] = {}
    found = []
    data, mark, triples = parsed.data, syntax.field, parsed.index[0]
    ascii_text = data.decode("ascii") if data.isascii() and b"\x1b" not in data else None
    for at in range(0, len(triples), 3):
        start, stop = triples[at], triples[at + 1]
        text = parsed.decode(data[start:stop]) if ascii_text is None else ascii_text[start:stop]
        fields = text.split(mark)
        name = fields[0]
        if name in _HEADERS:
            fields.insert(1, mark)
        elif name not in _COMMON and not _NAME.fullmatch(name):
            name = "?"  # a line that is no segment may begin with anything: a path never shows it
        counts[name] = ordinal = counts.get(name, 0) + 1
        found.append(Segment(name, ordinal, fields, (start, stop), syntax))
    return found


@dataclass(slots=True)
class _Reading:
    """The mapping of one message, patient by patient."""

    unit: Unit
    context: ReadContext
    sender: tuple[str, ...] | None = None
    eui64: str | None = None
    name: str | None = None
    sentinels: frozenset[str] = frozenset()
    rated: bool = False
    device: bool = False
    msh: Segment | None = None
    sent: Instant | None = None
    kind: str = ""
    event: str | None = None
    clinical: bool = False
    """Whether information systems speak, and not a device."""
    single: bool = False
    """Whether the message is of one patient."""
    samples: dict[str, Specimen] = field(default_factory=dict)
    """Specimens by the path of their SPM: several OBR may be of one."""

    def header(self, segment: Segment | None) -> None:
        """Learn from MSH what all other segments need."""
        if segment is None:
            return
        self.msh = segment
        parts = segment.raw(9).split(segment.syntax.component or "^")
        self.kind, self.event = parts[0], parts[1] if len(parts) > 1 else None
        self.unit.mode = "test" if segment.raw(11).strip() in ("D", "T") else None
        self.sent = decode_message(segment.raw(7), segment.syntax).value if segment.raw(7) else None
        self.eui64, self.name = sender(segment)
        self.sender = (segment.raw(3), segment.raw(4)) if segment.raw(3) else None
        self.device = (self.name or segment.raw(3)).upper().startswith(DEVICE_SENDERS)
        self.rated = (self.name or segment.raw(3)).upper() in RATE_IN_NAME
        for oui, name, values in SENTINELS:
            if (self.eui64 or "").startswith(oui) or (self.name or "").upper().startswith(name):
                self.sentinels |= values

    def message(self, outline: _Outline) -> None:
        """Put the message's own record in front."""
        if self.msh is None:
            return
        if len(outline.patients) > 1:
            self.unit.subject = None
        makers = tuple(one for one in vendors(outline.software) if one.identifiers)
        software = [software_device(self.unit, segment) for segment in outline.software]
        header = message(self.unit, self.msh, software[0] if software else None, outline.answer)
        header = header.replace(parties=makers) if makers else header
        reports = tuple(Target(kind=one.kind, id=one.id) for one in self.unit.records if one.kind in _MADE)
        sources = tuple(one.id for one in software)
        made = activities(self.unit, header, reports, sources, self.context.received) if self.clinical else []
        events = [happened(self.unit, segment, header) for segment in outline.events]
        self.unit.records[:0] = [header, *software, *made, *events]

    def patient(self, patient: _Patient) -> None:
        """Map one patient with visit, orders and observations."""
        unit = self.unit
        unit.subject = unit.encounter = None
        self._person(patient)
        place = self._place(patient.visit)
        if patient.visit is not None:
            more = patient.care.visit
            stay = encounter(unit, patient.visit, more, self.event)
            unit.encounter = stay.id
            self._once(stay, [patient.visit, *((more,) if more is not None else ())])
        tree = Tree(unit, place)
        tree.survey((item.segment, item.handle) for group in patient.groups for item in group.items)
        if self.eui64 is not None and self.msh is not None:
            tree.announce_gateway(self.msh, self.eui64, self.name)
        texts: list[Segment] = []
        if self.kind == "MDM" and patient.care.papers:
            free = [group for group in patient.groups if group.report is None and group.therapy is None]
            texts = [one for group in free for item in group.items for one in (item.segment, *item.comments)]
            patient.groups = [group for group in patient.groups if group not in free]
        patient.care.add(unit, texts)
        for group in patient.groups:
            self._group(group, tree, alone=self.single and len(patient.groups) == 1)
        took_part(unit, patient.parties, {id(orc): group.report for group in patient.groups for orc in group.common})

    def _person(self, patient: _Patient) -> None:
        """Decide whose data it is: the message's word, else the caller's, else nobody's."""
        unit, segment, known = self.unit, patient.person, self.context.subject
        excluded = unit.mode is not None and unit.exclude
        if known is not None and not excluded and (segment is None or not is_identified(segment)):
            unit.subject = known.id
            if unit.first(known.id, unit.announced):
                unit.add(known)
            left = [*((segment,) if segment else ()), *patient.comments, *patient.care.of_person()]
            self._leave(left, "ORU-303")
        elif segment is not None:
            self._known(patient, segment)
        elif excluded and self.msh is not None and patient.groups:
            unit.subject = unit.stand_in(self.msh, "test")

    def _known(self, patient: _Patient, segment: Segment) -> None:
        """Map the person with next of kin, and who was merged into it."""
        unit, care = self.unit, patient.care
        changed = updated(unit, segment, self.context.received) if segment.raw(33) or segment.raw(34) else None
        parent = mother(unit, segment)
        of_accounts = self.kind in _CHARGED
        current = account_numbers(segment, 18) if of_accounts else ()
        prior = account_numbers(care.merge, 3) if of_accounts else ()
        person = subject(unit, segment, patient.comments, care.person)
        unit.subject = person.id
        person, former = replaced(unit, care.merge, person)
        contacts = tuple(map(contact, care.kin))
        person = person.replace(contacts=contacts) if contacts else person
        self._once(person, [segment, *patient.comments, *((care.person,) if care.person is not None else ())])
        if parent is not None:
            unit.add(parent.replace(subject=person.id))
        held = Charge(segment, current, account_status(self.kind, self.event), person.id)
        add_accounts(unit, held, Charge(care.merge, prior, "unknown", former))
        if changed is not None:
            unit.add(changed.replace(subject=person.id, targets=(Target(kind="subject", id=person.id),)))

    def _once(self, record: Record, segments: list[Segment]) -> None:
        """Add a record; where its id has come before, what it is made of stays verbatim."""
        if self.unit.first(record.id):
            self.unit.add(record)
        else:
            self._leave(segments, "ORU-302")

    def _leave(self, segments: list[Segment], code: str) -> None:
        for segment in segments:
            self.unit.residue(segment.span, segment.path, code)

    def _place(self, visit: Segment | None) -> tuple[str, ...] | None:
        location = "" if visit is None else visit.raw(3)
        if self.sender is None or not (self.eui64 or location):
            return None
        return (*self.sender, location)

    def _group(self, group: _Group, tree: Tree, *, alone: bool) -> None:
        unit, segment = self.unit, group.report
        report = Report(unit, tree, self.sentinels, time=self._fallback(), rated=self.rated, device=self.device)
        items = group.items
        strike_set_ids(items)
        if group.therapy is not None:
            named = [(i.segment, i.handle) for i in items if i.handle and is_structural(i.segment, i.handle)]
            pump = next((found for found in named if found[0].raw(18)), named[0] if named else None)
            report.order = give(unit, tree, group.therapy, group.comments, pump)
            report.add(items)
        elif segment is not None:
            code = decode_code(segment.raw(4), segment.syntax).value if segment.raw(4) else None
            written = segment.raw(7)
            stated = report_time(segment)
            if written not in ("", NULL) and stated is None:
                unit.issue("ORU-203", f"{segment.path}-7", segment.span)
            report.time = stated or report.time
            report.order = unit.id("order", segment)
            alarm = code is not None and code.refid == ALARM_EVENT
            alerts, items = split_alerts(items, alarm=alarm)
            found = self._report(report, group, segment, stated)
            acknowledged(unit, found.filler, group.participants)
            before = len(unit.records)
            add_results(report, items, alone=alone and not alarm and not alerts)
            add_alerts(report, alerts, found.filler, unit.records[before:] if alarm else ())
            if group.specimens:
                results = [item.segment for item in group.items]
                focus(unit, [(one, results[at:]) for one, at in zip(group.specimens, group.known, strict=True)], before)
            if report.sample is not None:
                drawn(unit, report.sample, before)
        else:
            report.add(items)

    def _report(self, report: Report, group: _Group, segment: Segment, stated: Time | None) -> Order:
        """Map request, specimens and report of OBR; an order that reports nothing is a request alone."""
        unit = self.unit
        if not self.clinical:
            samples = [self._sample(one) for one in group.specimens]
            found = order(unit, segment, group.common, group.comments, stated)
            unit.records += [found.replace(specimens=tuple(one.id for one in samples)) if samples else found]
            return found
        alone = not group.specimens and self.kind not in _SPECIMEN_FIRST
        alone = alone and not is_of_body(segment, [item.segment for item in group.items])
        first = specimen_of_report(unit, segment, stated, alone=alone)
        samples = [] if first is None else [first]
        unit.records += samples
        samples += [self._sample(one) for one in group.specimens]
        report.sample = first
        report.specimens = {
            number.value: one.id for one in samples for number in one.identifiers if number.value is not None
        }
        asks = self.kind in _REQUESTS
        orc = group.common[0] if group.common else None
        before = None if orc is None else Before.of(orc)
        asked = request(unit, segment, group.common, group.comments)
        received = self.context.received
        done = None if orc is None or before is None else ordered(unit, orc, before, asked, received, asks=asks)
        found = order(unit, segment, group.common, group.comments, stated, asked)
        names = tuple(one.id for one in samples)
        if asks:
            before_spm = group.items[: group.known[0]] if group.known else group.items
            results = tuple(unit.id("observation", item.segment) for item in before_spm)
            asked = asked.replace(specimens=names, observations=results)
        unit.add(asked)
        if asks and is_request_alone(found):
            unit.records[-1] = asked.replace(extensions=found.extensions)
            report.order = None
        else:
            unit.add(found.replace(specimens=names))
        unit.records += [] if done is None else [done]
        return found

    def _sample(self, segment: Segment) -> Specimen:
        """Map SPM, once where several OBR are of it."""
        found = self.samples.get(segment.path)
        if found is None:
            found = self.samples[segment.path] = specimen(self.unit, segment)
            self.unit.add(found)
        return found

    def _fallback(self) -> Time | None:
        """Return the time of results whose report states none."""
        received = self.context.received
        if self.sent is not None or received is None:
            return self.sent
        return received.replace(origin="received")
