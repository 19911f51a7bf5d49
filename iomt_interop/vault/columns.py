"""Batches of observations in a block: columns, with what many rows share in dictionaries of the block."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, islice, pairwise
from operator import add, sub
from struct import Struct
from struct import error as struct_error
from typing import Any, ClassVar, Final, NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ..errors import InvalidRecord, StoreDamaged
from ..model import Coding, Concept, Instant, ObservationBatch
from ..model.batch import NO_INDEX, SPECIALS
from ..model.observation import ObservationStatus
from .blocks import COLUMNS, fold, unfold
from .documents import BLOCK_BYTES, MAX_DOCUMENT, Pending
from .instants import Instants, split_instants, templates_from_json
from .planes import pack_columns, pack_texts, unpack_columns

__all__ = ["BatchDraft", "Dictionary", "PendingBatches", "open_batches"]

_TYPES: Final = {
    "mantissa": "q", "exponent": "b", "special": "B", "code": "I", "unit": "I", "time": "I", "start": "I", "stop": "I",
}  # fmt: skip
_STORED: Final = "qbBIIIqq"
"""Type codes of the stored columns: starts are differences from row to row, and lengths stand for the stops."""

_STATES: Final = frozenset(get_args(ObservationStatus))
_LENGTHS: Final = Struct(">III")
_MOST_WORDS: Final = 8192
_Unit = tuple[str | None, Coding | None]


@cache
def _codes() -> TypeAdapter[list[Concept]]:
    return TypeAdapter(list[Concept])


@cache
def _units() -> TypeAdapter[list[_Unit]]:
    return TypeAdapter(list[_Unit])


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """A batch on its way into a block, in one form whatever tables it shares with others.

    Attributes
    ----------
    source : tuple
        Adapter, version, digest, base, subject, device, status.
    rows, times : int
        Its rows, and the times that they name.
    codes, units, templates : tuple of bytes
        JSON of what its rows use, in the order of first use.
    columns : bytes
        Its columns.
    texts : tuple of bytes
        Which template each time is of, and the texts of the times.
    """

    source: tuple[Any, ...]
    rows: int
    times: int
    codes: tuple[bytes, ...] = field(repr=False)
    units: tuple[bytes, ...] = field(repr=False)
    templates: tuple[bytes, ...] = field(repr=False)
    columns: bytes = field(repr=False)
    texts: tuple[bytes, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Octets that it takes in a block."""
        return len(self.columns) + sum(map(len, self.texts)) + 256

    @property
    def identity(self) -> str:
        """What makes it the same batch: who read which octets."""
        adapter, _, digest, base, *_ = self.source
        return json.dumps([adapter, digest, base])

    def content(self) -> bytes:
        """Return what its digest is made of."""
        words = (*self.codes, b"", *self.units, b"", *self.templates, b"", *map(_lengthened, self.texts))
        return b"\n".join((json.dumps([self.rows, *self.source]).encode(), *words, self.columns))


