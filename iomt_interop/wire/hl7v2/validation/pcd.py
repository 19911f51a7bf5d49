"""Rules of IHE Patient Care Device (TF vol. 2): PCD-01 device data, PCD-04 alerts.

Each rule is a function over the parsed message; :data:`RULES` says which belong to which transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ....terminology.ucum import is_valid_ucum
from ..message import Message, Part, Presence
from .findings import Finding, Numbered, Severity, numbered

__all__ = ["RULES", "check_rules"]

Found = tuple[str, str, Part | None, Severity]
"""Code, path, place, severity."""

_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.INFORMATION
_DOTTED: Final = re.compile(r"\d+(?:\.\d+){3,}")
_NUMBER: Final = re.compile(r"\d{1,10}")
_EUI_64: Final = re.compile(r"[0-9A-F]{16}", re.IGNORECASE)
_UNITLESS: Final = frozenset({"", "ST", "TX", "FT", "CWE", "CNE", "CE", "CF", "IS", "ID", "DT", "TM", "DTM", "TS", "EI",
                              "ED", "RP", "HD", "PN", "XPN", "CX", "XTN", "XCN", "XAD", "DR"})  # fmt: skip
_STATUS: Final = frozenset("CDFINOPRSUWX")
_NO_RESULT: Final = frozenset({"X", "N"})


@dataclass(frozen=True)
class Profiled:
    """What a transaction demands of its header."""

    clause: str
    kind: tuple[str, str, str]
    oid: str
    names: tuple[str, ...]
    acknowledgements: tuple[tuple[int, frozenset[str]], ...]


_PCD01: Final = Profiled(
    "IHE PCD TF-2 3.1", ("ORU", "R01", "ORU_R01"), "1.3.6.1.4.1.19376.1.6.1.1.1",
    ("IHE_PCD_ORU_R01", "IHE_PCD_001", "PCD_DEC_001"), ((15, frozenset({"AL"})), (16, frozenset({"NE", "AL"}))),
)  # fmt: skip
_PCD04: Final = Profiled(
    "IHE PCD TF-2 3.4", ("ORU", "R40", "ORU_R40"), "1.3.6.1.4.1.19376.1.6.1.4.1",
    ("IHE_PCD_ORU_R40", "IHE_PCD_004", "IHE_PCD_ACM_001"), ((15, frozenset({"AL"})), (16, frozenset({"NE", "AL"}))),
)  # fmt: skip


class _Subject:
    """A message with what the rules ask for more than once."""

    def __init__(self, message: Message, profiled: Profiled) -> None:
        self.message = message
        self.profiled = profiled

    @cached_property
    def segments(self) -> list[Numbered]:
        return list(numbered(self.message))

    def all(self, name: str) -> Iterator[Numbered]:
        return (each for each in self.segments if each.id == name)

    def header(self) -> Numbered | None:
        return next(self.all("MSH"), None)


def _text(part: Part) -> str:
    return "" if part.absent else part.text.strip()


def _header_profile(subject: _Subject) -> Iterator[Found]:
    """MSH-21 names the profile, by its registered name or its object identifier."""
    header = subject.header()
    if header is not None:
        field = header.segment.field(21)
        wanted = {*subject.profiled.names, subject.profiled.oid}
        if not any(_text(repetition[number]) in wanted for repetition in field for number in (1, 3)):
            yield "HL7-331", f"{header.path}-21", field, _ERROR


def _header_type(subject: _Subject) -> Iterator[Found]:
    """MSH-9 is the transaction's."""
    header = subject.header()
    if header is not None:
        field = header.segment.field(9)
        if tuple(_text(field[1][number]) for number in (1, 2, 3)) != subject.profiled.kind:
            yield "HL7-332", f"{header.path}-9", field, _ERROR


def _header_acknowledgement(subject: _Subject) -> Iterator[Found]:
    """MSH-15 and MSH-16 ask for what the transaction foresees."""
    header = subject.header()
    if header is not None:
        for number, allowed in subject.profiled.acknowledgements:
            field = header.segment.field(number)
            if _text(field) not in allowed:
                yield "HL7-342", f"{header.path}-{number}", field, _WARNING


def _patient(subject: _Subject) -> Iterator[Found]:
    """PID-3 has an identifier, its assigning authority and its type."""
    for each in subject.all("PID"):
        field = each.segment.field(3)
        if not field:
            yield "HL7-333", f"{each.path}-3", field, _WARNING
            continue
        for number, repetition in enumerate(field, 1):
            for component in (1, 4, 5):
                if not repetition[component]:
                    path = f"{each.path}-3[{number}].{component}"
                    yield "HL7-333", path, repetition[component], _WARNING


