"""Strategies of canonical values, one function per class.

Every function takes the same options. ``identifying=False`` leaves out what identifies a person;
``printable=True`` keeps texts to printable characters; any other keyword is a strategy for the field of that
name, which is then always set::

    observations(code=st.just(SPO2), value=quantities(unit=st.just("%")))
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...model import (
    Absent,
    AttachmentValue,
    BitSetValue,
    BooleanValue,
    Channel,
    CodedValue,
    Coding,
    Component,
    Concept,
    Day,
    Extension,
    Identifier,
    Instant,
    Interval,
    PersonName,
    Provenance,
    Quality,
    Quantity,
    Range,
    Ratio,
    TextValue,
    Time,
    TimeOfDayValue,
    TimeValue,
    Value,
)
from ._derive import Flavour, derive
from ._text import KNOWN_CODINGS

__all__ = [
    "bit_sets",
    "channels",
    "codings",
    "components",
    "concepts",
    "days",
    "extensions",
    "identifiers",
    "instants",
    "periods",
    "person_names",
    "provenances",
    "qualities",
    "quantities",
    "ranges",
    "ratios",
    "times",
    "values",
]


def quantities(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Quantity]:
    """Generate :class:`~iomt_interop.model.Quantity`: an exact number with its unit in UCUM and the source's own."""
    return derive(Quantity, Flavour(identifying, printable), fields)


def ranges(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Range]:
    """Generate :class:`~iomt_interop.model.Range`: two limits in one unit, the lower first; either may be open."""
    return derive(Range, Flavour(identifying, printable), fields)


def ratios(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Ratio]:
    """Generate :class:`~iomt_interop.model.Ratio`: a proportion of two quantities."""
    return derive(Ratio, Flavour(identifying, printable), fields)


def codings(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Coding]:
    """Generate :class:`~iomt_interop.model.Coding`: codes that real devices send, and any others."""
    made = derive(Coding, Flavour(identifying, printable), fields)
    return made if fields else st.sampled_from(KNOWN_CODINGS) | made


def concepts(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Concept]:
    """Generate :class:`~iomt_interop.model.Concept`: one meaning in one or more codings."""
    return derive(Concept, Flavour(identifying, printable), fields)


def identifiers(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Identifier]:
    """Generate :class:`~iomt_interop.model.Identifier`: an identifier with its authority and type."""
    return derive(Identifier, Flavour(identifying, printable), fields)


def extensions(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Extension]:
    """Generate :class:`~iomt_interop.model.Extension`: a source element kept verbatim."""
    return derive(Extension, Flavour(identifying, printable), fields)


def provenances(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Provenance]:
    """Generate :class:`~iomt_interop.model.Provenance`: where a record came from."""
    return derive(Provenance, Flavour(identifying, printable), fields)


def qualities(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Quality]:
    """Generate :class:`~iomt_interop.model.Quality`: how far a value can be trusted; flags in the model's order."""
    return derive(Quality, Flavour(identifying, printable), fields)


def instants(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Instant]:
    """Generate :class:`~iomt_interop.model.Instant`: a point in time of any precision, with an offset or without."""
    return derive(Instant, Flavour(identifying, printable), fields)


def periods(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Interval]:
    """Generate :class:`~iomt_interop.model.Interval`: a stretch of time, the earlier end first; either may be open."""
    return derive(Interval, Flavour(identifying, printable), fields)


def days(*, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]) -> SearchStrategy[Day]:
    """Generate :class:`~iomt_interop.model.Day`: a calendar day, month or year."""
    return derive(Day, Flavour(identifying, printable), fields)


def bit_sets(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[BitSetValue]:
    """Generate :class:`~iomt_interop.model.BitSetValue`: a bit string of 8 to 64 bits that fit its width."""
    return derive(BitSetValue, Flavour(identifying, printable), fields)


def channels(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Channel]:
    """Generate :class:`~iomt_interop.model.Channel`: one signal of a waveform."""
    return derive(Channel, Flavour(identifying, printable), fields)


def person_names(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[PersonName]:
    """Generate :class:`~iomt_interop.model.PersonName`: a person's name in its parts."""
    return derive(PersonName, Flavour(identifying, printable), fields)


def components(
    *, identifying: bool = True, printable: bool = False, **fields: SearchStrategy[Any]
) -> SearchStrategy[Component]:
    """Generate :class:`~iomt_interop.model.Component`: one part of a compound observation."""
    return derive(Component, Flavour(identifying, printable), fields)


def times(*, identifying: bool = True, printable: bool = False) -> SearchStrategy[Time]:
    """Generate a time of each of the three kinds: instant, interval, day."""
    flavour = Flavour(identifying, printable)
    return st.one_of(derive(Instant, flavour), derive(Interval, flavour), derive(Day, flavour))


def values(*, identifying: bool = True, printable: bool = False) -> SearchStrategy[Value]:
    """Generate the value of an observation, of each of the eleven kinds."""
    flavour = Flavour(identifying, printable)
    return st.one_of([derive(cls, flavour) for cls in _VALUES])


_VALUES = (
    Quantity,
    CodedValue,
    BitSetValue,
    TextValue,
    BooleanValue,
    TimeValue,
    TimeOfDayValue,
    Range,
    Ratio,
    AttachmentValue,
    Absent,
)