class Dictionary:
    """JSON of codes and units, by the objects themselves: the same few come with every batch."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}

    def __repr__(self) -> str:
        return "Dictionary()"

    def draft(self, batch: ObservationBatch) -> BatchDraft:
        """Prepare a batch that has rows.

        Raises
        ------
        InvalidRecord
            ``MDL-005`` for columns of different lengths, of another type, or that name what there is not; for what
            JSON cannot give back, and for a batch that is too long to be stored.
        """
        _check(batch)
        code_order, code = _ranked(batch.code, len(batch.codes), optional=False)
        unit_order, unit = _ranked(batch.unit, len(batch.units))
        time_order, time = _ranked(batch.time, len(batch.times))
        start, stop = batch.start, batch.stop
        gaps = array("q", start[:1])
        gaps.extend(map(sub, islice(start, 1, None), start))
        lengths = array("q", map(sub, stop, start))
        digest = batch.digest if isinstance(batch.digest, str) else batch.digest()
        try:
            templates, kinds, texts = split_instants([batch.times[n] for n in time_order])
            draft = BatchDraft(
                source=(batch.adapter, batch.version, digest, batch.base, batch.subject, batch.device, batch.status),
                rows=len(batch),
                times=len(time_order),
                codes=self._words(batch.codes, code_order, _code_json),
                units=self._words(batch.units, unit_order, _unit_json),
                templates=templates,
                columns=pack_columns((batch.mantissa, batch.exponent, batch.special, code, unit, time, gaps, lengths)),
                texts=(b"" if len(templates) < 2 else pack_columns([kinds]), *map(pack_texts, texts)),
            )
            "".join(map(str, draft.source)).encode()
        except (PydanticSerializationError, UnicodeEncodeError):
            raise InvalidRecord("MDL-005", hint="a text holds half a surrogate pair") from None
        except AttributeError:
            raise InvalidRecord("MDL-005", path="times") from None
        if draft.size > MAX_DOCUMENT:
            raise InvalidRecord("MDL-005", hint="the batch is too long to be stored")
        return draft

    def _words(self, table: Sequence[Any], order: Sequence[int], write: Callable[[Any], bytes]) -> tuple[bytes, ...]:
        known = self._known
        with suppress(KeyError):
            return tuple([known[id(table[n])][1] for n in order])
        if len(known) >= _MOST_WORDS:
            known.clear()
        found = []
        for value in (table[n] for n in order):
            if id(value) not in known:
                # The object is kept with it: its number stays its own.
                known[id(value)] = value, write(value)
            found.append(known[id(value)][1])
        return tuple(found)


@dataclass(slots=True)
class PendingBatches(Pending):
    """A block of batches in the making."""

    kind: ClassVar[int] = COLUMNS
    purpose: ClassVar[bytes] = b"batch"
    drafts: list[BatchDraft] = field(default_factory=list, repr=False)

    def full(self, more: int) -> bool:
        """Tell whether a batch of this length belongs in the next block."""
        return bool(self.drafts) and self.size + more > BLOCK_BYTES

    def take(self, position: int, draft: BatchDraft) -> None:
        """Take a batch in."""
        self.positions.append(position)
        self.drafts.append(draft)
        self.size += draft.size
        self.rows += draft.rows

    def payload(self) -> bytes:
        """Return the plaintext of the block."""
        words: list[dict[bytes, int]] = [{}, {}, {}]
        told: list[tuple[Any, ...]] = []
        body: list[bytes] = []
        for position, draft in zip(self.positions, self.drafts, strict=True):
            used = [
                [known.setdefault(word, len(known)) for word in mine]
                for known, mine in zip(words, (draft.codes, draft.units, draft.templates), strict=True)
            ]
            parts = (draft.columns, *draft.texts)
            told.append((position, *draft.source, draft.rows, draft.times, *used, [len(part) for part in parts]))
            body += parts
        sections = [b"[" + b",".join(known) + b"]" for known in words]
        head = _LENGTHS.pack(*map(len, sections)) + b"".join(sections) + json.dumps(told).encode()
        return fold(head, body)


class _Told(NamedTuple):
    """What the head of a block says of one batch."""

    position: int
    adapter: str
    version: str
    digest: str
    base: int
    subject: str | None
    device: str | None
    status: ObservationStatus
    rows: int
    times: int
    codes: list[int]
    units: list[int]
    templates: list[int]
    lengths: list[int]


def open_batches(raw: bytes) -> list[tuple[int, ObservationBatch]]:
    """Return positions and batches of a block.

    Raises
    ------
    StoreDamaged
        ``SEC-004`` when it is not what :class:`PendingBatches` writes, ``SEC-005`` when its words are of another model.
    """
    head, body = unfold(raw)
    try:
        bounds = [*accumulate(_LENGTHS.unpack_from(head), initial=_LENGTHS.size), len(head)]
        codes, units, templates, told = (head[start:stop] for start, stop in pairwise(bounds))
        words = (_codes().validate_json(codes), _units().validate_json(units), templates_from_json(templates))
        return list(_batches([_Told(*entry) for entry in json.loads(told)], body, words))
    except ValidationError:
        raise StoreDamaged("SEC-005", hint="written by another version of the canonical model") from None
    except (struct_error, ValueError, TypeError, IndexError, OverflowError, RecursionError):
        raise StoreDamaged("SEC-004") from None


def _batches(
    told: Sequence[_Told], body: bytes, words: tuple[list[Concept], list[_Unit], list[Instant]]
) -> Iterator[tuple[int, ObservationBatch]]:
    codes, units, templates = words
    at = 0
    for one in told:
        bounds = [*accumulate(one.lengths, initial=at)]
        columns, kinds, *texts = (body[start:stop] for start, stop in pairwise(bounds))
        at = bounds[-1]
        mantissa, exponent, special, code, unit, time, gaps, lengths = unpack_columns(columns, _STORED, one.rows)
        start = array("I", accumulate(gaps))
        mine = [templates[n] for n in one.templates]
        yield one.position, ObservationBatch(
            one.adapter, one.version, one.digest, one.base, one.subject, one.device, one.status,
            [codes[n] for n in one.codes], [units[n] for n in one.units],
            Instants(one.times, mine, kinds, texts) if one.times else [],
            mantissa, exponent, special, code, unit, time, start, array("I", map(add, lengths, start)),
        )  # fmt: skip
    if at != len(body):
        raise StoreDamaged("SEC-004")


def _check(batch: ObservationBatch) -> None:
    """Refuse what could not be given back as records."""
    for name, code in _TYPES.items():
        column = getattr(batch, name)
        if not isinstance(column, array) or column.typecode != code or len(column) != len(batch):
            raise InvalidRecord("MDL-005", path=name, hint="columns of one length and of their types")
    if max(batch.special) >= len(SPECIALS):
        raise InvalidRecord("MDL-005", path="special")
    texts = (batch.adapter, batch.version, batch.device or "", batch.subject or "")
    if not all(isinstance(text, str) for text in texts) or batch.status not in _STATES or batch.base < 0:
        raise InvalidRecord("MDL-005", hint="the batch's own fields")


def _ranked(column: array[int], limit: int, *, optional: bool = True) -> tuple[list[int], array[int]]:
    """Return the distinct indexes in the order of first use, and the column with their places in that order."""
    used = dict.fromkeys(column)
    if optional:
        used.pop(NO_INDEX, None)
    order = list(used)
    if order and max(order) >= limit:
        raise InvalidRecord("MDL-005", hint="a column names what its table does not have")
    if order == list(range(len(order))):
        return order, column
    rank = {number: place for place, number in enumerate(order)} | ({NO_INDEX: NO_INDEX} if optional else {})
    return order, array("I", map(rank.__getitem__, column))


def _lengthened(text: bytes) -> bytes:
    return b"%d:" % len(text) + text


def _code_json(code: Concept) -> bytes:
    if not isinstance(code, Concept):
        raise InvalidRecord("MDL-005", path="codes")
    return code.model_dump_json(exclude_defaults=True).encode()


def _unit_json(unit: _Unit) -> bytes:
    try:
        return _units().dump_json([unit], exclude_defaults=True, warnings="error")[1:-1]
    except PydanticSerializationError:
        raise InvalidRecord("MDL-005", path="units") from None