def _order(subject: _Subject) -> Iterator[Found]:
    """OBR-3 has the number that the sender gave to the report."""
    for each in subject.all("OBR"):
        field = each.segment.field(3)
        if not field or field.presence is Presence.NULL:
            yield "HL7-311", f"{each.path}-3", field, _ERROR


def _containment(subject: _Subject) -> Iterator[Found]:
    """OBX-4 is ``MDS.VMD.channel.metric``, with further numbers for facets."""
    for each in subject.all("OBX"):
        field = each.segment.field(4)
        if not _DOTTED.fullmatch(_text(field)):
            yield "HL7-334", f"{each.path}-4", field, _ERROR


def _ancestors(subject: _Subject) -> Iterator[Found]:
    """Devices, subsystems and channels that OBX-4 names have OBX of their own."""
    places = [(each, _text(each.segment.field(4))) for each in subject.all("OBX")]
    stated = {text for _, text in places}
    told: set[str] = set()
    for each, text in places:
        if not _DOTTED.fullmatch(text):
            continue
        mds, vmd, channel, metric = text.split(".")[:4]
        wanted = [f"{mds}.0.0.0"]
        wanted += [f"{mds}.{vmd}.0.0"] if vmd != "0" and (channel, metric) != ("0", "0") else []
        wanted += [f"{mds}.{vmd}.{channel}.0"] if channel != "0" and metric != "0" else []
        for place in wanted:
            if place not in stated and place not in told:
                told.add(place)
                yield "HL7-335", f"{each.path}-4", each.segment.field(4), _NOTE


def _once(subject: _Subject) -> Iterator[Found]:
    """Within one OBR an OBX-4 stands for one thing."""
    seen: dict[str, str] = {}
    for each in subject.segments:
        if each.id == "OBR":
            seen = {}
        elif each.id == "OBX" and (place := _text(each.segment.field(4))):
            code = _text(each.segment.field(3)[1][1])
            if seen.setdefault(place, code) != code:
                yield "HL7-336", f"{each.path}-4", each.segment.field(4), _ERROR


def _identifier(subject: _Subject) -> Iterator[Found]:
    """OBX-3 is an MDC code with its reference identifier, first or as the alternative."""
    for each in subject.all("OBX"):
        part = each.segment.field(3)[1]
        if not any(_is_mdc(part, first) for first in (1, 4)):
            yield "HL7-337", f"{each.path}-3", part, _ERROR


def _is_mdc(part: Part, first: int) -> bool:
    number, name, system = (_text(part[first + step]) for step in range(3))
    return system == "MDC" and bool(_NUMBER.fullmatch(number)) and name.startswith("MDC")


def _unit(subject: _Subject) -> Iterator[Found]:
    """OBX-6 of a number is a unit of MDC or UCUM."""
    for each in subject.all("OBX"):
        segment = each.segment
        if not segment.field(5) or _text(segment.field(2)) in _UNITLESS:
            continue
        part = segment.field(6)[1]
        ucum = any(_text(part[n + 2]) == "UCUM" and is_valid_ucum(_text(part[n])) for n in (1, 4))
        if not ucum and not any(_is_mdc(part, first) for first in (1, 4)):
            yield "HL7-338", f"{each.path}-6", part, _WARNING


def _status(subject: _Subject) -> Iterator[Found]:
    """OBX-11 is a result status; ``X`` and ``N`` say that there is no value."""
    for each in subject.all("OBX"):
        field = each.segment.field(11)
        status = _text(field)
        if status not in _STATUS:
            yield "HL7-339", f"{each.path}-11", field, _ERROR
        elif status in _NO_RESULT and each.segment.field(5):
            yield "HL7-339", f"{each.path}-11", field, _WARNING


def _equipment(subject: _Subject) -> Iterator[Found]:
    """Devices are named by an EUI-64: in OBX-18, or in the header for all."""
    header = subject.header()
    named = header is not None and _is_eui_64(header.segment.field(3)[1], 2)
    first: Numbered | None = None
    for each in subject.all("OBX"):
        first = first or each
        for number, repetition in enumerate(each.segment.field(18), 1):
            stated = {_text(repetition[2]), _text(repetition[4])} & {"EUI-64", "EUI64"}
            good = _is_eui_64(repetition, 1) or _is_eui_64(repetition, 3)
            named = named or good
            if stated and not good:
                yield "HL7-340", f"{each.path}-18[{number}]", repetition, _ERROR
    if first is not None and not named:
        yield "HL7-340", f"{first.path}-18", first.segment.field(18), _WARNING


def _is_eui_64(part: Part, component: int) -> bool:
    return bool(_EUI_64.fullmatch(_text(part[component]))) and any(
        _text(part[n]) in ("EUI-64", "EUI64") for n in range(component + 1, 5)
    )


