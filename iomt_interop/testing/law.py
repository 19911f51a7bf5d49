"""What a law is: data about it, and a check that yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..plugins import Manifest
    from .corpus import Case
    from .kit import Kit

__all__ = ["Finding", "Law", "NotApplicable", "always", "reads", "writes"]


class NotApplicable(Exception):
    """The law cannot be tried here (no compiled kernels, no other adapter); the reason is its text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which an adapter breaks a law. Its text names places and counts, never a value of the input."""

    law: str
    case: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Law:
    """One law of the kit. Exactly one of ``each`` (tried on every case) and ``whole`` (tried once) is given."""

    id: str
    """``K1``, ``K2``, ..."""
    name: str
    """One word, the anchor of its page."""
    title: str
    checks: str
    """What it checks."""
    fails: str
    """How an adapter usually fails it."""
    mend: str
    """What to do about it."""
    claimed: Callable[[Manifest], str | None]
    """Return why the manifest's claims do not call for this law; ``None`` when they do."""
    each: Callable[[Kit, Case], Iterator[str]] | None = None
    whole: Callable[[Kit], Iterator[str]] | None = None


def always(_manifest: Manifest) -> str | None:
    """Call for a law whatever the manifest claims."""
    return None


def reads(manifest: Manifest) -> str | None:
    """Call for a law when the adapter reads."""
    return None if "read" in manifest.directions else "the manifest does not claim to read"


def writes(manifest: Manifest) -> str | None:
    """Call for a law when the adapter writes."""
    return None if "write" in manifest.directions else "the manifest does not claim to write"
