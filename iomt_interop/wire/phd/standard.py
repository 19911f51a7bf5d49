"""Standard configurations: what a device may leave unsaid, because its specialization says it.

Only those are here whose objects are known for certain (11073-10404, -10407, -10408, -10415, -10417); every
other configuration comes with the stream (MDC_NOTI_CONFIG), from a cache, or from the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .attributes import Attribute, encode_attribute_map
from .nomenclature import Attr, ObjectClass
from .reports import ConfigObject, ConfigReport, sequence, u16

__all__ = ["STANDARD_CONFIGURATIONS", "numeric_object", "standard_configuration"]


class _Numeric(NamedTuple):
    """One numeric object: partition 2 type, unit, and the value map."""

    handle: int
    type: int
    unit: int
    spec: int
    value: Attr
    octets: int
    stamped: bool = True
    members: tuple[int, ...] = ()
    supplemental: tuple[int, ...] = ()


_BASIC, _SIMPLE, _COMPOUND = Attr.NU_VAL_OBS_BASIC, Attr.NU_VAL_OBS_SIMP, Attr.NU_CMPD_VAL_OBS_BASIC
_PERCENT, _BEATS, _MMHG, _CELSIUS, _KILOGRAM, _MG_PER_DL = 544, 2720, 3872, 6048, 1731, 2130
_SPOT: Final = 19516

_TABLE: Final[dict[int, tuple[_Numeric, ...]]] = {
    0x0190: (  # 11073-10404 pulse oximeter
        _Numeric(1, 19384, _PERCENT, 0x4040, _BASIC, 2, stamped=False),
        _Numeric(10, 18458, _BEATS, 0x4040, _BASIC, 2, stamped=False),
    ),
    0x0191: (  # 11073-10404 pulse oximeter, spot check
        _Numeric(1, 19384, _PERCENT, 0x4040, _BASIC, 2, supplemental=(_SPOT,)),
        _Numeric(10, 18458, _BEATS, 0x4040, _BASIC, 2, supplemental=(_SPOT,)),
    ),
    0x02BC: (  # 11073-10407 blood pressure monitor
        _Numeric(1, 18948, _MMHG, 0xF040, _COMPOUND, 10, members=(18949, 18950, 18951)),
        _Numeric(2, 18474, _BEATS, 0xF040, _BASIC, 2),
    ),
    0x0320: (_Numeric(1, 19292, _CELSIUS, 0xF040, _SIMPLE, 4),),  # 11073-10408 thermometer
    0x05DC: (_Numeric(1, 57664, _KILOGRAM, 0xF040, _SIMPLE, 4),),  # 11073-10415 weighing scale
    0x06A4: (_Numeric(1, 29112, _MG_PER_DL, 0xF040, _BASIC, 2),),  # 11073-10417 glucose meter
}


def numeric_object(row: _Numeric) -> ConfigObject:
    """Return the object of a row, attributes in the order of the specializations."""
    attributes = [
        Attribute(Attr.ID_TYPE, u16(2, row.type)),
        Attribute(Attr.METRIC_SPEC_SMALL, u16(row.spec)),
        Attribute(Attr.UNIT_CODE, u16(row.unit)),
    ]
    if row.members:
        attributes.insert(2, Attribute(Attr.METRIC_STRUCT_SMALL, bytes((3, len(row.members)))))
        attributes.append(Attribute(Attr.ID_PHYSIO_LIST, sequence([u16(member) for member in row.members])))
    if row.supplemental:
        parts = [u16(2, number) for number in row.supplemental]
        attributes.append(Attribute(Attr.SUPPLEMENTAL_TYPES, sequence(parts)))
    pairs = [(row.value, row.octets), *([(Attr.TIME_STAMP_ABS, 8)] if row.stamped else [])]
    attributes.append(Attribute(Attr.ATTRIBUTE_VAL_MAP, encode_attribute_map(pairs)))
    return ConfigObject(ObjectClass.NUMERIC, row.handle, tuple(attributes))


STANDARD_CONFIGURATIONS: Final[Mapping[int, ConfigReport]] = MappingProxyType(
    {number: ConfigReport(number, tuple(map(numeric_object, rows))) for number, rows in _TABLE.items()}
)
"""Configuration by dev-config-id."""


def standard_configuration(config_id: int) -> ConfigReport | None:
    """Return a standard configuration, ``None`` when it is not one that is known for certain."""
    return STANDARD_CONFIGURATIONS.get(config_id)
