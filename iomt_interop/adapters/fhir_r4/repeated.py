"""The short way for devices and metrics, which every message tells again: text made once, filled in per record.

The text is that of the long way (:func:`.mapping.to_resources`) for a first record; what differs from message to
message (identity, source, references) are gaps in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ...model import Device, Metric, Record
from .enrich import enrich
from .envelope import Sources, is_canonical_id, is_own
from .fields import Emit
from .jsontext import dumps
from .mapping import to_resources
from .references import RESOURCES

__all__ = ["Repeated"]

_LIMIT: Final = 4096
"""Texts that are kept; when there are more all are dropped."""
_GAPS: Final = ("subject", "parent", "device")
_PLAIN: Final = frozenset({"labels", "extensions", "links", "consent"})
"""Fields that must be empty: what they say may be of the person or a loss."""
_GAP: Final = re.compile("\ue000([0-9])([A-Za-z]+)\ue001")
_OPEN: Final = "\ue000"


class _Text(NamedTuple):
    held: tuple[Any, ...]
    """What the key names by identity, to keep it alive."""
    parts: tuple[str, ...]
    """Text, field, type, text, field, type, ..., text."""


_texts: Final[dict[tuple[Any, ...], _Text | None]] = {}
"""``None`` for what has no short way."""


class Repeated:
    """Writes devices and metrics for one payload."""

    def __init__(self, e: Emit, sources: Sources) -> None:
        self._e, self._sources = e, sources

    def write(self, record: Record) -> str | None:
        """Return the resource's text, or None when the long way must be taken."""
        getters = _FIELDS.get(type(record))
        if getters is None or is_own(record) or not is_canonical_id(record.id):
            return None
        values = record.__dict__
        for name in _PLAIN:
            if values[name]:
                return None
        texts, others = getters
        held = others(values)
        subject, parent, device = values["subject"], values["parent"], values.get("device")
        gaps = (subject is None, parent is None, device is None, parent == device, subject == parent, subject == device)
        key = (type(record), gaps, texts(values), *map(id, held))
        found = _texts.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            if len(_texts) >= _LIMIT:
                _texts.clear()
            found = _texts[key] = _made(record, held, self._e.node_of)
        if found is None:
            return None
        reference, parts = self._e.reference, found.parts
        text = [f'{{"resourceType":"{RESOURCES[record.kind]}","id":"{record.id}","meta":{{"source":"']
        text += (self._sources.text(values["provenance"]), parts[0])
        for at in range(1, len(parts), 3):
            text += (reference(parts[at + 1], values[parts[at]]), parts[at + 2])
        return "".join(text)


_UNKNOWN: Final = _Text((), ())
_TEXTS: Final = frozenset({str, str | None})


_Getter = Callable[[Any], tuple[Any, ...]]


def _getters(model: type[Any]) -> tuple[_Getter, _Getter]:
    """Return what fetches the fields of plain text, and all others that a text follows from."""
    passed = {"id", "kind", "schema_version", "provenance", *_GAPS, *_PLAIN}
    fields = {name: field.annotation for name, field in model.model_fields.items() if name not in passed}
    texts = [name for name, annotation in fields.items() if annotation in _TEXTS]
    return itemgetter(*texts), itemgetter(*(name for name in fields if name not in texts))


_FIELDS: Final[dict[type[Any], tuple[_Getter, _Getter]]] = {model: _getters(model) for model in (Device, Metric)}


def _made(record: Any, held: tuple[Any, ...], node_of: Callable[[str], str | None]) -> _Text | None:
    """Return the text of a record on the long way, with its gaps; ``None`` when it loses anything."""
    gaps = _Gaps(record)
    e = Emit(reference=gaps.reference, node_of=node_of)
    trees = to_resources(enrich(record), e)
    if e.losses or len(trees) != 1 or not gaps.plain:
        return None
    text = dumps(trees[0])
    head = f'{{"resourceType":"{RESOURCES[record.kind]}","id":"{record.id}","meta":{{"source":"'
    source = Sources().text(record.provenance)
    if not text.startswith(head + source + '"'):
        return None
    parts = _GAP.split(text[len(head) + len(source) :])
    if any(_OPEN in part for part in parts):
        return None
    parts[1::3] = [_GAPS[int(number)] for number in parts[1::3]]
    return _Text(held, tuple(parts))


class _Gaps:
    """Writes gaps for references, and sees whether each is of one field of the record itself."""

    def __init__(self, record: Any) -> None:
        self._targets = [getattr(record, name, None) for name in _GAPS]
        self._seen: list[str] = []

    @property
    def plain(self) -> bool:
        """Whether the text refers to what its fields name, once each, and to nothing else."""
        return sorted(self._seen) == sorted(target for target in self._targets if target is not None)

    def reference(self, resource: str, target: str, /) -> str:
        """Return a gap; of two fields that name the same the first."""
        self._seen.append(target)
        number = self._targets.index(target) if target in self._targets else 0
        return f"\ue000{number}{resource}\ue001"
