"""The short way for records that were cast from one mould: their text is made once, with gaps for what differs.

The text is that of the other ways for a record whose differing fields hold marks. A mould says which fields those
are (:func:`~iomt_interop.model.mould_of`), so nothing else of a record has to be looked at. The texts are kept by the
mould and live as long as it does; as in it, there is nothing in them of a person.
"""

from __future__ import annotations

import re
from functools import cache
from secrets import randbelow, token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..._accel import load
from ...model import (
    Device,
    Instant,
    Message,
    Metric,
    Mould,
    Observation,
    Provenance,
    Quantity,
    Time,
    mould_of,
)
from ...plugins import Loss
from .enrich import PERSONAL, enrich
from .envelope import Sources
from .fast import FastPath
from .fields import Emit
from .hold import Held, Hold
from .jsontext import dumps
from .mapping import to_resources
from .repeated import Repeated
from .scalars import DATE_TIME, fhir_id
from .tables import ADAPTER
from .visit import SENT

if TYPE_CHECKING:
    from ..._accel import fhirjson_py as kernel
else:
    kernel = load("fhirjson")

__all__ = ["Casts", "Told"]

_IDS: Final = {name: token_hex(16) for name in ("id", "subject", "encounter", "order")}
_ORIGIN: Final = Provenance(adapter="gap", version="1", digest=token_hex(16), span=(0, 1))
_CLOCK: Final = (f'"{token_hex(16)}"', f'"{token_hex(16)}"')
_NUMBER: Final = 10**17 + randbelow(9 * 10**17)
"""What stands in the gaps while a text is made: drawn anew by each process, so that no source can write it."""
_TOLD: Final = frozenset({"id", "provenance", "subject"})
_RESULT: Final = _TOLD | {"encounter", "order", "time", "value"}
_HEADER: Final = _TOLD | {"control_id", "sent"}
_AMOUNT: Final = frozenset({"mantissa", "exponent", "literal"})
"""What may differ."""

Given = tuple[str | None, ...]
_Key = tuple[Any, ...]
_Frame = tuple[Time | None, str | None, str | None, str | None]


class _Text(NamedTuple):
    """Text, gap, text, ..., text."""

    parts: list[str]
    """With the mark of each gap at its place."""
    gaps: tuple[int, ...]
    """Which of what is given belongs into each gap."""
    amount: Mould[Any] | None
    """What the value must have been cast from."""
    named: bool = True
    """Whether the id is a gap."""
    losses: tuple[tuple[str, str], ...] = ()
    """Path and reason of what FHIR cannot say."""


_UNKNOWN: Final = _Text([], (), None)


class _Context(NamedTuple):
    """What observations share."""

    key: _Key
    """Of their texts in the notes of their moulds."""
    personal: _Key
    """Of those of personal devices."""
    given: Given


_CONTROL: Final = token_hex(16)
_STAMP: Final = f"1901-02-03T04:05:06.{randbelow(10**9):09}Z"
_PLAIN: Final = re.compile(r"[!#-\[\]-~]{1,199}")
"""A text that FHIR and JSON write as it is."""
_HEADERS: Final[dict[bool, _Key]] = {nobody: (ADAPTER, "header", nobody) for nobody in (False, True)}
_PERSONS: Final[dict[bool, _Key]] = {nobody: (ADAPTER, nobody) for nobody in (False, True)}


@cache
def _keys(raw_status: bool, which: tuple[bool, ...]) -> tuple[_Key, _Key]:
    """Return the keys of texts of observations; the same objects each time, so that they are found at a glance."""
    return (ADAPTER, raw_status, which), (ADAPTER, raw_status, which, "personal")


class Told(NamedTuple):
    """What the records so far have told."""

    nodes: dict[str, str]
    """Node of each device."""
    orders: dict[str, tuple[Held, dict[str, None]]]
    """Orders whose observations are being written, with references to these."""
    nobody: set[str]
    """Subjects that are no patients."""
    excluded: set[str]
    """Those of them whose data are not written."""


