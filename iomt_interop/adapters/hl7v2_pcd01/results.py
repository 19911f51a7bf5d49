"""OBX: devices, observations with their facets, waveforms, settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from ...errors import InvalidRecord
from ...model import (
    Absent,
    Actor,
    Channel,
    Coding,
    Component,
    Concept,
    Device,
    Event,
    Instant,
    Metric,
    Number,
    Observation,
    Quality,
    ReferenceRange,
    Setting,
    TextValue,
    Waveform,
)
from ...model.envelope import Envelope
from ...model.observation import ObservationStatus
from ...model.time import Time
from ...terminology import mdc, systems
from ...wire.hl7v2.compose import components, leaf, repetitions, segment
from .datatypes import Coded, Lost, coded, device_code, ei, eui64_of, organization, person, xad
from .header import notes
from .keeping import is_own, kept, restore, whole_segments
from .pool import metric_ids
from .tables import DEVICE_PARTS, FLAG_CODES, METHOD_CODES, STATUS_CODES
from .tree import Address, Tree, dotted
from .values import Said, range_text, repeated, say, unit_text
from .waves import Signal, signals

__all__ = ["Results"]

_PERFORMERS: Final = {15: "producer", 16: "responsible-observer", 23: "performing-organization", 25: "medical-director"}
_ADMITTED: Final = frozenset(STATUS_CODES.values()) | frozenset("BNOPSUVW")
"""OBX-11, table 0085."""

Fields = dict[int, str]


class Results:
    """Composes the OBX of one message.

    Parameters
    ----------
    tree : Tree
        Addresses of devices and metrics.
    find_device, find_metric : callable
        Return a record of this message by its id.
    stamp : callable
        Writes an instant: ``(instant, path, record)``.
    lose : callable
        Takes record, path and reason of a loss.
    codes : callable
        Composes OBX-3 and tells whether all codings found a place.
    contained : bool
        Whether every result has an address in a containment tree, as PCD-01 asks for.
    """

    def __init__(
        self,
        tree: Tree,
        find_device: Callable[[str | None], Device | None],
        find_metric: Callable[[str | None], Metric | None],
        stamp: Callable[[Instant, str, Envelope], str],
        lose: Callable[[Envelope, str, str], None],
        codes: Callable[[Concept], Coded],
        *,
        contained: bool,
    ) -> None:
        self._tree = tree
        self._device = find_device
        self._metric = find_metric
        self._stamp = stamp
        self._lose = lose
        self._codes = codes
        self._contained = contained
        self._lines: list[str] = []
        self._number = 0
        self.declared: set[str] = set()

    def begin(self) -> list[str]:
        """Begin a new OBR; returns the list that its OBX are put into."""
        self._lines, self._number = [], 0
        return self._lines

    def put(self, fields: Fields) -> None:
        """Put an OBX behind the last; it gets its number here."""
        self._number += 1
        fields[1] = str(self._number)
        self._lines.append(segment("OBX", fields))

    def _teller(self, record: Envelope) -> Lost:
        return lambda path, reason: self._lose(record, path, reason)

    def _dropper(self, record: Envelope) -> Callable[[], None]:
        return lambda: self._lose(record, "extensions", "kept of the source, and without a place here")

    def _code(self, code: Concept, record: Envelope, path: str = "code") -> str:
        text, whole = self._codes(code)
        if not whole:
            self._lose(record, path, "more codings or texts than the field has places")
        return text

    # ---- Devices

    def device(self, record: Device) -> None:
        """Put the OBX of a device, VMD or channel; a node without a type is named by the addresses below it."""
        if record.type is None:
            self.dropped_node(record)
            return
        self.declared.add(record.id)
        fields = {
            3: self._code(record.type, record, "type"),
            4: dotted(self._tree.node(record.id)),
            11: "X",
            18: self._equipment(record),
        }
        restore("OBX", _ordinal(record), fields, record.extensions, self._dropper(record))
        self.put(fields)
        self._lines += notes(record.notes, self._teller(record))

    def attributes(self, record: Device) -> None:
        """Put what is known of a device beside its type; of a message's own device the results say it already."""
        if is_own(record):
            return
        for name, refid in DEVICE_PARTS.items():
            text = getattr(record, name)
            if text:
                number = mdc.code_of(refid)
                code = Concept(codings=(Coding(system=systems.MDC, code=str(number or 0), refid=refid),))
                address = self._tree.metric(record.id, f"{record.id} {name}", None, code)
                self.put({2: "ST", 3: coded(code).text, 4: dotted(address), 5: leaf(text), 11: "F"})

    def dropped_node(self, record: Device) -> None:
        """Tell what is lost of a node that has no OBX of its own."""
        if record.notes:
            self._lose(record, "notes", "a node without a type has no OBX")
        if record.extensions and not is_own(record):
            self._dropper(record)()

    def _equipment(self, record: Device) -> str:
        """Return OBX-18: an EUI-64 with the name of its owner where the source gave both."""
        eui = eui64_of(record.identifiers)
        stated = [
            found
            for found in record.identifiers
            if found.system != systems.EUI64 or found.authority_id or found.authority
        ]
        texts = [ei(found) for found in stated]
        if eui is not None and not any(
            eui in (found.value or "", (found.authority_id or "").upper()) for found in stated
        ):
            texts.insert(0, components(leaf(eui), "", leaf(eui), "EUI-64"))
        return repetitions(texts)

    def equipment_of(self, identity: str | None) -> str:
        """Return OBX-18 of what a device says, where no OBX of the device itself has it."""
        root = self._device(self._tree.chain(identity)[0]) if identity is not None else None
        return "" if root is None or root.id in self.declared else self._equipment(root)

    # ---- Where a result stands

    def _place(self, record: Any, channel: Channel | None = None) -> tuple[Metric | None, str | None, str]:
        """Return the metric, the node that it stands under, and OBX-18 of the result."""
        names = [channel.metric] if channel is not None else metric_ids(record)
        metric = self._metric(names[0] if names else None)
        device = record.device
        node = device
        if metric is not None:
            node = metric.parent or metric.device or device
        if node is None:
            return metric, None, ""
        chain = self._tree.chain(node)
        if device is not None and device not in chain and node in self._tree.chain(device):
            node, chain = device, self._tree.chain(device)
        other = None if device is None or device in chain else self._device(device)
        return metric, node, self._equipment(other) if other is not None else self.equipment_of(node)

    def _address(
        self, record: Any, place: tuple[Metric | None, str | None, str], code: Concept, handle: str | None, needed: bool
    ) -> Address | None:
        metric, node, _ = place
        if not needed and (node is None or (not self._contained and metric is None and handle is None)):
            return None
        key = metric.id if metric is not None else repr([(c.system, c.code, c.refid) for c in code.codings])
        return self._tree.metric(node, key, metric.handle if metric is not None and metric.handle else handle, code)

    # ---- Results

    def observation(self, record: Observation, time: Time | None) -> None:
        """Put an observation and its facets; ``time`` is what a receiver takes where OBX-14 is empty."""
        lost = self._teller(record)
        place = self._place(record)
        facets, said = self._content(record, place[0], lost)
        address = self._address(record, place, record.code, record.handle, bool(facets))
        fields = self._common(record, said, place, time, lost)
        fields[3] = self._code(record.code, record)
        fields[4] = dotted(address) if address is not None else leaf(record.group)
        fields[7] = self._limits(record.reference_ranges, record, lost)
        fields[8] = self._flags(record.quality, record.interpretation, said, lost)
        fields[17] = self._method(record, place[0])
        if record.performers:
            for number, role in _PERFORMERS.items():
                fields[number] = self._performers(record, number, role, lost)
            fields |= self._unit(record, fields[23], lost)
            if any(each.role not in _PERFORMERS.values() for each in record.performers):
                lost("performers", "no field for such a role")
        fields[19] = "" if record.analysed is None else self._stamp(record.analysed, "analysed", record)
        fields[20] = "" if record.body_site is None else coded(record.body_site).text
        fields[21] = repetitions(map(ei, record.identifiers))
        restore("OBX", _ordinal(record), fields, record.extensions, self._dropper(record))
        self.put(fields)
        self._lines += notes(record.notes, lost)
        if facets and address is not None:
            numbers = self._tree.facets(address)
            for component in facets:
                self._facet(component, numbers.address(component.handle), record, fields)

    def _content(self, record: Observation, metric: Metric | None, lost: Lost) -> tuple[Sequence[Component], Said]:
        """Return the parts that become facets, and what the observation says itself."""
        own = is_own(record)
        unit = metric.unit if metric is not None else None
        parts = record.components
        same = own and record.value is None and all(c.handle is None and c.code == record.code for c in parts)
        if parts and same:
            return (), repeated(
                [say(c.value, record.native_type, lost, unit=unit, own=True, code=c.code) for c in parts]
            )
        said = say(record.value, record.native_type, lost, unit=unit, own=own, code=record.code)
        if not said.unit and isinstance(record.value, Absent | None) and unit is not None:
            said = said._replace(unit=coded(unit).text)
        return parts, said

    def _facet(self, part: Component, address: str, record: Observation, parent: Fields) -> None:
        lost = self._teller(record)
        said = say(part.value, None, lost, own=is_own(record), code=part.code)
        self.put(
            {
                2: said.kind,
                3: self._code(part.code, record, "components.code"),
                4: address,
                5: said.text,
                6: said.unit,
                7: self._limits(part.reference_ranges, record, lost),
                8: self._flags(part.quality, part.interpretation, said, lost),
                11: parent.get(11, ""),
            }
        )

    def waveform(self, record: Waveform, time: Time | None) -> None:
        """Put a waveform: one OBX for each signal, with the facets that describe it."""
        lost = self._teller(record)
        several = len(record.channels) > 1
        for signal in signals(record, lost):
            channel = signal.channel
            place = self._place(record, channel)
            code = channel.code if several else record.code
            address = self._address(record, place, code, channel.handle or record.handle, bool(signal.facets))
            fields = self._common(record, _said(signal, place[0], is_own(record)), place, time, lost)
            if not several:
                fields[5] = _as_written(record, fields[5])
            fields[3] = self._code(code, record)
            fields[4] = dotted(address) if address is not None else ""
            fields[8] = self._flags(record.quality, (), None, lost)
            fields[20] = "" if channel.site is None else coded(channel.site).text
            described = whole_segments(record.extensions, "OBX")
            rest = [each for each in record.extensions if each.value not in described]
            restore("OBX", _ordinal(record), fields, rest, self._dropper(record))
            self.put(fields)
            self._lines += notes(record.notes, lost)
            if signal.facets and address is not None:
                numbers = self._tree.facets(address)
                for facet in signal.facets:
                    part = {2: facet.kind, 3: facet.code, 4: numbers.address(None), 5: facet.text, 6: facet.unit}
                    self.put(part | {11: fields[11]})

    def happening(self, record: Setting | Event, time: Time | None) -> None:
        """Put a setting as a result of category setting, an event as a result whose code says that it is one."""
        lost = self._teller(record)
        place = self._place(record)
        value = record.programmed if isinstance(record, Setting) else record.value
        if isinstance(record, Event) and record.text is not None:
            if value is not None:
                lost("text", "a value stands in the place of the text")
            value = value or TextValue(text=record.text, format="ST")
        unit = place[0].unit if place[0] else None
        said = say(value, None, lost, unit=unit, own=is_own(record))
        address = self._address(record, place, record.code, record.handle, False)
        fields = self._common(record, said, place, time, lost)
        stated = {number for number, _, _ in kept(record.extensions, "OBX")} if is_own(record) else set()
        fields[3] = self._code(record.code, record)
        fields[4] = dotted(address) if address is not None else ""
        fields[8] = "" if 8 in stated else self._flags(record.quality, record.interpretation, said, lost)
        if record.status is None:
            fields[11] = "" if 11 in stated else "R"
        if isinstance(record, Setting) and not is_own(record):
            fields[17] = METHOD_CODES["setting", (place[0].derivation if place[0] else None) or "auto"]
        restore("OBX", _ordinal(record), fields, record.extensions, self._dropper(record))
        self.put(fields)
        if isinstance(record, Event):
            self._lines += notes(record.notes, lost)

    # ---- Fields

    def _common(
        self, record: Any, said: Said, place: tuple[Metric | None, str | None, str], time: Time | None, lost: Lost
    ) -> Fields:
        """Return type, value, unit, status, time and equipment."""
        stated = [raw for number, steps, raw in kept(record.extensions, "OBX") if (number, steps) == (18, ())]
        return {
            2: said.kind,
            5: said.text,
            6: said.unit,
            11: self._status(record, lost),
            14: self._time(record, time, lost),
            18: stated[0] if len(stated) == 1 and is_own(record) else place[2],
        }

    def _status(self, record: Any, lost: Lost) -> str:
        native = getattr(record, "native_status", None)
        if native in _ADMITTED:
            return str(native)
        status: ObservationStatus = getattr(record, "status", None) or "preliminary"
        if status == "unknown":
            lost("status", "OBX-11 has no code of an unknown status")
        return STATUS_CODES[status]

    def _time(self, record: Any, inherited: Time | None, lost: Lost) -> str:
        """Return OBX-14; empty where the receiver finds the same time in OBR-7 or MSH-7."""
        found = record.time
        if found is None:
            if inherited is not None:
                lost("time", "a result without a time has that of its order or message")
            return ""
        if _same(found, inherited):
            return ""
        if isinstance(found, Instant):
            if found.origin not in ("observed", "stated"):
                lost("time.origin", "OBX-14 does not say how a time was obtained")
            return self._stamp(found, "time", record)
        if found.shape == "interval":  # its OBR states it
            return ""
        lost("time", "a day of a person's life becomes a date")
        return str(found.value.replace("-", ""))

    def _limits(self, found: Sequence[ReferenceRange], record: Envelope, lost: Lost) -> str:
        if len(found) > 1:
            lost("reference_ranges", "OBX-7 is one range")
        if any(each.applies_to or each.age for each in found[:1]):
            lost("reference_ranges", "OBX-7 does not say whom a range is for")
        return range_text(found[0].range, lost, own=is_own(record)) if found else ""

    def _flags(self, quality: Quality | None, interpretation: Sequence[Concept], said: Said | None, lost: Lost) -> str:
        """Return OBX-8: the flags of the measurement, then the judgement of its value."""
        texts: list[str] = []
        if quality is not None:
            if quality.index is not None:
                lost("quality.index", "OBX-8 has no number")
            if quality.status_bits:
                lost("quality.status_bits", "OBX-8 has the flags that have a code")
            native = [text for text in quality.native if text in _NATIVE_FLAGS]
            said_already = {_NATIVE_FLAGS[text] for text in native}
            texts = native
            for flag in quality.flags:
                if flag in said_already:
                    continue
                code = FLAG_CODES.get(flag)
                if code is None:
                    lost("quality.flags", "OBX-8 has no code of this flag")
                else:
                    texts.append(code)
            if quality.mode in ("test", "demo") and not {"TEST", "DEMO"}.intersection(texts):
                texts.append(quality.mode.upper())
        for concept in interpretation:
            text = _judgement(concept)
            if text not in texts:
                texts.append(text)
        if said is not None and said.flag and not set(texts).intersection(_WHY):
            texts.append(said.flag)
        return repetitions(texts)

    def _method(self, record: Observation, metric: Metric | None) -> str:
        """Return OBX-17: the source's methods, else how a device came to the value."""
        if record.method:
            return self._methods(record)
        if is_own(record):
            return ""
        derivation = metric.derivation if metric is not None else None
        if derivation is None and record.device is not None:
            derivation = "auto"
        text = METHOD_CODES.get((record.metric_category, derivation), "")
        if not text and record.metric_category != "unspecified":
            self._lose(record, "metric_category", "OBX-17 has no code of it")
        return text

    def _unit(self, record: Observation, stated: str, lost: Lost) -> Fields:
        """Return OBX-23 and OBX-24: the organisation that measured, also where only its director is named."""
        units = [each for each in record.performers if each.role == _PERFORMERS[23]]
        places = [place for each in units for place in each.addresses]
        behalf = next((each.behalf for each in record.performers if each.behalf is not None), None)
        if behalf is not None and not units:
            actor = Actor(role=_PERFORMERS[23], organization=behalf.name, identifiers=behalf.identifiers)
            stated, places = organization(actor, lost, "performers"), list(behalf.addresses)
        return {23: stated, 24: repetitions(xad(place, lost, "performers.addresses") for place in places[:1])}

    def _methods(self, record: Observation) -> str:
        found = [device_code(concept, device=False) for concept in record.method]
        if not all(each.whole for each in found):
            self._lose(record, "method", "more codings or texts than the field has places")
        return repetitions(each.text for each in found)

    def _performers(self, record: Observation, number: int, role: str, lost: Lost) -> str:
        found = [each for each in record.performers if each.role == role]
        if number == 15:
            return repetitions(_producer(each.identifiers, each.organization) for each in found)
        make = organization if number == 23 else person
        return repetitions(make(each, lost, "performers") for each in found)


