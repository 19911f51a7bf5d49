"""A bedside monitor that speaks IHE PCD-01, and PCD-04 when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Final, NamedTuple

from . import _er7 as er7
from .base import Clock, Wander, chance, random_source
from .truth import Measured, Raised, Sampled, Truth

__all__ = ["BedsideMonitor"]

_PCD01: Final = er7.component("IHE_PCD_001", "IHE PCD", "1.3.6.1.4.1.19376.1.6.1.1.1", "ISO")
_PCD04: Final = er7.component("IHE_PCD_ACM_001", "IHE PCD", "1.3.6.1.4.1.19376.1.6.1.4.1", "ISO")


class _Code(NamedTuple):
    number: int
    refid: str

    @property
    def field(self) -> str:
        return er7.component(str(self.number), self.refid, "MDC")


class _Vital(NamedTuple):
    code: _Code
    address: str
    unit: _Code
    ucum: str
    wander: Wander
    every: int = 1
    """In one of how many messages."""


_BEATS: Final = _Code(264864, "MDC_DIM_BEAT_PER_MIN")
_PERCENT: Final = _Code(262688, "MDC_DIM_PERCENT")
_MMHG: Final = _Code(266016, "MDC_DIM_MMHG")
_MILLIVOLT: Final = _Code(266418, "MDC_DIM_MILLI_VOLT")
_HERTZ: Final = _Code(264640, "MDC_DIM_HZ")

_TREE: Final = (
    ("1.0.0.0", _Code(69965, "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS")),
    ("1.1.0.0", _Code(69798, "MDC_DEV_ECG_VMD")),
    ("1.1.1.0", _Code(69799, "MDC_DEV_ECG_CHAN")),
    ("1.2.0.0", _Code(69642, "MDC_DEV_ANALY_SAT_O2_VMD")),
    ("1.3.0.0", _Code(69854, "MDC_DEV_METER_PRESS_BLD_VMD")),
    ("1.3.1.0", _Code(69855, "MDC_DEV_METER_PRESS_BLD_CHAN")),
)
"""MDS, VMDs and channels; the channel of the saturation is left to be implied, as many senders do."""

_HEART_RATE: Final = _Code(147842, "MDC_ECG_HEART_RATE")
_VITALS: Final = (
    _Vital(_HEART_RATE, "1.1.1.147842", _BEATS, "/min", Wander(76, 40, 140, step=3)),
    _Vital(_Code(150456, "MDC_PULS_OXIM_SAT_O2"), "1.2.1.150456", _PERCENT, "%", Wander(970, 850, 1000, 1, 4)),
    _Vital(_Code(149530, "MDC_PULS_OXIM_PULS_RATE"), "1.2.1.149530", _BEATS, "/min", Wander(76, 40, 140, step=3)),
    _Vital(_Code(150021, "MDC_PRESS_BLD_NONINV_SYS"), "1.3.1.150021", _MMHG, "mm[Hg]", Wander(121, 100, 180, 0, 5), 3),
    _Vital(_Code(150022, "MDC_PRESS_BLD_NONINV_DIA"), "1.3.1.150022", _MMHG, "mm[Hg]", Wander(78, 50, 95, 0, 4), 3),
    _Vital(_Code(150023, "MDC_PRESS_BLD_NONINV_MEAN"), "1.3.1.150023", _MMHG, "mm[Hg]", Wander(92, 65, 99, 0, 4), 3),
)

_ECG: Final = _Code(131329, "MDC_ECG_ELEC_POTL_I")
_ECG_ADDRESS: Final = "1.1.1.131329"
_RATE: Final = 250
_ECG_STEP: Final = Decimal("0.0025")
_BEAT: Final = (0, 2, 6, 9, 6, 2, 0, -8, 60, 300, -90, -20, 0, 4, 12, 24, 30, 24, 12, 4, 0)
"""One heart beat in steps of the converter: P, QRS, T."""

_HIGH: Final = _Code(196652, "MDC_EVT_HI")
_ALERT_PARTS: Final = (
    (_Code(68480, "MDC_ATTR_ALERT_SOURCE"), _HEART_RATE.field, _HEART_RATE.field),
    (_Code(68481, "MDC_ATTR_EVENT_PHASE"), "start", "end"),
    (_Code(68482, "MDC_ATTR_ALARM_STATE"), "active", "inactive"),
    (_Code(68484, "MDC_ATTR_ALARM_PRIORITY"), "PM", "PM"),
    (_Code(68485, "MDC_ATTR_ALERT_TYPE"), "SP", "SP"),
)
"""What an alert says of itself: when it begins, and when it ends."""


@dataclass(slots=True)
class _State:
    """Where the simulation stands: the numbers that wander, and whether the alarm sounds."""

    random: Random
    current: dict[int, int] = field(default_factory=lambda: {v.code.number: v.wander.start for v in _VITALS})
    alarm: bool = False
    sample: int = 0


@dataclass(frozen=True, kw_only=True)
class BedsideMonitor:
    """A monitor with heart rate, saturation, pulse rate and cuff pressure; ECG and alerts when asked for.

    Parameters
    ----------
    seed : int
        Of everything that is by chance.
    clock : Clock
        The monitor's clock, whose times are in the messages.
    count : int
        Number of PCD-01 messages.
    interval : timedelta
        From one message to the next.
    ecg : bool
        Send one lead with every message, as many samples as the interval has (at most one second).
    alerts : bool
        Send PCD-04 messages when the heart rate goes beyond ``alarm_limit`` and when it comes back.
    missing_percent : int
        How many values of a hundred are sent without a number.
    frames : bool
        MLLP blocks; else bare messages.
    """

    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    count: int = 10
    interval: timedelta = timedelta(seconds=5)
    ecg: bool = False
    alerts: bool = False
    alarm_limit: int = 80
    missing_percent: int = 0
    frames: bool = True
    patient: str = "EX-4711"
    place: tuple[str, str, str] = ("EXAMPLE WARD", "12", "3")
    eui64: str = "0E1D2CFFFE778899"

    def messages(self) -> Iterator[bytes]:
        """Yield PCD-01 messages, and PCD-04 messages between them."""
        for segments, _ in self._steps():
            data = er7.message(segments)
            yield er7.framed(data) if self.frames else data

    def truth(self) -> tuple[Truth, ...]:
        """Return what was measured, in the order in which it was sent."""
        return tuple(found for _, truths in self._steps() for found in truths)

    def _steps(self) -> Iterator[tuple[list[str], list[Truth]]]:
        """Yield each message's segments with what they mean: both are made in one place, so they cannot differ."""
        state = _State(random_source("monitor", self.seed))
        for number in range(self.count):
            after = self.interval * number
            yield self._report(state, number, after)
            if self.alerts and (state.current[_HEART_RATE.number] > self.alarm_limit) != state.alarm:
                state.alarm = not state.alarm
                yield self._alert(number, after, state.alarm)

    def _head(self, moment: datetime, control: str, kind: str, profile: str) -> list[str]:
        sender = er7.component("MONITOR", self.eui64, "EUI-64")
        message_type = er7.component("ORU", kind, f"ORU_{kind}")
        sent, _ = er7.stamp(moment)
        ward, room, bed = self.place
        return [
            er7.header({
                3: sender, 4: er7.component(ward), 7: sent, 9: message_type, 10: control, 11: "P", 12: "2.6",
                15: "AL", 16: "NE", 18: "UNICODE UTF-8", 21: profile,
            }),
            er7.segment("PID", {3: er7.component(self.patient, "", "", "EXAMPLE", "PI")}),
            er7.segment("PV1", {2: "I", 3: er7.component(ward, room, bed)}),
        ]  # fmt: skip

    def _report(self, state: _State, number: int, after: timedelta) -> tuple[list[str], list[Truth]]:
        moment = self.clock.at(after)
        written, iso = er7.stamp(moment)
        control = f"S{self.seed}-{number}"
        segments = self._head(moment + timedelta(milliseconds=750), control, "R01", _PCD01)
        order = er7.component(control, "MONITOR", self.eui64, "EUI-64")
        service = er7.component("182777000", "monitoring of patient", "SCT")
        segments.append(er7.segment("OBR", {1: "1", 2: order, 3: order, 4: service, 7: written}))
        results = [{3: code.field, 4: address, 11: "X"} for address, code in _TREE]
        results[0][18] = er7.component(self.eui64, "", self.eui64, "EUI-64")
        truths: list[Truth] = []
        for vital in _VITALS:
            wandered = state.current[vital.code.number]
            state.current[vital.code.number] = vital.wander.next(wandered, state.random)
            gone = chance(state.random, self.missing_percent)
            if number % vital.every:
                continue
            digits = None if gone else vital.wander.digits(state.current[vital.code.number])
            fields = {2: "NM", 3: vital.code.field, 4: vital.address, 5: digits or "", 6: vital.unit.field, 11: "R"}
            results.append(fields | {8: "NAV" if gone else "", 14: written})
            truths.append(Measured(vital.code.number, digits, None if gone else vital.ucum, iso, after))
        if self.ecg:
            rows, sampled = self._lead(state, written, iso, after)
            results += rows
            truths.append(sampled)
        segments += [er7.segment("OBX", {1: str(place)} | row) for place, row in enumerate(results, 1)]
        return segments, truths

    def _lead(self, state: _State, written: str, iso: str, after: timedelta) -> tuple[list[dict[int, str]], Sampled]:
        """Return the OBX of one run of the ECG: raw samples, their rate and what one step stands for."""
        count = min(_RATE, max(1, _RATE * (self.interval // timedelta(milliseconds=1)) // 1000))
        raw: list[int | None] = []
        for _ in range(count):
            beat = state.sample % (_RATE * 60 // state.current[_HEART_RATE.number])
            value = (_BEAT[beat] if beat < len(_BEAT) else 0) + state.random.randint(-2, 2)
            raw.append(None if chance(state.random, self.missing_percent) else value)
            state.sample += 1
        if all(number is None for number in raw):
            raw[0] = 0  # a run without any sample would not be sent
        text = "^".join("" if number is None else str(number) for number in raw)
        rows = [
            {2: "NA", 3: _ECG.field, 4: _ECG_ADDRESS, 5: text, 6: _MILLIVOLT.field, 11: "R", 14: written},
            {2: "NM", 3: er7.component("0", "MDC_ATTR_SAMP_RATE", "MDC"), 4: f"{_ECG_ADDRESS}.1", 5: str(_RATE),
             6: _HERTZ.field, 11: "R"},
            {2: "NM", 3: er7.component("67917", "MDC_ATTR_NU_MSMT_RES", "MDC"), 4: f"{_ECG_ADDRESS}.2",
             5: str(_ECG_STEP), 6: _MILLIVOLT.field, 11: "R"},
        ]  # fmt: skip
        samples = tuple(None if number is None else number * Fraction(_ECG_STEP) for number in raw)
        return rows, Sampled(_ECG.number, samples, "mV", Fraction(1, _RATE), iso, after)

    def _alert(self, number: int, after: timedelta, begins: bool) -> tuple[list[str], list[Truth]]:
        moment = self.clock.at(after)
        written, iso = er7.stamp(moment)
        segments = self._head(moment, f"S{self.seed}-{number}-A", "R40", _PCD04)
        filler = er7.component(f"AL-{self.seed}-{number}", "MONITOR", self.eui64, "EUI-64")
        event = er7.component("196616", "MDC_EVT_ALARM", "MDC")
        segments.append(er7.segment("OBR", {1: "1", 3: filler, 4: event, 7: written}))
        address = _VITALS[0].address
        rows = [{2: "ST", 3: _HIGH.field, 4: f"{address}.1", 5: "HR high", 8: "H~PM~SP", 11: "F", 14: written}]
        for part, (code, start, end) in enumerate(_ALERT_PARTS, 2):
            text = start if begins else end
            rows.append({2: "ST", 3: code.field, 4: f"{address}.{part}", 5: text, 11: "F", 14: written})
        segments += [er7.segment("OBX", {1: str(place)} | row) for place, row in enumerate(rows, 1)]
        return segments, [Raised(_HIGH.number, _HEART_RATE.number, "start" if begins else "end", "medium", iso, after)]
