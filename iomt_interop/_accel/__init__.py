"""The one place that chooses between compiled kernels and their pure twins.

``IOMT_INTEROP_ACCEL`` chooses at run time: ``auto`` (compiled where it was built), ``pure`` (the twins,
which are the readable specification), ``compiled`` (fail where a kernel is missing). Both give the same
values, the same exceptions and the same spans; ``tests/accel`` holds them to it.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Final

from ..errors import InvalidRequest

__all__ = ["IMPLEMENTATION", "KERNELS", "implementation", "load"]

KERNELS: Final = ("er7", "mder", "fhirjson", "document", "mould", "lines")
"""Every kernel: ``ext/<name>.pyx``, its twin ``_accel/<name>_py.py``."""

IMPLEMENTATION: Final[dict[str, str]] = {}
"""Which implementation serves each kernel that has been loaded."""


def load(name: str) -> ModuleType:
    """Return the module that serves a kernel, compiled or pure."""
    mode = os.environ.get("IOMT_INTEROP_ACCEL", "auto")
    if mode not in ("auto", "pure", "compiled"):
        raise InvalidRequest("USE-001", path="IOMT_INTEROP_ACCEL")
    if mode != "pure":
        try:
            module = import_module(f"{__name__}._{name}")
        except ModuleNotFoundError:
            if mode == "compiled":
                raise
        else:
            IMPLEMENTATION[name] = "compiled"
            return module
    IMPLEMENTATION[name] = "pure"
    return import_module(f"{__name__}.{name}_py")


def implementation() -> dict[str, str]:
    """Load every kernel and say which implementation serves it."""
    for name in KERNELS:
        load(name)
    return dict(IMPLEMENTATION)
