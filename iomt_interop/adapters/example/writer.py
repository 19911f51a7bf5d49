"""Canonical records to lines. What the protocol cannot say is listed, never dropped in silence."""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ...model import Coding, Device, Instant, Observation, Quantity, Record, Subject, Waveform
from ...plugins import Loss, WriteContext
from .lines import encode_line
from .tables import ADAPTER, LETTERS, SITES, TEMPERATURE

__all__ = ["ExampleWriter", "make_writer"]

_ENVELOPE: Final = frozenset({"id", "kind", "schema_version", "provenance"})
"""Fields that a reader makes anew."""

_SAID: Final[dict[str, frozenset[str]]] = {
    "device": frozenset({"serial", "node"}),
    "subject": frozenset({"identifiers", "confidence"}),
    "observation": frozenset({"subject", "device", "code", "value", "time", "status", "body_site", "extensions"}),
    "waveform": frozenset({"subject", "device", "code", "channels", "segments", "time", "status"}),
}
"""Fields that have a cell, by kind of record."""

_WORDS: Final = {site: word for word, site in SITES.items() if word}


def make_writer(context: WriteContext, /) -> ExampleWriter:
    """Return a new writer for one payload."""
    return ExampleWriter()


class ExampleWriter:
    """Writer of one stream."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []
        self._patients: dict[str, str] = {}
        self._serials: dict[str, str] = {}
        self._current: str | None = None

    @property
    def losses(self) -> Sequence[Loss]:
        """Whatever could not be said so far."""
        return tuple(self._losses)

    def write(self, records: Iterable[Record], /) -> Iterator[bytes]:
        """Yield a chunk for each record that the protocol can say."""
        for record in records:
            chunk = self._record(record)
            if chunk:
                yield chunk

    def _record(self, record: Record) -> bytes:
        if isinstance(record, Device):
            if record.serial is not None and _is_cell(record.serial):
                self._serials[record.id] = record.serial
                self._fields(record)
                return self._header(record.id)
            self._lose(record, "serial", "the protocol needs a serial number of printable ASCII")
        elif isinstance(record, Subject):
            number = record.identifiers[0].value if record.identifiers else None
            if number and _is_cell(number):
                self._patients[record.id] = number
                self._fields(record)
            else:
                self._lose(record, "identifiers", "the protocol needs a patient number of printable ASCII")
        elif isinstance(record, Observation):
            return self._measurement(record)
        elif isinstance(record, Waveform):
            return self._samples(record)
        else:
            self._lose(record, "*", "the protocol has no line for this kind of record")
        return b""

    def _measurement(self, record: Observation) -> bytes:
        place = _place(record)
        if record.code != TEMPERATURE or not isinstance(record.value, Quantity) or record.value.special is not None:
            return self._lose(record, "*", "the protocol measures body temperature alone")
        letter = _letter(record.value.unit, record.value.native_unit)
        if not isinstance(record.time, Instant) or record.time.offset_minutes is None or letter is None:
            return self._lose(record, "*", "the protocol needs a time with an offset, and a unit")
        if place is None or record.value.comparator is not None or not self._knows(record):
            return self._lose(
                record, "*", "the protocol has no word for the site, the comparison, the person or device"
            )
        self._fields(record)
        value = record.value.literal or record.value.text
        cells = ("M", record.time.value, self._patients.get(record.subject or "", ""), value, letter, place)
        return self._header(record.device) + encode_line(*cells)

    def _samples(self, record: Waveform) -> bytes:
        run, channel = (record.segments[0], record.channels[0]) if record.segments and record.channels else (None, None)
        if run is None or channel is None or len(record.segments) > 1 or len(record.channels) > 1:
            return self._lose(record, "*", "the protocol has one run of one channel in a line")
        letter = _letter(channel.unit, channel.native_unit)
        plain = (
            run.dtype == "i2" and run.marks is None and channel.factor.text == "0.01" and channel.origin.mantissa == 0
        )
        period = channel.period
        if not plain or letter is None or period is None or period.numerator * 1000 % period.denominator:
            return self._lose(record, "*", "the protocol has hundredths, whole milliseconds and no marks")
        if not isinstance(record.time, Instant) or record.time.offset_minutes is None or not self._knows(record):
            return self._lose(record, "*", "the protocol needs a time with an offset, the person and the device")
        self._fields(record)
        samples = array.array("h", run.data)
        if sys.byteorder == "big":
            samples.byteswap()
        number = self._patients.get(record.subject or "", "")
        milliseconds = str(period.numerator * 1000 // period.denominator)
        return self._header(record.device) + encode_line(
            "W", record.time.value, number, milliseconds, letter, " ".join(map(str, samples))
        )

    def _knows(self, record: Observation | Waveform) -> bool:
        return record.device in self._serials and (record.subject is None or record.subject in self._patients)

    def _header(self, device: str | None) -> bytes:
        """Name the device when it is another than that of the line before."""
        if device is None or device == self._current:
            return b""
        self._current = device
        return encode_line("#WARDTHER 1", self._serials[device])

    def _fields(self, record: Record) -> None:
        """List the fields that are set and have no cell."""
        for name in sorted(record.model_fields_set - _ENVELOPE - _SAID[record.kind]):
            if getattr(record, name) not in (None, ()):
                self._lose(record, name, "the protocol has no cell for it")

    def _lose(self, record: Record, path: str, reason: str) -> bytes:
        self._losses.append(Loss(record.id, record.kind, path, reason))
        return b""


def _is_cell(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set(";*")


def _letter(unit: str | None, native: Coding | None) -> str | None:
    """Return the device's letter of a unit, or the letter that it once sent and that the table does not know."""
    if unit is not None:
        return LETTERS.get(unit)
    letter = "" if native is None else native.code or ""
    return letter if len(letter) == 1 and _is_cell(letter) and letter not in LETTERS.values() else None


def _place(record: Observation) -> str | None:
    """Return the device's word of the body site; ``None`` when it has none for it."""
    kept = [e.value or "" for e in record.extensions if (e.namespace, e.path) == (ADAPTER, "site")]
    if len(kept) != len(record.extensions) or len(kept) > 1:
        return None
    if kept:
        return kept[0] if record.body_site is None and _is_cell(kept[0]) else None
    return "" if record.body_site is None else _WORDS.get(record.body_site)
