"""Attributes: an id, its octets, and by a table what the octets mean (IEEE 11073-20601 Annex A).

An attribute is its octets: encoding writes them back, whatever they mean. Values are decoded when asked for;
octets that do not fit the layout, and attributes that no table knows, have no value but keep their octets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ...errors import InputError
from ..mder import AbsoluteTime, BaseOffsetTime, Cursor, MderFloat, decode_float, decode_sfloat
from .nomenclature import Attr

__all__ = [
    "AttributeValue",
    "Attribute",
    "EnumObsValue",
    "MdsTimeInfo",
    "NuObsValue",
    "ProductionSpec",
    "RegCertData",
    "SaSpec",
    "ScaleRange",
    "TypeVersion",
    "attribute_map",
    "decode_attributes",
    "encode_attributes",
    "encode_attribute_map",
]


class NuObsValue(NamedTuple):
    """NuObsValue: metric id, MeasurementStatus, unit, value."""

    metric_id: int
    state: int
    unit: int
    value: MderFloat

    def __repr__(self) -> str:
        return "NuObsValue()"


class EnumObsValue(NamedTuple):
    """EnumObsValue: metric id, MeasurementStatus, and an OID, a text or a bit string."""

    metric_id: int
    state: int
    choice: int
    """1 OID, 2 text, 16 bit string."""
    value: int | bytes

    def __repr__(self) -> str:
        return "EnumObsValue()"


class SaSpec(NamedTuple):
    """Format of sample arrays."""

    array_size: int
    sample_bits: int
    significant_bits: int
    """255 means signed samples."""
    flags: int


class ScaleRange(NamedTuple):
    """Two points of the line from raw samples to physical values."""

    lower_absolute: MderFloat
    upper_absolute: MderFloat
    lower_scaled: int
    upper_scaled: int


class ProductionSpec(NamedTuple):
    """One entry of the production specification."""

    type: int
    """0 unspecified, 1 serial, 2 part, 3 hardware, 4 software, 5 firmware, 6 protocol, 7 GMDN."""
    component: int
    text: bytes

    def __repr__(self) -> str:
        return "ProductionSpec()"


class TypeVersion(NamedTuple):
    """A specialization and its version."""

    type: int
    version: int


class RegCertData(NamedTuple):
    """One entry of the regulation and certification list."""

    body: int
    """0 empty, 1 IEEE, 2 Continua, 254 experimental."""
    structure: int
    data: bytes

    def __repr__(self) -> str:
        return "RegCertData()"


class MdsTimeInfo(NamedTuple):
    """Clock capabilities of the device."""

    capability: int
    protocol: int
    accuracy: int
    resolution_absolute: int
    resolution_relative: int
    resolution_hi_res: int


AttributeValue = (
    int
    | bytes
    | MderFloat
    | AbsoluteTime
    | BaseOffsetTime
    | NuObsValue
    | EnumObsValue
    | SaSpec
    | ScaleRange
    | MdsTimeInfo
    | tuple["AttributeValue", ...]
    | ProductionSpec
    | TypeVersion
    | RegCertData
)
"""What an attribute means; a 32-bit code for TYPE, octets for strings."""


class Attribute(NamedTuple):
    """One attribute-value assertion."""

    id: int
    raw: bytes

    def __repr__(self) -> str:
        return f"Attribute({self.id}, {len(self.raw)} bytes)"

    @property
    def value(self) -> AttributeValue | None:
        """The decoded value; ``None`` when no table knows the attribute or its octets do not fit."""
        layout = _LAYOUTS.get(self.id)
        if layout is None:
            return None
        cursor = Cursor(self.raw)
        try:
            value = layout(cursor)
            cursor.end()
        except InputError:
            return None
        return value


def decode_attributes(cursor: Cursor) -> tuple[Attribute, ...]:
    """Read an AttributeList; count and length must both agree."""
    count, inner = cursor.sequence()
    found = tuple(Attribute(inner.u16(), inner.octets()) for _ in range(count))
    inner.end()
    return found


def encode_attributes(attributes: Iterable[Attribute]) -> bytes:
    """Write an AttributeList."""
    parts = [a.id.to_bytes(2, "big") + len(a.raw).to_bytes(2, "big") + a.raw for a in attributes]
    body = b"".join(parts)
    return len(parts).to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def attribute_map(cursor: Cursor) -> tuple[tuple[int, int], ...]:
    """Read an AttrValMap: pairs of attribute id and length."""
    count, inner = cursor.sequence()
    found = tuple((inner.u16(), inner.u16()) for _ in range(count))
    inner.end()
    return found


def encode_attribute_map(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Write an AttrValMap."""
    parts = [a.to_bytes(2, "big") + n.to_bytes(2, "big") for a, n in pairs]
    return len(parts).to_bytes(2, "big") + (4 * len(parts)).to_bytes(2, "big") + b"".join(parts)