class Casts:
    """Writes what was cast, for one payload outside a Bundle: there a reference ends in the id that it names."""

    own: Final = ADAPTER
    kinds: Final = (Observation, Device, Metric, Quantity)
    personal: Final = PERSONAL
    fresh: Final = Held
    """What the kernel asks for, which knows no model."""

    def __init__(self, e: Emit, ways: tuple[Sources, FastPath, Repeated], hold: Hold, known: Told) -> None:
        self._e, self.hold = e, hold
        self.sources, self._fast, self._repeated = ways
        self.nodes, self.orders, self.nobody, self.excluded = known
        self.person: tuple[str | None, _Key | None] = (None, _PERSONS[True])
        """Of the device or metric that was written last, with the key of its text in the notes of its mould."""
        self.frame: _Frame = (None, None, None, None)
        self.context: _Context | None = None
        """Of the observation that was written last."""

    def person_of(self, subject: str | None) -> tuple[str | None, _Key | None]:
        """Return :attr:`person` for a subject; without a key where FHIR does not allow its id."""
        if subject is not self.person[0]:
            self.person = (subject, _PERSONS[subject is None] if _fit(subject) else None)
        return self.person

    def look(self, values: dict[str, Any]) -> _Context | None:
        """Return :attr:`context` for the fields of an observation; None when it is unusual."""
        frame = (values["time"], values["subject"], values["encounter"], values["order"])
        if frame != self.frame:
            self.context = self._new_context(frame)
        self.frame = frame
        return self.context

    def told(self, record: Device | Metric) -> str | None:
        """Return the text of a device or metric; None when it must take another way."""
        mould = mould_of(record)
        if mould is None:
            return None
        values = record.__dict__
        identity, subject, provenance = values["id"], values["subject"], values["provenance"]
        key = self.person_of(subject)[1]
        if key is None or provenance.__dict__["adapter"] == ADAPTER:
            return None
        given = (identity, self.sources.text(provenance), subject)
        text = mould.notes.get(key, _UNKNOWN)
        if text is _UNKNOWN:
            text = mould.notes[key] = self._told(record, mould, given)
        if text is None or (text.named and not _fit(identity)):
            return None
        return kernel.filled(text.parts, text.gaps, given)

    def result(self, record: Observation) -> str | None:
        """Return the text of a plain number; None when it must take another way."""
        mould = mould_of(record)
        if mould is None:
            return None
        values = record.__dict__
        context, amount, provenance = self.look(values), values["value"], values["provenance"]
        if context is None or type(amount) is not Quantity or provenance.__dict__["adapter"] == ADAPTER:
            return None
        number, identity, device = amount.__dict__, values["id"], values["device"]
        if number["literal"] is not None or not _fit(identity):
            return None
        written = kernel.decimal_text(number["mantissa"], number["exponent"])
        given = (identity, self.sources.text(provenance), *context.given, written)
        personal = device is not None and self._e.node_of(device) in PERSONAL
        key = context.personal if personal else context.key
        text = mould.notes.get(key, _UNKNOWN)
        if text is _UNKNOWN:
            text = mould.notes[key] = self._result(record, mould, given)
        if text is None or mould_of(amount) is not text.amount:
            return None
        return kernel.filled(text.parts, text.gaps, given)

    def header(self, record: Message) -> str | None:
        """Return the text of a message's header; None when it must take another way."""
        mould = mould_of(record)
        values = record.__dict__
        control, sent, subject = values["control_id"], values["sent"], values["subject"]
        if mould is None or control is None or type(sent) is not Instant or not _PLAIN.fullmatch(control):
            return None
        if values["provenance"].__dict__["adapter"] == ADAPTER or not (_fit(values["id"]) and _fit(subject)):
            return None
        quiet = Emit(reference=self._e.reference, raw_status=self._e.raw_status)
        time = DATE_TIME.wrap(SENT, sent, quiet, "sent")
        given = (values["id"], self.sources.text(values["provenance"]), subject, control, dumps(time))
        key = _HEADERS[subject is None]
        text = mould.notes.get(key, _UNKNOWN)
        if text is _UNKNOWN:
            text = mould.notes[key] = self._header(record, mould, given)
        if text is None or quiet.losses:
            return None
        self._e.losses += [Loss(values["id"], "message", *lost) for lost in text.losses]
        return kernel.filled(text.parts, text.gaps, given)

    def _header(self, record: Message, mould: Mould[Any], given: Given) -> _Text | None:
        if mould.varied != _HEADER:
            return None
        stamp = Instant(value=_STAMP)
        marked = _marked(record, mould).replace(control_id=_CONTROL, sent=stamp)
        texts, losses = [], []
        for one in (marked, record):
            quiet = Emit(reference=self._e.reference, raw_status=self._e.raw_status)
            trees = to_resources(enrich(one), quiet)
            if len(trees) != 1:
                return None
            texts.append(dumps(trees[0]))
            losses.append(tuple((lost.path, lost.reason) for lost in quiet.losses))
        time = dumps(DATE_TIME.wrap(SENT, stamp, quiet, "sent"))
        marks = (_IDS["id"], self.sources.text(_ORIGIN), _IDS["subject"], _CONTROL, time)
        text = _checked(texts[0], marks, given, texts[1], None)
        return text if text is None or losses[0] != losses[1] else text._replace(losses=losses[0])

    def _new_context(self, frame: _Frame) -> _Context | None:
        """Return what observations share that have one time, person, encounter and order; ``None`` if it is unusual."""
        time, *ids = frame
        clock = self._fast.time(time) if type(time) is Instant else None
        if clock is None or not isinstance(time, Instant) or not all(map(_fit, ids)):
            return None
        which = (len(time.value) >= 10, clock[0] == "", clock[1] == "", *(one is None for one in ids))
        keys = _keys(self._e.raw_status, which)
        return _Context(*keys, (*ids, *clock))

    def _told(self, record: Any, mould: Mould[Any], given: Given) -> _Text | None:
        if not mould.varied <= _TOLD:
            return None
        text = self._repeated.write(_marked(record, mould))
        marks = (_IDS["id"], self.sources.text(_ORIGIN), _IDS["subject"])
        return _checked(text, marks, given, self._repeated.write(record), None)

    def _result(self, record: Any, mould: Mould[Any], given: Given) -> _Text | None:
        amount = mould_of(record.value)
        if amount is None or not (mould.varied <= _RESULT and amount.varied == _AMOUNT):
            return None
        number = amount.cast({"mantissa": _NUMBER, "exponent": 0, "literal": None})
        clock = (_CLOCK[0] if given[5] else "", _CLOCK[1] if given[6] else "")
        text = self._fast.write(_marked(record, mould, number), clock)
        marks = (_IDS["id"], self.sources.text(_ORIGIN), *(_IDS[n] for n in ("subject", "encounter", "order")))
        return _checked(text, (*marks, *clock, str(_NUMBER)), given, self._fast.write(record), amount)


