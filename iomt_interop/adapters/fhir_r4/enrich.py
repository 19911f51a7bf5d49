"""What is added to records of other origin so that their resources fit the profiles: codes, categories, labels.

A record that was a FHIR resource was complete as it came; it is left alone.
"""

from __future__ import annotations

from typing import Any, Final

from ...model import Coding, Concept, Device, Identifier, Instant, Interval, Observation, Quantity, Record, Waveform
from ...terminology import loinc, systems
from .envelope import HTEST, is_own
from .observation import mdc_code
from .tables import DEVICE_IDENTIFIER, NODE_TYPES, PHD_CATEGORY, TEST_FLAGS

__all__ = ["PERSONAL", "Enriched", "enrich", "enriched_code", "is_datable", "is_test"]

VITAL_SIGNS: Final = Concept(
    codings=(Coding(system=systems.OBSERVATION_CATEGORY, code="vital-signs", display="Vital Signs"),)
)
PHD: Final = Concept(codings=(Coding(system=PHD_CATEGORY, code="phd"),))
_HTEST: Final = Coding(**HTEST)
_MEASURED: Final = (Observation, Waveform)
PERSONAL: Final = frozenset({"phd", "gateway"})
"""Nodes of the PHD guide."""
_IDENTIFIER_TYPES: Final = {
    systems.EUI64: "SYSID", systems.BLUETOOTH_ADDRESS: "BTMAC", "http://hl7.org/fhir/sid/eui-48/ethernet": "ETHMAC",
}  # fmt: skip

Enriched = tuple[Concept, tuple[Concept, ...]]
"""A code and the categories that it brings."""


def enriched_code(code: Concept, unit: str | None, *, vital: bool, personal: bool) -> Enriched:
    """Return a code with its LOINC beside it, and the categories that follow.

    Parameters
    ----------
    code : Concept
        The observation's own code.
    unit : str or None
        UCUM unit of its value.
    vital : bool
        Whether the observation has what every vital sign must have: a subject and a date.
    personal : bool
        Whether a personal health device made it.
    """
    categories = (PHD,) if personal else ()
    number = mdc_code(code)
    known = loinc.loinc_of(number) if number is not None else ()
    sign = loinc.vital_sign_of(known[0]) if known else None
    if sign is None or not vital or unit not in sign.units:
        return code, categories
    if code.coding(systems.LOINC) is None:
        code = code.replace(codings=(*code.codings, Coding(system=systems.LOINC, code=sign.loinc)))
    return code, (VITAL_SIGNS, *categories)


def is_datable(time: Any) -> bool:
    """Tell whether a time names at least the day (vs-1)."""
    if isinstance(time, Interval):
        return time.start is not None and len(time.start.value) >= 10
    return isinstance(time, Instant) and len(time.value) >= 10


def _observation(record: Observation, node: str | None) -> Observation:
    value, personal = record.value, node in PERSONAL
    vital = record.subject is not None and is_datable(record.time)
    unit = value.unit if isinstance(value, Quantity) else None
    code, categories = enriched_code(record.code, unit, vital=vital, personal=personal)
    changes: dict[str, Any] = {"code": code} if code is not record.code else {}
    if record.components and vital:
        compound = _compound(record)
        if compound is not None:
            changes |= compound
            categories = (VITAL_SIGNS, *categories)
    more = tuple(category for category in categories if category not in record.categories)
    if more:
        changes["categories"] = (*more, *record.categories)
    return record.replace(**changes) if changes else record


def _compound(record: Observation) -> dict[str, Any] | None:
    """Return a blood pressure with the codes of its profile, if it has all that the profile demands."""
    number = mdc_code(record.code)
    known = loinc.loinc_of(number) if number is not None else ()
    sign = loinc.vital_sign_of(known[0]) if known else None
    if sign is None or not sign.components:
        return None
    components, found = [], set()
    for component in record.components:
        unit = component.value.unit if isinstance(component.value, Quantity) else None
        if unit is not None and unit not in loinc.VITAL_SIGNS_COMPONENT_UNITS:
            return None
        own = loinc.loinc_of(mdc_code(component.code) or 0)
        code = component.code
        if own and code.coding(systems.LOINC) is None:
            code = code.replace(codings=(*code.codings, Coding(system=systems.LOINC, code=own[0])))
        found |= {own[0]} if own else set()
        components.append(component if code is component.code else component.replace(code=code))
    if not found >= {name for name, _ in sign.components}:
        return None
    code = record.code
    if code.coding(systems.LOINC) is None:
        code = code.replace(codings=(*code.codings, Coding(system=systems.LOINC, code=sign.loinc)))
    return {"code": code, "components": tuple(components)}


def _device(record: Device) -> Device:
    """Return a personal device with the identifier types and the type code of the PHD guide."""
    if record.node not in PERSONAL:
        return record
    identifiers = tuple(map(_typed, record.identifiers))
    code, refid = NODE_TYPES[record.node]
    own = record.type if record.type is not None else Concept()
    changes: dict[str, Any] = {} if identifiers == record.identifiers else {"identifiers": identifiers}
    if all((coding.system, coding.code) != (systems.MDC, code) for coding in own.codings):
        coding = Coding(system=systems.MDC, code=code, refid=refid)
        changes["type"] = own.replace(codings=(coding, *own.codings))
    return record.replace(**changes) if changes else record


def _typed(identifier: Identifier) -> Identifier:
    name = _IDENTIFIER_TYPES.get(identifier.system or "")
    if name is None or identifier.type is not None:
        return identifier
    return identifier.replace(type=Concept(codings=(Coding(system=DEVICE_IDENTIFIER, code=name),)))


def is_test(record: Any) -> bool:
    """Tell whether a record is of no patient: its quality, its mode or its label says so."""
    quality = record.__dict__.get("quality")
    if quality is not None and (TEST_FLAGS.intersection(quality.flags) or quality.mode in ("test", "demo")):
        return True
    return any((label.system, label.code) == (_HTEST.system, _HTEST.code) for label in record.labels)


def enrich(record: Record, node: str | None = None, *, test: bool = False) -> Record:
    """Return the record with what the FHIR profiles ask for beside its own content.

    Parameters
    ----------
    record : Record
        Any record; one that this adapter read is returned as it is.
    node : str, optional
        Kind of the device that made an observation.
    test : bool
        Whether the person that the record is of is no patient.
    """
    if is_own(record):
        return record
    if isinstance(record, Observation):
        record = _observation(record, node)
    elif isinstance(record, Device):
        record = _device(record)
    elif isinstance(record, Waveform) and node in PERSONAL and PHD not in record.categories:
        record = record.replace(categories=(PHD, *record.categories))
    test = test or (isinstance(record, _MEASURED) and is_test(record))
    if test and _HTEST not in record.labels:
        record = record.replace(labels=(*record.labels, _HTEST))
    return record
