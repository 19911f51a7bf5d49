"""Hypothesis strategies of canonical records: valid by construction, composable, quick to shrink.

Hypothesis is an optional dependency (``pip install "iomt_interop[test]"``); nothing else of the kit needs it::

    from hypothesis import given
    from iomt_interop.testing import strategies as records

    @given(records.batches())
    def test_the_writer_takes_everything(batch):
        iomt.write(batch, to="acme_x200")

The strategies are derived from the model's own fields, so that a field which the model gains is generated at
once. What the types do not say (that a waveform's octets fit its samples, that a range's low end is the lower
one) is kept by tables.
"""

from __future__ import annotations

from ._numbers import numbers
from ._text import digests, ids, spans, texts
from .batches import REFERENCES, batches
from .records import (
    KINDS,
    alerts,
    associations,
    clock_syncs,
    devices,
    documents,
    encounters,
    events,
    issues,
    messages,
    metrics,
    observations,
    orders,
    records,
    residues,
    sessions,
    settings,
    studies,
    subjects,
    waveforms,
)
from .values import (
    bit_sets,
    channels,
    codings,
    components,
    concepts,
    days,
    extensions,
    identifiers,
    instants,
    periods,
    person_names,
    provenances,
    qualities,
    quantities,
    ranges,
    ratios,
    times,
    values,
)

__all__ = [
    "KINDS",
    "REFERENCES",
    "alerts",
    "associations",
    "batches",
    "bit_sets",
    "channels",
    "clock_syncs",
    "codings",
    "components",
    "concepts",
    "days",
    "devices",
    "digests",
    "documents",
    "encounters",
    "events",
    "extensions",
    "identifiers",
    "ids",
    "instants",
    "issues",
    "messages",
    "metrics",
    "numbers",
    "observations",
    "orders",
    "periods",
    "person_names",
    "provenances",
    "qualities",
    "quantities",
    "ranges",
    "ratios",
    "records",
    "residues",
    "sessions",
    "settings",
    "spans",
    "studies",
    "subjects",
    "texts",
    "times",
    "values",
    "waveforms",
]