def _fit(identity: str | None) -> bool:
    """Tell whether FHIR allows an id."""
    if identity is None:
        return True
    return (len(identity) == 32 and identity.isascii() and identity.isalnum()) or fhir_id(identity)


def _marked(record: Any, mould: Mould[Any], value: Quantity | None = None) -> Any:
    """Return a record with marks in the fields that may differ and are not empty."""
    marks = {**_IDS, "provenance": _ORIGIN} | ({} if value is None else {"value": value})
    now = {name: getattr(record, name) for name in mould.varied}
    return mould.cast({name: None if held is None else marks.get(name, held) for name, held in now.items()})


def _checked(
    text: str | None, marks: tuple[str, ...], given: Given, whole: str | None, amount: Mould[Any] | None
) -> _Text | None:
    """Return a text with gaps for marks; ``None`` unless it gives the whole text for what is given."""
    if text is None or whole is None or any(mark and mark in whole for mark in marks):
        return None
    parts = re.split("(" + "|".join(map(re.escape, filter(None, marks))) + ")", text)
    gaps = tuple(marks.index(mark) for mark in parts[1::2])
    if any(given[gap] is None for gap in gaps) or kernel.filled(parts, gaps, given) != whole:
        return None
    return _Text(parts, gaps, amount, 0 in gaps)
