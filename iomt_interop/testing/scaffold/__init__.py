"""Write an installable adapter package for a device: a field table, a reader that walks it, samples, tests, CI.

What it writes passes the conformance kit as it stands, for an invented device. A vendor changes the table first.
"""

from __future__ import annotations

from .plan import FRAMINGS, MEDIA, Framing, Medium
from .write import generate

__all__ = ["FRAMINGS", "MEDIA", "Framing", "Medium", "generate"]
