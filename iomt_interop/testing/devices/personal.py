"""Personal health devices that speak IEEE 11073-20601: what they send, and how they answer a manager."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from ...wire import mder, phd
from ...wire.phd.operations import CONFIRMED_EVENT, GET_REPLY
from ...wire.phd.reports import sequence, u16
from .base import Clock, Wander, chance, random_source
from .truth import Measured, Truth

__all__ = ["PersonalDevice", "PulseOximeter", "Thermometer", "WeighingScale"]

_VERSION: Final = 0x80000000
_MDER: Final = 0x8000
_AGENT: Final = 0x00800000
_SINGLE_REQUEST: Final = 1
_MDC_SCADA: Final = 2
_CAPABILITY: Final = 0xC080
_NO_SYNC: Final = 7936
_SERIAL: Final = 1
_NOTHING: Final = mder.MderFloat(0, 0, mder.Special.NAN)


class _Metric(NamedTuple):
    """One numeric object of a device."""

    handle: int
    term: int
    """Of the partition of physiological numbers."""
    unit: int
    """Of the partition of dimensions."""
    ucum: str
    wander: Wander
    wide: bool = True
    """FLOAT-Type; else the short SFLOAT-Type."""

    @property
    def code(self) -> int:
        """MDC code with its partition."""
        return _MDC_SCADA << 16 | self.term


class _Scan(NamedTuple):
    """What one report says."""

    moment: datetime
    values: tuple[tuple[_Metric, str | None], ...]
    truths: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class PersonalDevice:
    """An agent with numeric objects and fixed-format scan reports, stamped by its clock of dates.

    The classes made of it differ in their tables alone.

    Parameters
    ----------
    seed : int
        Of everything that is by chance.
    clock : Clock
        The device's clock; it has no zone on the wire, so one with an offset shows its local time.
    count : int
        Number of measurements.
    interval : timedelta
        From one measurement to the next.
    missing_percent : int
        How many values of a hundred are sent as not-a-number.
    """

    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    count: int = 5
    interval: timedelta = timedelta(seconds=10)
    missing_percent: int = 0
    system_id: bytes = bytes.fromhex("0E1D2CFFFE3B4A59")
    serial: str = "SN-000417"

    name: ClassVar[str]
    model: ClassVar[str]
    specialization: ClassVar[int]
    configuration: ClassVar[int]
    metrics: ClassVar[tuple[_Metric, ...]]

    def messages(self) -> Iterator[bytes]:
        """Yield what the agent sends, as far as nobody refuses it: association, configuration, reports, release."""
        yield phd.encode(self.association_request())
        if phd.standard_configuration(self.configuration) is None:
            yield phd.encode(self.configuration_report(1))
        for number in range(self.count):
            yield phd.encode(self.scan_report(number, number + 2))
        yield phd.encode(phd.Release(phd.RLRQ, 0))

    def truth(self) -> tuple[Truth, ...]:
        """Return what was measured, in the order in which it was sent."""
        return tuple(found for scan in self._scans() for found in scan.truths)

    def association_request(self) -> phd.Aarq:
        """Return the request with which the device begins."""
        offered = phd.Association(
            protocol_version=_VERSION, encoding_rules=_MDER, nomenclature_version=_VERSION, functional_units=0,
            system_type=_AGENT, system_id=self.system_id, config_id=self.configuration, request_mode=_SINGLE_REQUEST,
            agent_requests=1, manager_requests=0,
        )  # fmt: skip
        return phd.Aarq(_VERSION, (phd.DataProto(0x5079, offered),))

    def configuration_report(self, invoke: int) -> phd.Prst:
        """Return the report of what the device measures."""
        known = phd.standard_configuration(self.configuration)
        info = known or phd.ConfigReport(self.configuration, tuple(map(_object, self.metrics)))
        return self._event(invoke, phd.Event.CONFIG, info)

    def scan_report(self, number: int, invoke: int) -> phd.Prst:
        """Return the report of the measurement of a number."""
        scan = self._scans()[number]
        stamp = _stamp(scan.moment)
        parts = tuple(
            phd.ObservationScan(metric.handle, (0, 0), octets=_octets(metric, digits) + stamp)
            for metric, digits in scan.values
        )
        info = phd.ScanReport("fixed", False, phd.AGENT_INITIATED, number, (phd.PersonScan(None, parts),))
        return self._event(invoke, phd.Event.FIXED, info)

    def attributes(self, invoke: int) -> phd.Prst:
        """Return the answer to a get of all attributes of the device."""
        found = (
            phd.Attribute(phd.Attr.SYS_TYPE_SPEC_LIST, sequence([u16(self.specialization, 2)])),
            phd.Attribute(phd.Attr.ID_MODEL, _text("Example Devices") + _text(self.model)),
            phd.Attribute(phd.Attr.SYS_ID, u16(len(self.system_id)) + self.system_id),
            phd.Attribute(phd.Attr.DEV_CONFIG_ID, u16(self.configuration)),
            phd.Attribute(phd.Attr.ID_PROD_SPECN, sequence([u16(_SERIAL, 0) + _text(self.serial)])),
            phd.Attribute(
                phd.Attr.MDS_TIME_INFO,
                u16(_CAPABILITY, _NO_SYNC) + mder.NO_RELATIVE_TIME.to_bytes(4, "big") + u16(100, 0) + bytes(4),
            ),
            phd.Attribute(phd.Attr.TIME_ABS, _stamp(self.clock.at(timedelta()))),
        )
        return phd.Prst(invoke, GET_REPLY, phd.GetReply(0, found))

    def _event(self, invoke: int, event: int, info: phd.ConfigReport | phd.ScanReport) -> phd.Prst:
        body = phd.EventReport(0, mder.NO_RELATIVE_TIME, event, info)
        return phd.Prst(invoke, CONFIRMED_EVENT, body)

    def _scans(self) -> tuple[_Scan, ...]:
        random = random_source(self.name, self.seed)
        current = {metric.code: metric.wander.start for metric in self.metrics}
        scans = []
        for number in range(self.count):
            after = self.interval * number
            moment = self.clock.at(after).replace(tzinfo=None)
            hundredths = moment.microsecond // 10_000
            iso = f"{moment:%Y-%m-%dT%H:%M:%S}.{hundredths:02}"
            values: list[tuple[_Metric, str | None]] = []
            for metric in self.metrics:
                current[metric.code] = metric.wander.next(current[metric.code], random)
                gone = chance(random, self.missing_percent)
                values.append((metric, None if gone else metric.wander.digits(current[metric.code])))
            truths = tuple(
                Measured(metric.code, digits, None if digits is None else metric.ucum, iso, after)
                for metric, digits in values
            )
            scans.append(_Scan(moment, tuple(values), truths))
        return tuple(scans)


@dataclass(frozen=True, kw_only=True)
class PulseOximeter(PersonalDevice):
    """A fingertip pulse oximeter (11073-10404) with a configuration of its own, stamped observations."""

    name = "oximeter"
    model = "Fingertip OX"
    specialization = 4100
    configuration = 0x4000
    metrics = (
        _Metric(1, 19384, 544, "%", Wander(970, 850, 1000, 1, 4), wide=False),
        _Metric(10, 18458, 2720, "/min", Wander(72, 45, 130, step=3), wide=False),
    )


@dataclass(frozen=True, kw_only=True)
class Thermometer(PersonalDevice):
    """An ear thermometer (11073-10408) in its standard configuration."""

    interval: timedelta = timedelta(minutes=5)

    name = "thermometer"
    model = "Ear T"
    specialization = 4104
    configuration = 0x0320
    metrics = (_Metric(1, 19292, 6048, "Cel", Wander(3680, 3500, 4150, 2, 15)),)


@dataclass(frozen=True, kw_only=True)
class WeighingScale(PersonalDevice):
    """A weighing scale (11073-10415) in its standard configuration."""

    interval: timedelta = timedelta(days=1)

    name = "scale"
    model = "Scale W"
    specialization = 4111
    configuration = 0x05DC
    metrics = (_Metric(1, 57664, 1731, "kg", Wander(724, 400, 1500, 1, 6)),)


def _object(metric: _Metric) -> phd.ConfigObject:
    value, octets = (phd.Attr.NU_VAL_OBS_SIMP, 4) if metric.wide else (phd.Attr.NU_VAL_OBS_BASIC, 2)
    layout = phd.encode_attribute_map([(value, octets), (phd.Attr.TIME_STAMP_ABS, 8)])
    spec = phd.MetricSpec.AVAIL_STORED_DATA | phd.MetricSpec.ACC_AGENT_INIT
    return phd.ConfigObject(
        phd.ObjectClass.NUMERIC,
        metric.handle,
        (
            phd.Attribute(phd.Attr.ID_TYPE, u16(_MDC_SCADA, metric.term)),
            phd.Attribute(phd.Attr.METRIC_SPEC_SMALL, u16(spec)),
            phd.Attribute(phd.Attr.UNIT_CODE, u16(metric.unit)),
            phd.Attribute(phd.Attr.ATTRIBUTE_VAL_MAP, layout),
        ),
    )


def _octets(metric: _Metric, digits: str | None) -> bytes:
    value = _NOTHING if digits is None else _exact(digits)
    return mder.encode_float(value).to_bytes(4, "big") if metric.wide else u16(mder.encode_sfloat(value))


def _exact(digits: str) -> mder.MderFloat:
    return mder.MderFloat(int(digits.replace(".", "")), -len(digits.partition(".")[2]))


def _stamp(moment: datetime) -> bytes:
    return mder.encode_absolute_time(f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 10_000:02}")


def _text(value: str) -> bytes:
    raw = value.encode("ascii")
    raw += b"\0" * (len(raw) % 2)
    return u16(len(raw)) + raw
