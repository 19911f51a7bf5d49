"""The one place where a stranger's code is called, and where whatever it raises becomes an error of ours.

A foreign exception may carry input values in its text, its arguments or its chain. It is replaced by an
:class:`~iomt_interop.errors.AdapterContractError` that names the adapter and the exception's class, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..errors import AdapterContractError, IomtError

__all__ = ["guarded"]

P = ParamSpec("P")
T = TypeVar("T")


def guarded(adapter_id: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an adapter's function.

    Raises
    ------
    IomtError
        As the adapter raised it.
    AdapterContractError
        ``ADP-006`` in place of any other exception, without its text and without its chain.
    """
    try:
        return function(*args, **kwargs)
    except IomtError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: see the module's text
        failure = type(error).__name__
    raise AdapterContractError("ADP-006", path=adapter_id, hint=failure)
