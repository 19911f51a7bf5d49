"""One folder per format: wire structures to canonical records and back. No adapter imports another.

``iomt_interop.adapters`` is two things by its name: this package, and the facade's function that lists the installed
adapters. Python binds the package under that name as soon as an adapter is imported, so the package itself can be
called and lists them too.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__all__: list[str] = []


class _Callable(ModuleType):
    """A package that answers ``iomt_interop.adapters()``."""

    def __call__(self, **options: Any) -> Any:
        return import_module("iomt_interop.facade").adapters(**options)


sys.modules[__name__].__class__ = _Callable
