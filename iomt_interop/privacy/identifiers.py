"""What in a record identifies a person, and where it must not be found (HIPAA 164.514(b)(2), direct identifiers)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from ..model import (
    Account,
    Actor,
    Address,
    CareTeam,
    Device,
    DeviceAssociation,
    Encounter,
    Extension,
    Identifier,
    Instant,
    Location,
    Message,
    Note,
    Order,
    Organization,
    PersonName,
    Record,
    Residue,
    Subject,
    Telecom,
    Udi,
)
from ..model.base import Model

__all__ = ["MIN_LENGTH", "find_leaks", "identifying_values"]

MIN_LENGTH: Final = 4
"""Shorter texts occur in any bytes by chance; so do numbers of so few digits."""

_MIN_FOLDED: Final = 6
"""A shorter text is searched for as it is written: in another case, too, it would occur by chance."""

_GRAM: Final = 4

# Which fields of which part of a record identify. Codes, units and measured values do not.
_FIELDS: Final[dict[type[Model], tuple[str, ...]]] = {
    Identifier: ("value", "facility"),
    PersonName: ("family", "own_name", "partner_name", "given", "text"),
    Address: ("lines", "city", "district", "postal_code", "text"),
    Telecom: ("value",),
    Location: ("room", "bed", "description"),
    Actor: ("organization", "reference"),
    Organization: ("name",),
    Account: ("name",),
    CareTeam: ("name",),
    Note: ("text", "author"),
    Extension: ("value",),
    Subject: (),
    Encounter: (),
    Order: (),
    Device: ("serial", "names"),
    DeviceAssociation: ("native_person",),
    Udi: ("serial", "carrier_hrf", "carrier_aidc"),
    Message: ("control_id",),
}


def identifying_values(records: Iterable[Record]) -> Iterator[str]:
    """Yield every identifying text of the records that is long enough to be searched for.

    Names, identifiers, addresses, telecoms, dates of birth and death as the source wrote them, places, device serials,
    notes, message control ids, and everything that was kept verbatim.
    """
    for record in records:
        found = list(_walk(record))
        if isinstance(record, Residue):
            found += record.raw.decode("utf-8", "replace").splitlines()
        if isinstance(record, Subject):
            dates = (record.birth_date, record.deceased)
            found += [date.native or date.value for date in dates if isinstance(date, Instant)]
        yield from filter(_searchable, found)


def _searchable(text: str) -> bool:
    return len(text) > MIN_LENGTH if text.isdigit() else len(text) >= MIN_LENGTH


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
    grams = _grams(folded)
    found = []
    for number, value in enumerate(values):
        for encoding, needle, fold in _encodings(value):
            # The set of all runs of four octets tells for nearly every needle that it is not there.
            first = int.from_bytes(needle[:_GRAM].lower(), sys.byteorder)
            if (len(needle) < _GRAM or first in grams) and needle in (folded if fold else data):
                found.append((number, encoding))
    return found


def _grams(data: bytes) -> set[int]:
    """Return all runs of four octets as numbers."""
    found: set[int] = set()
    for start in range(_GRAM):
        whole = len(data) - (len(data) - start) % _GRAM
        if whole > start:
            found.update(memoryview(data)[start:whole].cast("I"))
    return found


def _encodings(value: str) -> Iterator[tuple[str, bytes, bool]]:
    """Yield name, octets, and whether they are in lower case and to be found in any."""
    raw = value.encode("utf-8", "surrogatepass")
    fold = len(raw) >= _MIN_FOLDED
    yield "utf-8", raw.lower() if fold else raw, fold
    yield "hex", raw.hex().encode(), True
    if not value.isascii() and max(value) <= "\xff":
        # As a message in ISO 8859-1 holds it.
        yield "latin-1", value.encode("latin-1"), False
    for codec in ("utf-16-le", "utf-16-be"):
        yield codec, value.encode(codec, "surrogatepass"), False
    for shift in range(3):
        # Of a base64 text at another alignment the first and last characters depend on the neighbours.
        text = base64.b64encode(bytes(shift) + raw)
        middle = text[(0, 2, 3)[shift] : 8 * (shift + len(raw)) // 6]
        if len(middle) >= MIN_LENGTH:
            yield f"base64+{shift}", middle, False
