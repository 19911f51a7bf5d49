"""Lines to canonical records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from pydantic import ValidationError

from ...errors import IntegrityMismatch, InvalidRecord, MalformedInput, TruncatedInput, UnsupportedVersion
from ...model import (
    Channel,
    Coding,
    Device,
    Extension,
    Identifier,
    Instant,
    Issue,
    Number,
    Observation,
    Provenance,
    Quantity,
    Rational,
    Record,
    Residue,
    Segment,
    Subject,
    Waveform,
    record_id,
)
from ...plugins import ReadContext
from .lines import LineCutter, decode_line
from .tables import ADAPTER, PROBE, SITES, TEMPERATURE, UNITS, VERSION

__all__ = ["ExampleReader", "make_reader"]

_HUNDREDTH: Final = Number(mantissa=1, exponent=-2)


def make_reader(context: ReadContext, /) -> ExampleReader:
    """Return a new reader for one source. All state is in it: two readers never disturb each other."""
    return ExampleReader(context)


class ExampleReader:
    """Reader of one stream."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._lines = LineCutter(context.limits.max_unit)
        self._device: str | None = None
        self._announced: set[str] = set()

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Return the records of the lines that are now whole."""
        return [record for offset, line in self._lines.feed(chunk) for record in self._line(offset, line)]

    def finish(self) -> Sequence[Record]:
        """End the input: a line without its end was cut off, and half a measurement is none."""
        offset, rest = self._lines.rest()
        if rest:
            raise TruncatedInput("EXA-005", span=(offset, offset + len(rest)))
        return ()

    def _line(self, offset: int, line: bytes) -> Iterator[Record]:
        # Where a record came from, to the octet: the line end belongs to the line, so every octet is accounted for.
        origin = Provenance(
            adapter=ADAPTER, version=VERSION, digest=sha256(line).hexdigest(), span=(offset, offset + len(line))
        )
        try:
            yield from self._records(decode_line(line), line, origin)
        except (MalformedInput, IntegrityMismatch) as error:
            code = error.code
        else:
            return
        # Outside of the except block, so that no exception is chained to what is raised here.
        if self._context.strictness == "strict" or self._device is None:
            raise MalformedInput(code, span=origin.span)
        yield Residue(id=record_id("residue", ADAPTER, offset, line), provenance=origin, raw=line, reason=code)
        yield Issue(id=record_id("issue", ADAPTER, offset, line), provenance=origin, severity="warning", code=code)

    def _records(self, cells: list[str], line: bytes, origin: Provenance) -> Iterator[Record]:
        match cells:
            case [header, serial] if header.startswith("#WARDTHER "):
                if header != "#WARDTHER 1":
                    raise UnsupportedVersion("EXA-001", span=origin.span)
                self._device = record_id("device", ADAPTER, serial)
                yield Device(id=self._device, provenance=origin, node="mds", serial=serial)
            case ["M", time, number, value, letter, place] if self._device is not None:
                yield from self._measurement(_instant(time), number, _quantity(value, letter), place, line, origin)
            case ["W", time, number, period, letter, samples] if self._device is not None:
                yield from self._samples(_instant(time), number, period, letter, samples, line, origin)
            case _:
                raise MalformedInput("EXA-003", span=origin.span)

    def _subject(self, number: str, origin: Provenance) -> Iterator[Record]:
        """Give a person once. The id is made of what identifies, so that every source of this kind gives the same."""
        subject = _subject_id(number)
        if subject is not None and subject not in self._announced:
            self._announced.add(subject)
            yield Subject(id=subject, provenance=origin, identifiers=(Identifier(value=number),))

    def _measurement(
        self, time: Instant, number: str, value: Quantity, place: str, line: bytes, origin: Provenance
    ) -> Iterator[Record]:
        yield from self._subject(number, origin)
        site = SITES.get(place)
        yield Observation(
            id=record_id("observation", ADAPTER, self._device, line),
            provenance=origin,
            subject=_subject_id(number),
            device=self._device,
            code=TEMPERATURE,
            value=value,
            time=time,
            status="final",
            body_site=site if place else None,
            # A word that the table does not know is kept verbatim: nothing is lost in silence.
            extensions=(Extension(namespace=ADAPTER, path="site", value=place),) if site is None else (),
        )

    def _samples(
        self, time: Instant, number: str, period: str, letter: str, samples: str, line: bytes, origin: Provenance
    ) -> Iterator[Record]:
        raw = [_integer(sample) for sample in samples.split(" ")]
        milliseconds = _integer(period)
        if milliseconds <= 0 or not all(-32768 <= sample <= 32767 for sample in raw):
            raise MalformedInput("EXA-003", span=origin.span)
        yield from self._subject(number, origin)
        # One record for the whole run, and in it one buffer: never an object for a sample.
        data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in raw)
        channel = Channel(
            code=PROBE,
            unit=UNITS.get(letter),
            native_unit=Coding(code=letter),
            period=Rational(numerator=milliseconds, denominator=1000),
            factor=_HUNDREDTH,
        )
        yield Waveform(
            id=record_id("waveform", ADAPTER, self._device, line),
            provenance=origin,
            subject=_subject_id(number),
            device=self._device,
            code=PROBE,
            channels=(channel,),
            segments=(Segment(channel=0, start=time, dtype="i2", data=data, n=len(raw)),),
            time=time,
            status="final",
        )


def _subject_id(number: str) -> str | None:
    return record_id("subject", ADAPTER, "MR", number) if number else None


def _instant(text: str) -> Instant:
    """Read a time; one without an offset is not of this protocol, and none is made up for it."""
    try:
        instant = Instant(value=text)
    except ValidationError:
        # Its text holds the value: it must not leave, nor be chained.
        raise MalformedInput("EXA-003") from None
    if instant.offset_minutes is None:
        raise MalformedInput("EXA-003")
    return instant


def _quantity(value: str, letter: str) -> Quantity:
    """Read a number as it was written: ``36.60`` says more than ``36.6``."""
    try:
        return Quantity.from_text(value).replace(unit=UNITS.get(letter), native_unit=Coding(code=letter))
    except InvalidRecord:
        raise MalformedInput("EXA-003") from None


def _integer(text: str) -> int:
    """Read a plain integer in its shortest form, so that writing it gives the same text."""
    digits = text.removeprefix("-")
    if not digits.isdigit() or len(digits) > 9 or str(int(text)) != text:
        raise MalformedInput("EXA-003")
    return int(text)
