"""Ward thermometer, line protocol 1.

A first line names the protocol and the device's serial number, then each line is one measurement, in ASCII::

    #WARDTHER 1 <serial>
    <time>;<patient number>;<value>;<unit letter>;<site>
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from pydantic import ValidationError

from iomt_interop.errors import InvalidRecord, LimitExceeded, MalformedInput, TruncatedInput, UnsupportedVersion
from iomt_interop.model import (
    Coding,
    Device,
    Extension,
    Identifier,
    Instant,
    Issue,
    Observation,
    Provenance,
    Quantity,
    Record,
    Residue,
    Subject,
    record_id,
)
from iomt_interop.plugins import ReadContext

from .tables import SITES, TEMPERATURE, UNITS

__all__ = ["make_reader"]

ADAPTER: Final = "ward_thermometer"
VERSION: Final = "1"

Row = tuple[Instant, str, Quantity, str]
"""Time, patient number, value, site."""


def make_reader(context: ReadContext, /) -> ThermometerReader:
    """Return a new reader for one source."""
    return ThermometerReader(context)


class ThermometerReader:
    """Reader of one stream; it keeps at most one unfinished line."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._rest = b""
        self._offset = 0
        self._device: str | None = None
        self._announced: set[str] = set()

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Return the records of the lines that are now whole."""
        *lines, self._rest = (self._rest + bytes(chunk)).split(b"\n")
        records: list[Record] = []
        for line in lines:
            records += self._line(line)
            self._offset += len(line) + 1
        if len(self._rest) > self._context.limits.max_unit:
            raise LimitExceeded("SRC-005", span=(self._offset, self._offset + len(self._rest)))
        return records

    def finish(self) -> Sequence[Record]:
        """End the input: a line without its end was cut off."""
        if self._rest:
            raise TruncatedInput("WTH-002", span=(self._offset, self._offset + len(self._rest)))
        return ()

    def _line(self, line: bytes) -> Iterator[Record]:
        span = (self._offset, self._offset + len(line))
        origin = Provenance(adapter=ADAPTER, version=VERSION, digest=sha256(line).hexdigest(), span=span)
        if self._device is None:
            device = _header(line, origin)
            self._device = device.id
            yield device
        elif (row := _row(line)) is not None:
            yield from self._records(row, line, origin)
        elif self._context.strictness == "strict":
            raise MalformedInput("WTH-003", span=span)
        else:
            yield Residue(id=record_id("residue", ADAPTER, line), provenance=origin, raw=line, reason="WTH-003")
            yield Issue(id=record_id("issue", ADAPTER, line), provenance=origin, severity="warning", code="WTH-003")

    def _records(self, row: Row, line: bytes, origin: Provenance) -> Iterator[Record]:
        time, number, value, place = row
        subject = record_id("subject", ADAPTER, "MR", number)
        if subject not in self._announced:
            self._announced.add(subject)
            yield Subject(id=subject, provenance=origin, identifiers=(Identifier(value=number),))
        site = SITES.get(place)
        yield Observation(
            id=record_id("observation", ADAPTER, self._device, line),
            provenance=origin,
            subject=subject,
            device=self._device,
            code=TEMPERATURE,
            value=value,
            time=time,
            body_site=site,
            # A place that the table does not know is kept verbatim.
            extensions=(Extension(namespace=ADAPTER, path="site", value=place),) if place and site is None else (),
        )


def _header(line: bytes, origin: Provenance) -> Device:
    words = line.decode("ascii", "ignore").split(" ")
    if len(words) != 3 or words[0] != "#WARDTHER" or not line.isascii():
        raise MalformedInput("WTH-001", span=origin.span)
    if words[1] != "1":
        raise UnsupportedVersion("WTH-004", span=origin.span)
    return Device(id=record_id("device", ADAPTER, words[2]), provenance=origin, node="mds", serial=words[2])


def _row(line: bytes) -> Row | None:
    """Read a measurement; ``None`` when it is not one. No exception leaves, as its text could hold a value."""
    try:
        time, number, value, letter, place = line.decode("ascii").split(";")
        quantity = Quantity.from_text(value).replace(unit=UNITS.get(letter), native_unit=Coding(code=letter))
        return Instant(value=time), number, quantity, place
    except (ValueError, ValidationError, InvalidRecord):
        return None
