"""A message and its acknowledgements, seen by the sender; no socket, no clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import InvalidRequest
from ..wire import hl7v2, mllp
from ..wire.hl7v2.ack import CODES, Wants, wants

__all__ = ["Backoff", "Exchange", "Reply", "Until"]

Until = Literal["accept", "all"]
"""Which acknowledgement is waited for in enhanced mode: that of the commit, or the application's too."""

_POSITIVE: Final = frozenset({"AA", "CA"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a message that was sent."""

    control_id: str = field(repr=False)
    """MSH-10 of the message."""
    codes: tuple[str, ...]
    """MSA-1 of every acknowledgement that came, in order; none where the message asks for none."""
    conditions: tuple[str, ...] = ()
    """What was wrong, by table 0357: ERR-3.1, in older versions ERR-1.4 or MSA-6.1."""
    answers: tuple[bytes, ...] = field(default=(), repr=False)
    """The acknowledgements themselves."""
    committed: bool | None = None
    """What the commit octet of MLLP release 2 said, where one was awaited."""

    @property
    def accepted(self) -> bool:
        """Whether every answer was positive, and there was one."""
        said = [code in _POSITIVE for code in self.codes] + ([] if self.committed is None else [self.committed])
        return bool(said) and all(said)

    @property
    def refused(self) -> bool:
        """Whether an answer was negative; neither this nor accepted is a message that asks for no answer."""
        return self.committed is False or any(code not in _POSITIVE for code in self.codes)


class Exchange:
    """Waits for what a message asks for: by MSH-15 and MSH-16, or in original mode for the one answer.

    Parameters
    ----------
    payload : bytes
        The message.
    until : {"accept", "all"}
        Which acknowledgement ends the exchange.
    commit : bool
        Whether a commit octet is awaited first.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the message has no MSH-10, by which its acknowledgement could be known.
    NotRepresentable
        ``MLP-111`` when it does not fit a frame.
    """

    def __init__(self, payload: bytes, *, until: Until = "all", commit: bool = False) -> None:
        if until not in ("accept", "all"):
            raise InvalidRequest("USE-001", path="until", hint="'accept' or 'all'")
        message = hl7v2.parse(payload)
        header = message.segment("MSH")
        self.key = "" if header is None else header.field(10).text.strip()
        if not self.key:
            raise InvalidRequest(
                "USE-001", path="MSH-10", hint="without it no acknowledgement can be told from another"
            )
        self.frame = mllp.encode(payload)
        self._control_id = "" if header is None else message.decode(header.field(10).raw.strip())
        wanted = wants(message)
        self._awaited = _awaited(wanted, until)
        self._commit = commit
        self.begin()

    def __repr__(self) -> str:
        return f"Exchange({len(self.frame)} bytes, {len(self._answers)} answers)"

    def begin(self) -> None:
        """Forget what came, to send the message again."""
        self._codes: list[str] = []
        self._conditions: list[str] = []
        self._answers: list[bytes] = []
        self._committed: bool | None = None

    @property
    def awaits_commit(self) -> bool:
        """Whether the commit octet is still to come."""
        return self._commit and self._committed is None

    @property
    def finished(self) -> bool:
        """Whether nothing more is to come, or nothing that could make up for what came."""
        reply = self.reply
        return reply.refused or not (self.awaits_commit or self._awaited - {code[0] for code in self._codes})

    @property
    def reply(self) -> Reply:
        """What is known so far."""
        conditions, answers = tuple(self._conditions), tuple(self._answers)
        return Reply(self._control_id, tuple(self._codes), conditions, answers, self._committed)

    def commit(self, positive: bool) -> None:
        """Take a commit octet."""
        self._committed = positive

    def take(self, answer: hl7v2.Message) -> bool:
        """Take an acknowledgement; return whether it is one of this message."""
        if answered(answer) != self.key:
            return False
        code = answer.segment("MSA").field(1).text.strip()  # type: ignore[union-attr]  # answered() found it
        if code not in CODES:
            return False
        self._codes.append(code)
        self._answers.append(bytes(answer))
        self._conditions += [c for c in _conditions(answer) if c.isdigit()]
        return True


def answered(answer: hl7v2.Message) -> str | None:
    """Return MSA-2 as it reads, since the answer may have other delimiters; ``None`` for what is no acknowledgement."""
    segment = answer.segment("MSA")
    return None if segment is None else segment.field(2).text.strip()


def _awaited(wanted: Wants, until: Until) -> set[str]:
    """Return the first letters of the codes that are certain to come."""
    if not wanted.is_enhanced:
        return {"A"}
    certain = {"C"} if wanted.accept == "AL" else set()
    if wanted.application == "AL" and (until == "all" or not certain):
        certain.add("A")
    return certain


def _conditions(answer: hl7v2.Message) -> Iterator[str]:
    """Yield codes of table 0357: ERR-3, before version 2.5 those of ERR-1; without any ERR that of MSA-6."""
    without = True
    for segment in answer:
        if segment.id == "ERR":
            without = False
            if stated := segment.field(3)[1][1].text:
                yield stated
            else:
                yield from (repetition[4][1].text for repetition in segment.field(1))
    told = answer.segment("MSA") if without else None
    if told is not None:
        yield told.field(6)[1][1].text


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: the pauses grow, and chance keeps many senders from knocking all at once."""

    attempts: int = 5
    """How often a message is sent at most."""
    first: float = 0.2
    """Seconds before the second attempt."""
    factor: float = 2.0
    """By which each pause is longer than the one before."""
    longest: float = 30.0
    """Seconds that no pause exceeds."""
    jitter: float = 0.5
    """Share of a pause that chance may take away."""
    chance: Callable[[], float] = field(default=random.random, repr=False)
    """Gives numbers from 0 to 1."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise InvalidRequest("USE-001", path="backoff")

    def pauses(self) -> Iterator[float | None]:
        """Yield the pause after each attempt, ``None`` after the last."""
        pause = self.first
        for _ in range(self.attempts - 1):
            yield min(pause, self.longest) * (1 - self.jitter * self.chance())
            pause = min(pause * self.factor, self.longest)
        yield None
