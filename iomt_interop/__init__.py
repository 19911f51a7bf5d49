"""Translate medical device data through one canonical model, encrypted at rest.

>>> import iomt_interop as iomt
>>> [adapter.id for adapter in iomt.adapters()]
['example', 'fhir_r4', 'hl7v2_oru', 'hl7v2_pcd01', 'hl7v2_pcd04', 'ieee11073_phd']

The names below are loaded when they are first used: importing the package costs little and pulls in none of
pydicom, lxml, hl7apy, fhir.resources, pyarrow and cryptography.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .facade import adapters, read, sniff, translate, write
    from .model import Record
    from .plugins import Candidate, Evidence, Limits, Loss, ReadContext, Translation, WriteContext
    from .vault import Vault

__version__ = "0.1.0"

_HOMES: Final[dict[str, str]] = {
    "adapters": "facade",
    "read": "facade",
    "sniff": "facade",
    "translate": "facade",
    "write": "facade",
    "Candidate": "plugins",
    "Evidence": "plugins",
    "Limits": "plugins",
    "Loss": "plugins",
    "ReadContext": "plugins",
    "Translation": "plugins",
    "WriteContext": "plugins",
    "Record": "model",
    "Vault": "vault",
}

__all__ = [
    "Candidate",
    "Evidence",
    "Limits",
    "Loss",
    "ReadContext",
    "Record",
    "Translation",
    "Vault",
    "WriteContext",
    "__version__",
    "adapters",
    "read",
    "sniff",
    "translate",
    "write",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