def _time(subject: _Subject) -> Iterator[Found]:
    """Every value has a time: its own (OBX-14) or that of its OBR."""
    of_order = False
    for each in subject.segments:
        if each.id == "OBR":
            of_order = bool(each.segment.field(7))
        elif each.id == "OBX" and each.segment.field(5) and not of_order and not each.segment.field(14):
            yield "HL7-341", f"{each.path}-14", each.segment.field(14), _ERROR


_ALERT_PARTS: Final = (
    frozenset({"MDC_ATTR_EVENT_PHASE"}),
    frozenset({"MDC_ATTR_ALARM_STATE", "MDC_ATTR_ALERT_STATE"}),
    frozenset({"MDC_ATTR_ALERT_SOURCE"}),
)
_MEASURED_SOURCE: Final = re.compile(r"\d+(?:\.\d+){3}\.2")
"""OBX-4 of the second facet: of a limit that was passed it is the measurement, under the measurement's own code."""


def _alert(subject: _Subject) -> Iterator[Found]:
    """Alerts (OBR-4 ``MDC_EVT_ALARM``) tell their source, phase and state."""
    order: Numbered | None = None
    lacking: list[frozenset[str]] = []
    for each in [*subject.segments, None]:
        if (each is None or each.id == "OBR") and order is not None and lacking:
            for _ in lacking:
                yield "HL7-343", f"{order.path}-4", order.segment.field(4), _ERROR
        if each is None:
            break
        if each.id == "OBR":
            order, lacking = each, list(_ALERT_PARTS)
        elif each.id == "OBX":
            name = _text(each.segment.field(3)[1][2])
            if not name.startswith("MDC_ATTR_") and _MEASURED_SOURCE.fullmatch(_text(each.segment.field(4))):
                name = "MDC_ATTR_ALERT_SOURCE"
            lacking = [part for part in lacking if name not in part]


_ALERT_VALUES: Final[dict[str, frozenset[str]]] = {
    "EVENT_PHASE": frozenset({"tpoint", "start", "continue", "end", "present", "update", "escalate", "deescalate",
                              "de-escalate", "reset"}),
    "STATE": frozenset({"off", "inactive", "active", "latched"}),
    "INACTIVATION_STATE": frozenset({"enabled", "audio-paused", "audio-off", "alarm-paused", "alarm-off",
                                     "visual-paused", "visual-off", "alert-acknowledged"}),
    "PRIORITY": frozenset({"PN", "PI", "PL", "PM", "PH", "PU"}),
    "TYPE": frozenset({"SP", "ST", "SA"}),
}  # fmt: skip
"""What the parts of an alert may say (tables of IHE PCD TF-2 3.4.4.1.2, all editions together)."""
_PART_NAME: Final = re.compile(r"MDC_ATTR_(?:ALARM|ALERT)_(STATE|INACTIVATION_STATE|PRIORITY|TYPE|KIND)")
_MANY_VALUES: Final = frozenset({"INACTIVATION_STATE"})


def _alert_values(subject: _Subject) -> Iterator[Found]:
    """Phase, state, inactivation, priority and type of an alert are words of its tables."""
    for each in subject.all("OBX"):
        name = _text(each.segment.field(3)[1][2])
        match = _PART_NAME.fullmatch(name)
        kind = "EVENT_PHASE" if name == "MDC_ATTR_EVENT_PHASE" else match[1].replace("KIND", "TYPE") if match else ""
        field = each.segment.field(5)
        if not kind or not field:
            continue
        for number, repetition in enumerate(field, 1):
            good = _text(repetition[1]) in _ALERT_VALUES[kind] and (number == 1 or kind in _MANY_VALUES)
            if not good:
                path = f"{each.path}-5" if len(field) == 1 else f"{each.path}-5[{number}]"
                yield "HL7-344", path, repetition, _ERROR


Rule = Callable[[_Subject], Iterator[Found]]

_BOTH: Final[tuple[Rule, ...]] = (
    _header_profile, _header_type, _header_acknowledgement, _patient, _order, _containment, _identifier, _unit, _status,
    _equipment, _time,
)  # fmt: skip

RULES: Final[dict[str, tuple[Profiled, tuple[Rule, ...]]]] = {
    "pcd01": (_PCD01, (*_BOTH, _ancestors, _once)),
    "pcd04": (_PCD04, (*_BOTH, _alert, _alert_values)),
}
"""Transaction to what it demands of its header, and to its rules."""


def check_rules(message: Message, name: str) -> Iterator[Finding]:
    """Yield what a transaction's rules find."""
    profiled, rules = RULES[name]
    subject = _Subject(message, profiled)
    for rule in rules:
        text = (rule.__doc__ or "").removesuffix(".").replace("``", "")
        for code, path, part, severity in rule(subject):
            yield Finding(code, path, None if part is None else part.span, f"{profiled.clause}: {text}", severity)