Layout = Callable[[Cursor], AttributeValue]


def _list_of(item: Layout) -> Layout:
    def read(cursor: Cursor) -> AttributeValue:
        count, inner = cursor.sequence()
        found = tuple(item(inner) for _ in range(count))
        inner.end()
        return found

    return read


def _type(cursor: Cursor) -> int:
    return cursor.u16() << 16 | cursor.u16()


def _sfloat(cursor: Cursor) -> MderFloat:
    return decode_sfloat(cursor.u16())


def _float(cursor: Cursor) -> MderFloat:
    return decode_float(cursor.u32())


def _absolute(cursor: Cursor) -> AbsoluteTime:
    return AbsoluteTime(cursor.take(8))


def _base_offset(cursor: Cursor) -> BaseOffsetTime:
    return BaseOffsetTime(cursor.u32(), cursor.u16(), int.from_bytes(cursor.take(2), "big", signed=True))


def _numeric(cursor: Cursor) -> NuObsValue:
    return NuObsValue(cursor.u16(), cursor.u16(), cursor.u16(), _float(cursor))


def _enumeration(cursor: Cursor) -> EnumObsValue:
    metric, state, choice = cursor.u16(), cursor.u16(), cursor.u16()
    inner = cursor.sub(cursor.u16())
    value = inner.u16() if choice == 1 else inner.u32() if choice == 16 else inner.rest()
    inner.end()
    return EnumObsValue(metric, state, choice, value)


def _model(cursor: Cursor) -> AttributeValue:
    return (cursor.octets(), cursor.octets())


def _sa_spec(cursor: Cursor) -> SaSpec:
    return SaSpec(cursor.u16(), cursor.u8(), cursor.u8(), cursor.u16())


def _scale(octets: int) -> Layout:
    def read(cursor: Cursor) -> ScaleRange:
        low, high = _float(cursor), _float(cursor)
        return ScaleRange(
            low, high, int.from_bytes(cursor.take(octets), "big"), int.from_bytes(cursor.take(octets), "big")
        )

    return read


def _handle_map(cursor: Cursor) -> AttributeValue:
    return (cursor.u16(), attribute_map(cursor))


def _adjustment(cursor: Cursor) -> int:
    return int.from_bytes(cursor.take(6), "big", signed=True)


def _hi_res(cursor: Cursor) -> int:
    return int.from_bytes(cursor.take(8), "big")


def _time_info(cursor: Cursor) -> MdsTimeInfo:
    return MdsTimeInfo(cursor.u16(), cursor.u16(), cursor.u32(), cursor.u16(), cursor.u16(), cursor.u32())


def _certification(cursor: Cursor) -> RegCertData:
    return RegCertData(cursor.u8(), cursor.u8(), cursor.octets())


_OCTETS: Final[Layout] = Cursor.octets

