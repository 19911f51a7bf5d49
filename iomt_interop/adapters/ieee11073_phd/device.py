"""MDS attributes to one Device record, table by table (IEEE 11073-20601 6.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ...errors import InputError
from ...model import (
    Absent,
    Coding,
    Concept,
    Device,
    DeviceVersion,
    Extension,
    Identifier,
    Property,
    Specialization,
    record_id,
)
from ...model.value import Value
from ...terminology import systems
from ...wire.mder import NO_RELATIVE_TIME, Cursor, MderFloat
from ...wire.phd.attributes import Attribute, AttributeValue, MdsTimeInfo, ProductionSpec, RegCertData, TypeVersion
from ...wire.phd.nomenclature import Attr
from . import values
from .concepts import INFRASTRUCTURE, OBJECT, concept, unit
from .emit import Frame, check_size, extension
from .tables import MDS_CLASS, PART, PRODUCTION, SERIAL

__all__ = ["CLOCKS", "Mds", "device_id", "gateway"]

CLOCKS: Final = frozenset({Attr.TIME_ABS, Attr.TIME_REL, Attr.TIME_REL_HI_RES, Attr.TIME_BO, Attr.TIME_ABS_ADJUST})
"""Attributes that say what time it is on the device; they become a ClockSync."""

_CONTINUA: Final = 2
_CERTIFIED: Final = 1
_REGULATION: Final = 2
_NOT_REGULATED: Final = 0x8000
_CERTIFICATION: Final = {"version": INFRASTRUCTURE | 8064, "regulation": INFRASTRUCTURE | 8066}
_PERCENT: Final = unit(544)


def device_id(system_id: bytes) -> str:
    """Return the id of the device that has this EUI-64, in whatever stream."""
    return record_id("device", systems.EUI64, "SYSID", system_id.hex().upper())


def identifier(system_id: bytes) -> Identifier:
    """Return a System-Id as an identifier."""
    known = len(system_id) == 8
    return Identifier(system=systems.EUI64 if known else None, value=system_id.hex().upper())


def gateway(frame: Frame, system_id: bytes) -> Device:
    """Return the manager that answered the association."""
    return Device(
        id=device_id(system_id),
        provenance=frame.origin(frame.span, "AARE"),
        node="gateway",
        identifiers=(identifier(system_id),),
    )


@dataclass(slots=True, repr=False)
class _Draft:
    """A device in the making."""

    fields: dict[str, Any] = field(default_factory=dict)
    properties: list[Property] = field(default_factory=list)
    versions: list[DeviceVersion] = field(default_factory=list)
    certifications: list[Concept] = field(default_factory=list)

    def property(self, attribute: int, *found: Value) -> None:
        self.properties.append(Property(type=concept(OBJECT | attribute), values=found))


class Mds:
    """What the stream has told about the device so far; the record is made anew from all of it.

    Parameters
    ----------
    system_id : bytes or None
        The EUI-64, where the stream has told it.
    identity : str, optional
        Id of the record of a device without one.
    """

    def __init__(self, system_id: bytes | None, identity: str = "") -> None:
        self.system = None if system_id is None else system_id.hex().upper()
        self.id = identity if system_id is None else device_id(system_id)
        self._identifiers = () if system_id is None else (identifier(system_id),)
        self._attributes: dict[int, Attribute] = {}
        self._others: tuple[Extension, ...] = ()

    def __repr__(self) -> str:
        return f"Mds({len(self._attributes)} attributes)"

    @property
    def manufacturer(self) -> str | None:
        """The maker's name, once known."""
        model = self._attributes.get(Attr.ID_MODEL)
        value = None if model is None else cast("tuple[bytes, bytes] | None", model.value)
        return None if value is None else values.string(value[0]) or None

    @property
    def specializations(self) -> frozenset[int]:
        """Terms of the 104zz standards that the device follows."""
        entry = self._attributes.get(Attr.SYS_TYPE_SPEC_LIST)
        found = None if entry is None else cast("tuple[TypeVersion, ...] | None", entry.value)
        return frozenset(item.type for item in found or ())

    @property
    def owner(self) -> str | None:
        """Whose the private codes are: the EUI-64 and the maker."""
        system = None if self.system is None else f"EUI-64 {self.system}"
        return " ".join(filter(None, (system, self.manufacturer))) or None

    def update(self, attributes: Iterable[Attribute], others: Sequence[Extension] | None = None) -> bool:
        """Take attributes over and tell whether they say anything new.

        Parameters
        ----------
        attributes : iterable of Attribute
            Of the MDS object; they replace what was known of the same ids.
        others : sequence of Extension, optional
            What a configuration says of objects that are no metrics; it replaces all that was known of them.

        Raises
        ------
        LimitExceeded
            ``PHX-209`` when the attributes are longer than any device's: every record of it repeats them.
        """
        changed = others is not None and tuple(others) != self._others
        if others is not None:
            self._others = tuple(others)
        for attribute in attributes:
            if attribute.id not in CLOCKS and self._attributes.get(attribute.id) != attribute:
                self._attributes[attribute.id] = attribute
                changed = True
        check_size(self._attributes.values())
        return changed

    def record(self, frame: Frame, path: str) -> Device:
        """Return the device as known now."""
        draft, left = _Draft(), list(self._others)
        for attribute in self._attributes.values():
            read, value = _READERS.get(attribute.id), attribute.value
            if read is None or value is None or not read(draft, attribute.id, value):
                left.append(extension(f"handle 0/attribute {attribute.id}", attribute.raw.hex()))
        known: dict[str, Any] = {"type": concept(OBJECT | MDS_CLASS), "identifiers": self._identifiers}
        return Device(
            id=self.id,
            provenance=frame.origin(frame.span, path),
            node="phd",
            handle="0",
            properties=tuple(draft.properties),
            versions=tuple(draft.versions),
            certifications=tuple(draft.certifications),
            extensions=tuple(left),
            **(known | draft.fields),
        )