_NATIVE_FLAGS: Final = {code: flag for flag, code in FLAG_CODES.items()} | {"OFF": "not-available"}
_WHY: Final = frozenset({"NAV", "OFF", "INV", "CAL", ">", "<", "BUSY", "NI", "QUES"})
"""Flags by which a reader knows why OBX-5 is empty."""


def _said(signal: Signal, metric: Metric | None, own: bool) -> Said:
    """Return the samples as a value; the unit is the signal's."""
    channel = signal.channel
    unit = unit_text(channel.unit, channel.native_unit, metric.unit if metric is not None else None, own=own)
    return Said(signal.kind, signal.text, unit)


def _as_written(record: Waveform, text: str) -> str:
    """Return the samples as the source wrote them (``0.0`` for ``0.000``), where these are the very numbers."""
    for number, steps, raw in kept(record.extensions, "OBX"):
        if (number, steps) == (5, ()) and raw.count("~") == text.count("~"):
            known = _numbers(raw)
            if known is not None and known == _numbers(text):
                return raw
    return text


def _numbers(text: str) -> list[Fraction | None] | None:
    """Return the samples of an NA as numbers, ``None`` where there is something else."""
    try:
        return [Number.from_text(part).to_fraction() if part else None for part in text.replace("~", "^").split("^")]
    except InvalidRecord:
        return None


def _judgement(concept: Concept) -> str:
    """Return one repetition of OBX-8: a code of table 0078 alone."""
    if len(concept.codings) == 1 and concept.text is None:
        only = concept.codings[0]
        if only.system in (systems.v2_table("0078"), systems.INTERPRETATION, None) and not only.native_system:
            return leaf(only.code) if only.display is None or only.system else coded(concept).text
    return coded(concept).text


def _producer(identifiers: Sequence[Any], title: str | None) -> str:
    known = identifiers[0] if identifiers else None
    value, system = (known.value, known.authority or known.system) if known is not None else (None, None)
    return components(leaf(value), leaf(title), leaf(system))


def _ordinal(record: Envelope) -> str | None:
    """Return the number of the segment that a record was read from."""
    path = record.provenance.path or ""
    return path.partition("(")[2].partition(")")[0] or "0"


def _same(found: Time, inherited: Time | None) -> bool:
    """Tell whether the time that a receiver takes over is the one that the result has."""
    if isinstance(found, Instant) and isinstance(inherited, Instant):
        return found.value == inherited.value and found.origin in ("order", "message", "received", "window")
    return found == inherited
