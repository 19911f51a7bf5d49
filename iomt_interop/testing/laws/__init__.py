"""The laws, in their order; each module holds a few that belong together."""

from __future__ import annotations

from typing import Final

from ..law import Law
from .accounting import ACCOUNTING, MUTATION
from .detection import DETECTION, FOREIGN
from .goldens import GOLDENS, ROUND_TRIP
from .meaning import CANONICAL
from .output import WRITERS
from .package import ISOLATION, MANIFEST
from .secrecy import CANARIES, PHI
from .stream import CHUNKS, TOTALITY, TRUNCATION
from .worlds import DETERMINISM, THREADS, THROUGHPUT, TWINS

__all__ = ["LAWS"]

LAWS: Final[tuple[Law, ...]] = (
    MANIFEST,
    DETECTION,
    FOREIGN,
    CHUNKS,
    TOTALITY,
    TRUNCATION,
    MUTATION,
    ACCOUNTING,
    DETERMINISM,
    TWINS,
    THREADS,
    GOLDENS,
    ROUND_TRIP,
    CANONICAL,
    WRITERS,
    CANARIES,
    PHI,
    ISOLATION,
    THROUGHPUT,
)
