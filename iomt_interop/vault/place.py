"""Where a vault is: a file, or a schema of a PostgreSQL database that a URL names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..errors import InvalidRequest
from .backend import Backend
from .sqlite import SqliteBackend

if TYPE_CHECKING:
    from .postgres import PostgresBackend

__all__ = ["Place", "copy_to_url", "create_backend", "exists", "is_url", "open_backend"]

Place = str | os.PathLike[str]
"""A path, or a URL as text."""

_URL: Final = re.compile(r"postgres(ql)?(\+psycopg)?://")


def is_url(place: Place) -> bool:
    """Tell whether a vault's place is an address of PostgreSQL, not a path."""
    return isinstance(place, str) and _URL.match(place) is not None


def exists(place: Place) -> bool:
    """Tell whether something stands at a place.

    Raises
    ------
    StoreUnavailable
        ``SEC-012`` when the database cannot be asked.
    """
    return _postgres().exists(str(place)) if is_url(place) else os.path.exists(place)


def open_backend(place: Place, *, readonly: bool) -> Backend:
    """Open what keeps a vault."""
    if is_url(place):
        return _postgres()(str(place), readonly=readonly)
    return SqliteBackend(place, readonly=readonly)


def create_backend(place: Place, meta: Mapping[str, bytes]) -> Backend:
    """Make what keeps a vault, with its first named values."""
    if is_url(place):
        return _postgres().create(str(place), dict(meta))
    return SqliteBackend.create(place, dict(meta))


def copy_to_url(source: Backend, url: str) -> None:
    """Copy a store into a schema that is not there or has nothing.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when something stands there.
    """
    _postgres().create(url, {}, source=source).close()


def _postgres() -> type[PostgresBackend]:
    try:
        from .postgres import PostgresBackend  # noqa: PLC0415 - optional, and heavy
    except ImportError:
        raise InvalidRequest("USE-002", path="vault", hint="install iomt_interop[postgres]") from None
    return PostgresBackend
