"""What events of the guard's are called, when they took place, and which of them are one operation's."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ..audit.sink import Operation
from .policy import Action
from .request import Request

__all__ = ["OPERATIONS", "iso", "numbered"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

OPERATIONS: Final[dict[Action, Operation]] = {
    "read": "read", "search": "search", "export": "export",
    "create": "create", "update": "update", "delete": "delete", "keep": "execute",
}  # fmt: skip


def numbered(request: Request, events: int) -> Request:
    """Return a request that has an id, where several events must be known as one operation's."""
    if events < 2 or request.request_id is not None:
        return request
    return replace(request, request_id=secrets.token_hex(8))


def iso(at: int) -> str:
    """Return an instant in UTC nanoseconds as the audit trail writes it."""
    seconds, nanoseconds = divmod(at, 10**9)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
