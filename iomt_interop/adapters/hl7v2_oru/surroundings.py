"""The segments that surround a patient: what belongs to what, and in which order their records come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ...model import Actor, Device, DeviceVersion, Note, Record
from .accounts import care_team, has_manager
from .care import allergy, condition, coverage, document, immunization, kin, procedure
from .people import organizations
from .prescriptions import Drug, prescription
from .schedule import appointment
from .unit import Segment, Unit

__all__ = ["SURROUNDING", "Surroundings", "software_device", "vendors"]

SURROUNDING: Final = (
    "AIG", "AIL", "AIP", "AIS", "AL1", "DG1", "IN1", "IN3", "MRG", "NK1", "PD1", "PR1", "PV2", "RXA", "RXO", "SCH",
    "TXA",
)  # fmt: skip
_PARTS: Final = frozenset({"AIG", "AIL", "AIP", "AIS"})


@dataclass(slots=True)
class Surroundings:
    """Segments about one patient beside PID, PV1 and the orders."""

    person: Segment | None = None
    """PD1."""
    visit: Segment | None = None
    """PV2."""
    merge: Segment | None = None
    kin: list[Segment] = field(default_factory=list)
    plain: list[Segment] = field(default_factory=list)
    """AL1, DG1, PR1, IN1, IN3: one record each."""
    doses: list[tuple[Segment, list[Segment], list[Segment]]] = field(default_factory=list)
    """RXA with the ORC before it and the RXR behind it."""
    drugs: list[Drug] = field(default_factory=list)
    """RXO with the ORC and TQ1 before it and the RXR behind it."""
    schedule: Segment | None = None
    parts: list[Segment] = field(default_factory=list)
    comments: list[Segment] = field(default_factory=list)
    """NTE of the appointment."""
    papers: list[Segment] = field(default_factory=list)

    def put(
        self, segment: Segment, common: list[Segment], timings: list[Segment]
    ) -> tuple[list[Segment], list[Segment] | None]:
        """Take a segment; return what is left over, and where comments behind it belong."""
        name = segment.name
        if name in _ONE:
            if getattr(self, _ONE[name]) is not None:
                return [segment], None
            setattr(self, _ONE[name], segment)
            return [], self.comments if name == "SCH" else None
        if name == "NK1":
            self.kin.append(segment)
        elif name in _PLAIN and (name != "IN3" or has_manager(segment)):
            self.plain.append(segment)
        elif name == "RXA":
            self.doses.append((segment, list(common), []))
        elif name == "RXO":
            drug = Drug(segment, list(common), list(timings))
            self.drugs.append(drug)
            return [], drug.comments
        elif name in _PARTS and self.schedule is not None:
            self.parts.append(segment)
            return [], self.comments
        elif name == "TXA":
            self.papers.append(segment)
        else:
            return [segment], None
        return [], None

    def put_route(self, segment: Segment) -> bool:
        """Take an RXR behind an order of a drug or a vaccination; tell whether there is one."""
        if self.drugs:
            self.drugs[-1].routes.append(segment)
        elif self.doses:
            self.doses[-1][2].append(segment)
        return bool(self.drugs or self.doses)

    def of_person(self) -> list[Segment]:
        """Return the segments that name the person or its kin, and empty their places."""
        found = [one for one in (self.person, self.merge) if one is not None] + self.kin
        self.person, self.merge, self.kin = None, None, []
        return found

    def add(self, unit: Unit, texts: list[Segment]) -> None:
        """Add the records; the texts are the content of the document."""
        unit.records += [kin(unit, one) for one in self.kin]
        unit.records += [_PLAIN[one.name](unit, one) for one in self.plain]
        unit.records += [immunization(unit, *dose) for dose in self.doses]
        unit.records += [prescription(unit, drug) for drug in self.drugs]
        if self.schedule is not None:
            unit.add(appointment(unit, self.schedule, self.parts, self.comments))
        unit.records += [document(unit, one, texts if at == 0 else []) for at, one in enumerate(self.papers)]


_ONE: Final = {"PD1": "person", "PV2": "visit", "MRG": "merge", "SCH": "schedule"}
_PLAIN: Final[dict[str, Callable[[Unit, Segment], Record]]] = {
    "AL1": allergy,
    "DG1": condition,
    "PR1": procedure,
    "IN1": coverage,
    "IN3": care_team,  # where there is a case manager: nothing else of it has a target
}


_vendors = organizations("software-vendor")


def vendors(software: Iterable[Segment]) -> tuple[Actor, ...]:
    """Look at who made the software (SFT-1)."""
    return tuple(
        one for segment in software if segment.raw(1) for one in _vendors(segment.raw(1), segment.syntax).value
    )


def software_device(unit: Unit, segment: Segment) -> Device:
    """Map SFT to a device that is software (SFT[Device]).

    ``Device.manufacturer`` is a name until FHIR R6: :func:`vendors` says more of it where more is known.
    """
    vendor, version, title = vendors((segment,)), segment.text(2), segment.text(3)
    segment.use(1, _vendors)
    model, text = segment.text(4), segment.text(5)
    return Device(
        id=unit.id("device", segment),
        provenance=unit.provenance(segment),
        node="software",
        manufacturer=vendor[0].organization if vendor else None,
        names=() if title is None else (title,),
        model=model,
        versions=() if version is None else (DeviceVersion(value=version),),
        notes=() if text is None else (Note(text=text),),
        extensions=segment.extensions(),
    )