Read = Callable[[_Draft, int, AttributeValue], bool]
"""Puts a value into the draft; false when it does not say all of it, so that the octets are kept too."""


def _system_type(draft: _Draft, _: int, value: AttributeValue) -> bool:
    draft.fields["type"] = concept(cast(int, value))
    return True


def _system_id(draft: _Draft, _: int, value: AttributeValue) -> bool:
    draft.fields["identifiers"] = (identifier(cast(bytes, value)),)
    return True


def _model(draft: _Draft, _: int, value: AttributeValue) -> bool:
    manufacturer, model = cast("tuple[bytes, bytes]", value)
    draft.fields["manufacturer"] = values.string(manufacturer) or None
    draft.fields["model"] = values.string(model) or None
    return True


def _specializations(draft: _Draft, _: int, value: AttributeValue) -> bool:
    draft.fields["specializations"] = tuple(
        Specialization(type=concept(INFRASTRUCTURE | item.type), version=str(item.version))
        for item in cast("tuple[TypeVersion, ...]", value)
    )
    return True


def _production(draft: _Draft, _: int, value: AttributeValue) -> bool:
    """Take the first serial and part number as fields, everything else as versions."""
    for item in cast("tuple[ProductionSpec, ...]", value):
        name = {SERIAL: "serial", PART: "part"}.get(item.type)
        content = values.string(item.text)
        if name is not None and name not in draft.fields and not item.component:
            draft.fields[name] = content
            continue
        term = PRODUCTION.get(item.type)
        draft.versions.append(
            DeviceVersion(
                type=Concept(codings=(Coding(code=str(item.type)),))
                if term is None
                else concept(INFRASTRUCTURE | term),
                value=content,
                component=str(item.component) if item.component else None,
            )
        )
    return True


