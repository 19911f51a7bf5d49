"""What passes between a server and the caller who makes messages durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from ..errors import InputError, InvalidRequest, IomtError, LimitExceeded, ModelError, OutputError, UnsupportedVersion
from ..wire.hl7v2 import Message, ack
from ..wire.hl7v2.ack import AckError, Outcome

__all__ = ["ACCEPTED", "Compose", "Delivery", "Limits", "SameId", "Store", "Verdict", "verdict_of"]


class Delivery(NamedTuple):
    """A message that came in and waits for its acknowledgement."""

    message: bytes
    """Without the octets that framed it."""
    peer: str
    """Address of the sender; empty where it has none."""

    def __repr__(self) -> str:
        return f"Delivery({len(self.message)} bytes)"


class Compose(Protocol):
    """Makes the octets of an application's answer, as :func:`iomt_interop.wire.hl7v2.ack.acknowledge` does.

    :func:`~iomt_interop.wire.hl7v2.responses.give_answer` is one, and so is
    :func:`~iomt_interop.wire.hl7v2.responses.answer_query` with what was found
    (``partial(answer_query, status="OK", segments=...)``).
    """

    def __call__(
        self, message: Message, code: str, /, *, control_id: str, at: str, errors: Sequence[ack.AckError]
    ) -> bytes:
        """Return the answer, without the octets that frame it."""
        ...


class Verdict(NamedTuple):
    """What became of a message, and what the sender is told of it."""

    outcome: ack.Outcome
    errors: tuple[ack.AckError, ...] = ()
    answer: Compose | None = None
    """Makes the application's answer; an acknowledgement where there is none, or where it cannot be made (which is
    counted as ``failed``). That of the commit is never another."""


ACCEPTED: Final = Verdict(Outcome.ACCEPTED)

Store = Callable[[Sequence[Delivery]], Sequence[Verdict]]
"""Makes messages durable and returns a verdict for each. What it calls accepted is on the disk when it returns."""

SameId = Literal["refuse", "store"]
"""What to do with another message under a control id that came before: devices that restart count from 1 again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes; times are in seconds."""

    connections: int = 256
    """Connections at a time, those in their handshake included; more are closed at once."""
    message_bytes: int = 16 << 20
    """Longest message; a longer one is answered as an error."""
    queue_messages: int = 4096
    """Messages that wait for the store; beyond that nothing is read from any connection."""
    queue_bytes: int = 64 << 20
    """The same in octets."""
    batch_messages: int = 512
    """Messages that are given to the store at a time."""
    batch_bytes: int = 8 << 20
    """The same in octets; a single message may be longer."""
    stray_bytes: int = 65_536
    """Octets outside of messages, line ends aside, after which a connection is closed."""
    remembered: int = 16_384
    """Control ids of accepted messages that are remembered, to tell a repetition from another message."""
    handshake: float = 10.0
    """For the handshake of TLS."""
    message_time: float = 60.0
    """From the first octet of a message to its last, and for a peer that does not take its answers."""
    idle: float | None = 3600.0
    """Without a message; ``None`` for ever."""
    settle: float = 0.25
    """After which a message counts as whole whose sender left out the last octet of the frame."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InvalidRequest("USE-001", path=name, hint="a number above zero")


def verdict_of(error: IomtError) -> Verdict:
    """Return the verdict that an error means.

    What is wrong with the message is an error: sent again, it will be wrong again. What is wrong on this side is a
    rejection: the sender may try again; so is a version that is not taken (HL7 v2.8 ch. 2.9.2.2, MSH-12).
    """
    if not isinstance(error, InputError | ModelError | OutputError):
        return Verdict(Outcome.REJECTED, (AckError("207", application=error.code),))
    outcome, condition = Outcome.ERROR, "199"
    if isinstance(error, LimitExceeded):
        condition = "104"
    elif isinstance(error, UnsupportedVersion):
        outcome, condition = Outcome.REJECTED, "203"
    elif error.code == "HL7-101":
        condition = "100"
    with suppress(InvalidRequest):
        return Verdict(outcome, (AckError(condition, path=error.path, application=error.code),))
    return Verdict(outcome, (AckError(condition, application=error.code),))
