"""What is written down of one operation, and the door it must have gone through before any data leave.

No field can hold what a patient said: they are codes, digests, opaque handles and counts, of narrow patterns. A
subject appears by the random handle that the store gave it, never by a record's id, which could be guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, Protocol, Self, runtime_checkable

from pydantic import Field, StringConstraints, ValidationError, field_validator

from ...model import Instant
from ...model.base import Model, model_error
from ...model.envelope import RecordKind

__all__ = [
    "AuditRecord",
    "AuditSink",
    "Digest",
    "Handle",
    "Operation",
    "Outcome",
    "Token",
    "record_all",
]

Operation = Literal[
    "create",
    "read",
    "search",
    "update",
    "delete",
    "execute",
    "erase",
    "export",
    "import",
    "disclose",
    "break-glass",
    "consent",
    "policy",
    "key",
]
"""What was done or asked for.

``export`` and ``disclose`` give data to a recipient; ``key`` is the rotation or destruction of one.
"""

Outcome = Literal["success", "denied", "failed"]

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#+@-]{0,127}$")]
"""A code or an opaque name: no blank, so that no sentence and no person's full name fits by accident."""
Handle = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
"""A subject's handle: hexadecimal digits that mean nothing outside the store."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
_Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$")]

_VERSION: Final = 1


class AuditRecord(Model):
    """One operation, allowed or not; exactly one of these is recorded for each.

    The fields follow what IHE BALP asks of an AuditEvent: who (user, client), what (operation, kinds, counts), why
    (purpose), what came of it, whose data, who got them, and under which policies.
    """

    version: Literal[1] = _VERSION
    time: _Time
    """When, to the second or finer, with offset; the caller says it."""
    operation: Operation
    outcome: Outcome
    actor: Token
    """The user, as the access system names them (not by their name)."""
    client: Token | None = None
    """The application that asked for them."""
    roles: tuple[Token, ...] = ()
    purpose: Token | None = None
    """A code of HL7 v3 PurposeOfUse (``TREAT``, ``ETREAT``, ``HRESCH``)."""
    reasons: tuple[Token, ...] = ()
    """Reason codes of the decision."""
    subjects: tuple[Handle, ...] = ()
    """Handles of everybody whose data were touched or asked for; none where the operation is about nobody."""
    kinds: tuple[RecordKind, ...] = ()
    """Kinds of the records that were touched."""
    records: Annotated[int, Field(ge=0)] = 0
    """How many records were released, stored or removed: none when denied."""
    recipient: Token | None = None
    """Id of the recipient in the register of agreements."""
    authorizer: Token | None = None
    """Who ordered a disclosure, where that is not the actor."""
    break_glass: bool = False
    labels: tuple[Token, ...] = ()
    """Security labels of what was touched (``R``, ``PSY``)."""
    parameters: tuple[Token, ...] = ()
    """Names of a search's parameters, never their values; or of what exactly was done."""
    request: Token | None = None
    """Id of the request (X-Request-Id), to find the same operation in other logs."""
    store: Token | None = None
    """The store, file or interface that the data came from or went to."""
    keys: tuple[Token, ...] = ()
    """Ids of the keys that the data are sealed with: what an exposed key could open."""
    policies: tuple[Digest, ...] = ()
    """Digests of the policies that decided."""
    consents: tuple[Digest, ...] = ()
    """Digests of the consents that decided."""

    @field_validator("time")
    @classmethod
    def _real(cls, value: str) -> str:
        datetime.fromisoformat(value.replace("Z", "+00:00")[:19])
        return value

    @property
    def utc_ns(self) -> int:
        """Nanoseconds since 1970 in UTC."""
        found = Instant(value=self.time).utc_ns
        assert found is not None  # the pattern asks for an offset
        return found

    def to_json(self) -> bytes:
        """Return the one text of this record: compact JSON, fields in order, what is at its default left out."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        InvalidRecord
            ``MDL-005`` when it is none.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise model_error(error) from None


@runtime_checkable
class AuditSink(Protocol):
    """Takes audit records; the guard calls it before it releases anything."""

    def record(self, event: AuditRecord, /) -> None:
        """Make the event durable, and only then return.

        Raises
        ------
        AuditUnavailable
            ``AUD-001`` when it cannot be made durable: then nothing may be released.
        """
        ...


def record_all(sink: AuditSink, events: Sequence[AuditRecord]) -> None:
    """Have a sink take several events of one operation; in one step, where it has a ``record_all`` of its own.

    When it takes the first and not the last of them, the operation does not take place: the trail then says too much
    and never too little.

    Raises
    ------
    AuditUnavailable
        ``AUD-001`` as :meth:`AuditSink.record` does.
    """
    together = getattr(sink, "record_all", None)
    if together is not None:
        together(events)
        return
    for event in events:
        sink.record(event)
