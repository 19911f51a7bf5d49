"""What an HL7 v2 source said beyond the model: put back into the place that its path names, where that is empty.

The reader keeps every leaf that no field of the model takes as an extension (``OBX(3)-13.2``). A record that is
written again has its extensions in its own segment; what stood in another place, and what came from another
format, is a loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from ...model import Extension
from ...model.envelope import Envelope
from ...wire.hl7v2.compose import fill, is_verbatim

__all__ = ["NAMESPACE", "is_own", "kept", "restore", "whole_segments"]

NAMESPACE: Final = "hl7v2"
_PATH: Final = re.compile(
    r"([A-Z][A-Z0-9]{2})\(([1-9]\d{0,5})\)(?:-([1-9]\d?)(?:\[([1-9]\d{0,2})\])?((?:\.[1-9]\d?){0,2}))?", re.ASCII
)
_NEVER: Final = {"MSH": frozenset({1, 2, 7, 9, 10, 12, 15, 16, 18}), "OBX": frozenset({4})}
"""Fields that the writer numbers and names itself: what the source had there says nothing of the new message."""


def _is_numbering(segment: str, number: int, name: str) -> bool:
    return (number == 1 and segment != "ORC") or (segment == name and number in _NEVER.get(name, ()))


def is_own(record: Envelope) -> bool:
    """Tell whether a record was read from HL7 v2, so that its native texts are texts of a message."""
    return record.provenance.adapter.startswith("hl7v2")


def kept(extensions: Iterable[Extension], name: str) -> list[tuple[int, tuple[int, ...], str]]:
    """Return what was kept of one field after another: number, steps below it, verbatim text."""
    found = []
    for extension in extensions:
        match = _PATH.fullmatch(extension.path) if extension.namespace == NAMESPACE else None
        if match is not None and match[1] == name and match[3] is not None:
            below = tuple(int(step) for step in match[5].split(".")[1:])
            steps = (int(match[4] or 1), *below) if match[4] or below else ()
            found.append((int(match[3]), steps, extension.value or ""))
    return found


def whole_segments(extensions: Iterable[Extension], name: str) -> list[str]:
    """Return the segments of a name that were kept whole."""
    return [
        extension.value
        for extension in extensions
        if extension.namespace == NAMESPACE
        and (match := _PATH.fullmatch(extension.path)) is not None
        and match[1] == name
        and match[3] is None
        and extension.value is not None
    ]


def restore(
    name: str, ordinal: str | None, fields: dict[int, str], extensions: Iterable[Extension], lost: Callable[[], None]
) -> None:
    """Put kept leaves back into composed fields.

    Parameters
    ----------
    name : str
        ``OBX``.
    ordinal : str or None
        Number of the record's segment in the source, as text; ``None`` takes any.
    fields : dict
        Composed fields by number; changed in place.
    extensions : iterable of Extension
        Of the record.
    lost : callable
        Called once for every extension that does not get its place back.
    """
    for extension in extensions:
        match = _PATH.fullmatch(extension.path) if extension.namespace == NAMESPACE else None
        if match is not None and match[3] and _is_numbering(match[1], int(match[3]), name):
            continue
        raw = extension.value or ""
        fits = match is not None and match[1] == name and ordinal in (None, match[2]) and match[3] is not None
        if match is None or not fits or not is_verbatim(raw):
            lost()
            continue
        if not raw:
            continue
        number, below = int(match[3]), tuple(int(step) for step in match[5].split(".")[1:])
        steps = (int(match[4] or 1), *below) if match[4] or below else ()
        filled = fill(fields.get(number, ""), steps, raw)
        if filled is not None:
            fields[number] = filled
        elif fields.get(number) != raw:
            lost()