def _certification(draft: _Draft, _: int, value: AttributeValue) -> bool:
    """Read the Continua entries; say false where one of another body or of another form is among them."""
    whole = True
    for item in cast("tuple[RegCertData, ...]", value):
        cursor = Cursor(item.data)
        try:
            if (item.body, item.structure) == (_CONTINUA, _CERTIFIED):
                _certified(draft, cursor)
            elif (item.body, item.structure) == (_CONTINUA, _REGULATION):
                _regulation(draft, cursor)
            else:
                whole = False
            cursor.end()
        except InputError:
            whole = False
    return whole


def _certified(draft: _Draft, cursor: Cursor) -> None:
    version = f"{cursor.u8()}.{cursor.u8()}"
    number, inner = cursor.sequence()
    classes = [inner.u16() for _ in range(number)]
    inner.end()
    draft.properties.append(Property(type=concept(_CERTIFICATION["version"]), values=(values.text(version.encode()),)))
    draft.certifications += (
        Concept(codings=(Coding(system=systems.CONTINUA_PHD, code=str(item)),)) for item in classes
    )


def _regulation(draft: _Draft, cursor: Cursor) -> None:
    """Regulation-Status is negated: its bit 0 set says *not* regulated."""
    bits = cursor.u16()
    draft.fields["regulated"] = not bits & _NOT_REGULATED
    draft.properties.append(Property(type=concept(_CERTIFICATION["regulation"]), values=(values.bit_set(bits, 16),)))


def _battery(draft: _Draft, _: int, value: AttributeValue) -> bool:
    ucum, native = _PERCENT
    draft.fields["battery"] = values.count(cast(int, value)).replace(unit=ucum, native_unit=native)
    return True


def _battery_time(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    remaining, term = cast("tuple[MderFloat, int]", value)
    draft.property(attribute, values.number(remaining, unit(term)))
    return True


def _bits(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    draft.property(attribute, values.bit_set(cast(int, value), 16))
    return True


def _whole(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    draft.property(attribute, values.count(cast(int, value)))
    return True


def _protocol(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    draft.property(attribute, values.coded(INFRASTRUCTURE | cast(int, value)))
    return True


def _centiseconds(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    draft.property(attribute, values.count(cast(int, value), "s", -2))
    return True


def _microseconds(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    draft.property(attribute, values.count(cast(int, value), "us"))
    return True


def _ticks(draft: _Draft, attribute: int, value: AttributeValue) -> bool:
    """RelativeTime and its resolution count 125 microseconds."""
    ticks = cast(int, value)
    if ticks == NO_RELATIVE_TIME:
        draft.property(attribute, Absent(reason="unsupported"))
    else:
        draft.property(attribute, values.count(ticks * 125, "us"))
    return True


def _time_info(draft: _Draft, _: int, value: AttributeValue) -> bool:
    """MdsTimeInfo is six attributes in one."""
    for (attribute, read), part in zip(_TIME_INFO, cast(MdsTimeInfo, value), strict=True):
        read(draft, attribute, part)
    return True


_TIME_INFO: Final[tuple[tuple[Attr, Read], ...]] = (
    (Attr.TIME_CAP_STATE, _bits),
    (Attr.TIME_SYNC_PROTOCOL, _protocol),
    (Attr.TIME_SYNC_ACCURACY, _ticks),
    (Attr.TIME_RES_ABS, _centiseconds),
    (Attr.TIME_RES_REL, _ticks),
    (Attr.TIME_RES_REL_HI_RES, _microseconds),
)

_READERS: Final[Mapping[int, Read]] = {
    **dict(_TIME_INFO),
    Attr.MDS_TIME_INFO: _time_info,
    Attr.SYS_TYPE: _system_type,
    Attr.SYS_ID: _system_id,
    Attr.ID_MODEL: _model,
    Attr.SYS_TYPE_SPEC_LIST: _specializations,
    Attr.ID_PROD_SPECN: _production,
    Attr.REG_CERT_DATA_LIST: _certification,
    Attr.VAL_BATT_CHARGE: _battery,
    Attr.TIME_BATT_REMAIN: _battery_time,
    Attr.POWER_STAT: _bits,
    Attr.DEV_CONFIG_ID: _whole,
}
