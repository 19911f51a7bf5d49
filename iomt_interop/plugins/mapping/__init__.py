"""Declarative adapters: a JSON, CSV or XML source described by a TOML mapping alone, with no code.

:func:`make_factory` makes readers of a mapping, :func:`lint` checks one, :func:`explain` tells what one makes of a
sample.
"""

from __future__ import annotations

from .explain import Explanation, RowReport, explain
from .lint import Finding, Severity, lint
from .reader import make_factory
from .schema import parse_mapping

__all__ = ["Explanation", "Finding", "RowReport", "Severity", "explain", "lint", "make_factory", "parse_mapping"]
