"""Batches of observations, for tests of what keeps them."""

from __future__ import annotations

from support.records import SPO2

from iomt_interop import model as m
from iomt_interop.model.batch import NO_INDEX, SPECIALS

__all__ = ["batch", "pulse", "resolved"]

PULSE = m.Concept(codings=(m.Coding(system="urn:iso:std:iso:11073:10101", code="149530"),), text="pulse")


def pulse(rows: int = 6, subject: str | None = "s", source: str = "ab", **fields: object) -> m.ObservationBatch:
    """Return plain rows: two numbers for each time, one of them without a value."""
    times = [
        m.Instant(value=f"2026-11-24T10:{n // 60 % 60:02d}:{n % 60:02d}", origin="device-clock")
        for n in range((rows + 1) // 2)
    ]
    return batch(
        [(n - 3, -(n % 3), 1 if n == 1 else 0, n % 2, n % 2, n // 2, 10 * n, 10 * n + 7) for n in range(rows)],
        codes=[SPO2, PULSE], units=[("%", None), (None, m.Coding(code="bpm"))], times=times,
        adapter="test", version="1", digest=source * 32, subject=subject, device="d", status="final", **fields,
    )  # fmt: skip


def batch(rows: list[tuple[int, ...]], **fields: object) -> m.ObservationBatch:
    """Return a batch of rows: mantissa, exponent, special, code, unit, time, start, stop."""
    made = m.ObservationBatch(**fields)  # type: ignore[arg-type]
    names = ("mantissa", "exponent", "special", "code", "unit", "time", "start", "stop")
    for row in rows:
        for name, value in zip(names, row, strict=True):
            getattr(made, name).append(value)
    return made


def resolved(found: m.ObservationBatch) -> tuple[object, ...]:
    """Return everything that a batch says, whatever numbers its tables give to what they hold."""
    digest = found.digest if isinstance(found.digest, str) else found.digest()
    own = (found.adapter, found.version, digest, found.base, found.subject, found.device, found.status)
    return own, [
        (
            found.mantissa[n], found.exponent[n], SPECIALS[found.special[n]], found.codes[found.code[n]],
            None if found.unit[n] == NO_INDEX else found.units[found.unit[n]],
            None if found.time[n] == NO_INDEX else found.times[found.time[n]],
            found.start[n], found.stop[n],
        )
        for n in range(len(found))
    ]  # fmt: skip
