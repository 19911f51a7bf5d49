"""Coherent lists of records: one person, the devices, what they measured; every reference resolves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...model import Record, record_id
from ...model.base import Model
from ...model.envelope import RecordKind
from ._derive import Flavour, derive
from .records import KINDS

__all__ = ["REFERENCES", "batches"]

M = TypeVar("M", bound=Model)

REFERENCES: Final[Mapping[str, RecordKind | None]] = {
    "device": "device",
    "gateway": "device",
    "parent": "device",
    "devices": "device",
    "metric": "metric",
    "source_metric": "metric",
    "encounter": "encounter",
    "order": "order",
    "clock_sync": "clock_sync",
    "target": None,
}
"""Fields that hold another record's id, and of which kind that record is (``None``: of any)."""

_CONTEXT: Final[tuple[tuple[RecordKind, int, int], ...]] = (
    ("message", 0, 1),
    ("encounter", 0, 1),
    ("device", 1, 3),
    ("order", 0, 1),
    ("clock_sync", 0, 1),
    ("metric", 0, 2),
    ("association", 0, 1),
)
"""What stands before the measurements, in an order in which every reference points back: kind, fewest, most."""

_CONTENT: Final[tuple[RecordKind, ...]] = (
    "observation", "waveform", "alert", "setting", "event", "session", "study", "document",
)  # fmt: skip

_OF_NOBODY: Final = frozenset({"message", "device", "metric", "clock_sync"})
"""Kinds that need not be of a person."""


@st.composite
def batches(draw: DrawFn, *, identifying: bool = True, printable: bool = False, max_content: int = 4) -> list[Record]:
    """Draw a list of records that belong together, as a reader gives them.

    A subject, its context (message, encounter, order), a tree of devices with their metrics and clock, and
    measurements, alerts and documents. Ids are unique within the list, every reference names a record that
    stands earlier in it, and what is clinical is of the subject.

    Parameters
    ----------
    identifying, printable : bool
        As in :func:`~iomt_interop.testing.strategies.records`.
    max_content : int
        The most records beside the subject and the context.
    """
    flavour = Flavour(identifying, printable)
    salt = draw(st.integers(0, 2**32 - 1))
    subject = _new(draw, "subject", record_id("batch", salt, "subject"), flavour)
    found: list[Record] = [_resolved(subject.replace(links=()), {}, subject.id)]
    kinds = [kind for kind, least, most in _CONTEXT for _ in range(draw(st.integers(least, most)))]
    kinds += draw(st.lists(st.sampled_from(_CONTENT), max_size=max_content))
    known: dict[RecordKind | None, list[str]] = {None: [subject.id]}
    for number, kind in enumerate(kinds):
        record = _resolved(_new(draw, kind, record_id("batch", salt, number), flavour), known, subject.id)
        found.append(record)
        known.setdefault(kind, []).append(record.id)
        known[None].append(record.id)
    return found


def _new(draw: DrawFn, kind: RecordKind, name: str, flavour: Flavour) -> Record:
    made: SearchStrategy[Any] = derive(KINDS[kind], flavour)
    record: Record = draw(made)
    return record.replace(id=name)


def _resolved(record: Record, known: Mapping[RecordKind | None, Sequence[str]], subject: str) -> Record:
    """Point every reference of a record at one of the known records, or at none."""
    record = _rewired(record, known)
    if record.kind == "subject":
        return record.replace(subject=None)
    anonymous = record.kind in _OF_NOBODY and record.subject is None
    return record if anonymous else record.replace(subject=subject)


def _rewired(part: M, known: Mapping[RecordKind | None, Sequence[str]]) -> M:
    changes: dict[str, Any] = {}
    for name in part.model_fields_set:
        value = getattr(part, name)
        new = _reference(name, value, known) if name in REFERENCES else _inner(value, known)
        if new is not value:
            changes[name] = new
    return part.replace(**changes) if changes else part


def _inner(value: Any, known: Mapping[RecordKind | None, Sequence[str]]) -> Any:
    if isinstance(value, Model):
        return _rewired(value, known)
    if isinstance(value, tuple):
        items = tuple(_inner(item, known) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _reference(name: str, value: Any, known: Mapping[RecordKind | None, Sequence[str]]) -> Any:
    """Choose a target by the drawn id, so that nothing more is drawn and a shrunken id means the first one."""
    targets = known.get(REFERENCES[name], ())
    if isinstance(value, str):
        return targets[int(value, 16) % len(targets)] if targets else None
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return tuple(dict.fromkeys(targets[int(item, 16) % len(targets)] for item in value)) if targets else ()
    return _inner(value, known)
