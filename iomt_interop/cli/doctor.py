"""``iomt doctor``: what works here, what does not, and what that means."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from rich.table import Table

from .. import __version__
from .._accel import KERNELS, implementation
from ..facade import adapters
from ..vault import self_test
from .common import printable, show_table

__all__ = ["EXTRAS", "Check", "checks", "show"]

_BASE: Final = ("pydantic", "lxml", "pydicom", "hl7apy", "fhir.resources", "cryptography", "typer", "rich")
EXTRAS: Final = (
    ("pyarrow", "columnar"),
    ("sqlalchemy", "postgres"),
    ("pyspark", "spark"),
    ("boto3", "kms"),
    ("hvac", "transit"),
    ("joserfc", "auth"),
    ("cedarpy", "cedar"),
)
"""A distribution of each extra that gives the library something more to do, and the extra."""


@dataclass
class Check:
    """One finding."""

    name: str
    ok: bool
    detail: str


def checks() -> list[Check]:
    """Run all checks."""
    return [
        Check("iomt_interop", True, __version__),
        Check("python", sys.version_info >= (3, 11), platform.python_version()),
        *_kernels(),
        *(_distribution(name) for name in _BASE),
        *(_extra(name, extra) for name, extra in EXTRAS),
        *(Check(f"adapter {info.id}", info.problem is None, info.problem or info.title) for info in adapters()),
        _vault(),
    ]


def show(found: list[Check]) -> None:
    """Print the checks as a table."""
    table = Table("check", "", "detail")
    for check in found:
        table.add_row(check.name, "ok" if check.ok else "FAILS", printable(check.detail))
    show_table(table)


def _kernels() -> list[Check]:
    served = implementation()
    notes = {"compiled": "compiled", "pure": "pure twin: correct but slow; install with a C compiler to compile it"}
    return [Check(f"kernel {name}", True, notes[served[name]]) for name in KERNELS]


def _distribution(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed; reinstall iomt_interop")


def _extra(name: str, extra: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, True, f"not installed; optional: pip install 'iomt_interop[{extra}]'")


def _vault() -> Check:
    ok = self_test()
    return Check("encryption", ok, "AES-256-GCM known answer" if ok else "the cipher does not give its known answer")
