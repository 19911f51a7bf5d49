"""What in a record identifies a person, and where it must not be found (HIPAA 164.514(b)(2), direct identifiers)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Final

from ..model import (
    Actor,
    Address,
    Device,
    Encounter,
    Extension,
    Identifier,
    Location,
    Message,
    Note,
    Order,
    PersonName,
    Record,
    Residue,
    Subject,
    Telecom,
)
from ..model.base import Model

__all__ = ["MIN_LENGTH", "find_leaks", "identifying_values"]

MIN_LENGTH: Final = 4
"""Shorter texts occur in any bytes by chance."""

# Which fields of which part of a record identify. Codes, units and measured values do not.
_FIELDS: Final[dict[type[Model], tuple[str, ...]]] = {
    Identifier: ("value",),
    PersonName: ("family", "given", "text"),
    Address: ("lines", "city", "postal_code", "text"),
    Telecom: ("value",),
    Location: ("room", "bed", "description"),
    Actor: ("organization", "reference"),
    Note: ("text", "author"),
    Extension: ("value",),
    Subject: (),
    Encounter: (),
    Order: (),
    Device: ("serial", "names"),
    Message: ("control_id",),
}


def identifying_values(records: Iterable[Record]) -> Iterator[str]:
    """Yield every identifying text of the records that is long enough to be searched for.

    Names, identifiers, addresses, telecoms, birth dates as the source wrote them, places, device serials,
    notes, message control ids, and everything that was kept verbatim.
    """
    for record in records:
        found = list(_walk(record))
        if isinstance(record, Residue):
            found += record.raw.decode("utf-8", "replace").splitlines()
        if isinstance(record, Subject) and record.birth_date is not None:
            found.append(record.birth_date.native or record.birth_date.value)
        yield from (text for text in found if len(text) >= MIN_LENGTH)


def _walk(part: object) -> Iterator[str]:
    if isinstance(part, tuple):
        for item in part:
            yield from _walk(item)
    elif isinstance(part, Model):
        for name in _FIELDS.get(type(part), ()):
            yield from _texts(getattr(part, name))
        for name in part.model_fields_set:
            yield from _walk(getattr(part, name))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        yield from (item for item in value if isinstance(item, str))


def find_leaks(data: bytes, values: Iterable[str]) -> list[tuple[int, str]]:
    """Search bytes for texts in the encodings in which they could hide.

    Returns
    -------
    list of (int, str)
        Number of the text and the encoding; never the text itself.
    """
    folded = data.lower()
    return [
        (number, encoding)
        for number, value in enumerate(values)
        for encoding, needle in _encodings(value)
        if needle in (folded if encoding.startswith(("utf-8", "hex")) else data)
    ]


def _encodings(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode("utf-8", "surrogatepass")
    yield "utf-8", raw.lower()
    yield "hex", raw.hex().encode()
    for codec in ("utf-16-le", "utf-16-be"):
        yield codec, value.encode(codec, "surrogatepass")
    for shift in range(3):
        # Of a base64 text at another alignment the first and last characters depend on the neighbours.
        text = base64.b64encode(bytes(shift) + raw)
        middle = text[(0, 2, 3)[shift] : len(text) - 4]
        if len(middle) >= MIN_LENGTH:
            yield f"base64+{shift}", middle
