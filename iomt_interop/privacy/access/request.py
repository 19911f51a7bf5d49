"""Who asks for what, and what for; an emergency that was declared and recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..vocabulary import ACT_REASON, Code
from .policy import Action
from .scopes import Scope

__all__ = ["Actor", "Emergency", "Request"]


@dataclass(frozen=True, slots=True, repr=False)
class Actor:
    """Whoever asks, as the access system knows them."""

    id: str
    """A name without meaning, for the audit trail."""
    roles: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    """By what consents call them and whom they belong to: ``Practitioner/1``, ``Organization/2``, ``Group/3``."""
    subject: str | None = None
    """Id of the canonical subject that they are themselves; ``None`` for everybody but patients."""
    client: str | None = None
    """The application that asks for them."""


@dataclass(frozen=True, slots=True, repr=False)
class Emergency:
    """A declaration that :meth:`Guard.break_glass <iomt_interop.privacy.access.Guard.break_glass>` took."""

    actor: str
    subject: str
    reason: str
    start: int
    end: int
    """UTC nanoseconds."""
    seal: bytes = field(default=b"", compare=True)
    """By which the guard knows that it took it."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One question: who, what for, what, when."""

    actor: Actor
    action: Action
    purpose: Code
    """System and code of the purpose of use."""
    at: int
    """When, in UTC nanoseconds; nothing here looks at a clock."""
    scopes: tuple[Scope, ...] | None = None
    """Scopes of the access token; ``None`` where there is none (a local user)."""
    scope_subject: str | None = None
    """Id of the canonical subject that ``patient/`` scopes are about."""
    emergency: Emergency | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, actor: Actor, action: Action, purpose: str, at: int, **more: object) -> Request:
        """Make a request for a purpose of HL7 v3 PurposeOfUse."""
        return cls(actor, action, (ACT_REASON, purpose), at, **more)  # type: ignore[arg-type]  # checked by the class

    def later(self, at: int) -> Request:
        """Return the same request at another time."""
        return replace(self, at=at)