# Layout by attribute; what is not here keeps its octets.
_TABLE: Final[tuple[tuple[Layout, tuple[Attr, ...]], ...]] = (
    (Cursor.u16, (
        Attr.CONFIRM_MODE, Attr.ID_HANDLE, Attr.ID_INSTNO, Attr.ID_PHYSIO, Attr.METRIC_STORE_SAMPLE_ALG, Attr.MSMT_STAT,
        Attr.NUM_SEG, Attr.OP_STAT, Attr.POWER_STAT, Attr.TX_WIND, Attr.UNIT_CODE, Attr.VAL_BATT_CHARGE,
        Attr.DEV_CONFIG_ID, Attr.METRIC_SPEC_SMALL, Attr.SOURCE_HANDLE_REF, Attr.ENUM_OBS_VAL_SIMP_OID,
        Attr.PM_STORE_CAPAB, Attr.PM_SEG_PERSON_ID, Attr.METRIC_ID_PART, Attr.ENUM_OBS_VAL_PART,
        Attr.ENUM_OBS_VAL_BASIC_BIT_STR, Attr.METRIC_STRUCT_SMALL, Attr.TIME_CAP_STATE, Attr.TIME_SYNC_PROTOCOL,
        Attr.TIME_RES_ABS, Attr.TIME_RES_REL, Attr.TIME_RES_BO,
    )),
    (lambda c: (_float(c), c.u16()), (Attr.TIME_BATT_REMAIN,)),
    (Cursor.u32, (
        Attr.CONFIRM_TIMEOUT, Attr.METRIC_STORE_CAPAC_CNT, Attr.METRIC_STORE_USAGE_CNT, Attr.SCAN_REP_PD,
        Attr.SEG_USAGE_CNT, Attr.TIME_PD_SAMP, Attr.TIME_REL, Attr.TIME_STAMP_REL, Attr.SCAN_REP_PD_MIN,
        Attr.CLEAR_TIMEOUT, Attr.TRANSFER_TIMEOUT, Attr.ENUM_OBS_VAL_SIMP_BIT_STR, Attr.TIME_SYNC_ACCURACY,
        Attr.TIME_RES_REL_HI_RES,
    )),
    (_type, (Attr.ID_TYPE, Attr.SYS_TYPE)),
    (_hi_res, (Attr.TIME_REL_HI_RES, Attr.TIME_STAMP_REL_HI_RES, Attr.CONTEXT_KEY)),
    (_OCTETS, (
        Attr.ID_LABEL_STRING, Attr.SYS_ID, Attr.UNIT_LABEL_STRING, Attr.SIMP_SA_OBS_VAL, Attr.ENUM_OBS_VAL_SIMP_STR,
        Attr.PM_STORE_LABEL_STRING, Attr.PM_SEG_LABEL_STRING, Attr.THRES_NOTIF_TEXT_STRING, Attr.SEG_FIXED_DATA,
    )),
    (_sfloat, (Attr.NU_VAL_OBS_BASIC,)),
    (_float, (Attr.NU_VAL_OBS_SIMP, Attr.NU_ACCUR_MSMT, Attr.TIME_PD_MSMT_ACTIVE, Attr.TICK_RES)),
    (_numeric, (Attr.NU_VAL_OBS,)),
    (_list_of(_numeric), (Attr.NU_CMPD_VAL_OBS,)),
    (_list_of(_sfloat), (Attr.NU_CMPD_VAL_OBS_BASIC,)),
    (_list_of(_float), (Attr.NU_CMPD_VAL_OBS_SIMP,)),
    (_enumeration, (Attr.VAL_ENUM_OBS,)),
    (_model, (Attr.ID_MODEL,)),
    (_list_of(lambda c: ProductionSpec(c.u16(), c.u16(), c.octets())), (Attr.ID_PROD_SPECN,)),
    (_list_of(lambda c: TypeVersion(c.u16(), c.u16())), (Attr.SYS_TYPE_SPEC_LIST,)),
    (_list_of(_certification), (Attr.REG_CERT_DATA_LIST,)),
    (_list_of(_type), (Attr.SUPPLEMENTAL_TYPES,)),
    (_list_of(Cursor.u16), (Attr.ID_PHYSIO_LIST, Attr.SCAN_HANDLE_LIST, Attr.SOURCE_HANDLE_REF_LIST)),
    (_list_of(_handle_map), (Attr.SCAN_HANDLE_ATTR_VAL_MAP,)),
    (attribute_map, (Attr.ATTRIBUTE_VAL_MAP,)),
    (_absolute, (Attr.TIME_ABS, Attr.TIME_STAMP_ABS, Attr.TIME_START_SEG, Attr.TIME_END_SEG)),
    (_base_offset, (Attr.TIME_BO, Attr.TIME_STAMP_BO, Attr.TIME_START_SEG_BO, Attr.TIME_END_SEG_BO)),
    (_adjustment, (Attr.TIME_ABS_ADJUST,)),
    (_sa_spec, (Attr.SA_SPECN,)),
    (_scale(1), (Attr.SCALE_SPECN_I8,)),
    (_scale(2), (Attr.SCALE_SPECN_I16,)),
    (_scale(4), (Attr.SCALE_SPECN_I32,)),
    (_time_info, (Attr.MDS_TIME_INFO,)),
    (lambda c: (_float(c), _float(c)), (Attr.LIMIT_CURR, Attr.MSMT_CONFIDENCE_95)),
)  # fmt: skip

_LAYOUTS: Final[dict[int, Layout]] = {attribute: layout for layout, ids in _TABLE for attribute in ids}
