"""One message that came in several: DSC, ADD and the continuation pointer (HL7 v2.8 ch. 2.10.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ...errors import LimitExceeded
from .message import Diagnostic, Message, Segment
from .parse import MAX_MESSAGE, parse

__all__ = ["Joiner", "join_continued"]

_LOST: Final = "HL7-122"


@dataclass(slots=True)
class _Waiting:
    """What has come of a message, without its DSC, and whether its last segment goes on."""

    first: Message
    octets: bytes
    closing: bytes
    """What was taken off its end, in case nothing more comes."""


def join_continued(messages: Iterable[Message], *, max_message: int = MAX_MESSAGE) -> Iterator[Message]:
    r"""Join fragments to the messages that their sender meant; all other messages pass.

    A message whose last segment is DSC with a pointer is continued by the message whose MSH-14 holds that pointer;
    others may come between. The header of the first fragment stays; those of the others, the DSC and the ADD are
    taken out. What stands behind ``ADD|`` continues the segment where it stopped, so fields and texts may be cut
    anywhere. An interactive continuation (DSC-2 ``I``: of a query's answer) is none.

    Parameters
    ----------
    messages : iterable of Message
        In the order of their arrival, for instance from :func:`iter_messages`.
    max_message : int, optional
        Longest message in octets, and the most that may wait altogether.

    Yields
    ------
    Message
        A joined message when its last fragment has come; its spans count on from where its first one begins. Fragments
        whose continuation never came, or whose beginning is not known, come as far as they are known, with ``HL7-122``.

    Raises
    ------
    LimitExceeded
        ``HL7-120`` when more waits than may.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> first = hl7v2.parse("MSH|^~\\&|A\rOBX|1|FT|||a long \rADD|\rDSC|p1|F\r")
    >>> second = hl7v2.parse("MSH|^~\\&|A|||||||||||p1\rADD|text|mg\rNTE|1\r")
    >>> [bytes(message) for message in hl7v2.join_continued([first, second])]
    [b'MSH|^~\\&|A\rOBX|1|FT|||a long text|mg\rNTE|1\r']
    """
    joiner = Joiner(max_message=max_message)
    for message in messages:
        yield from joiner.take(message)
    yield from joiner.finish()


class Joiner:
    """Joins fragments as they come, for whoever is given messages one by one; as :func:`join_continued` does.

    Parameters
    ----------
    max_message : int, optional
        Longest message in octets, and the most that may wait altogether.
    """

    def __init__(self, *, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._waiting: dict[bytes, _Waiting] = {}

    def __repr__(self) -> str:
        return f"Joiner({len(self._waiting)} messages waiting)"

    def take(self, message: Message) -> list[Message]:
        """Take a message or a fragment and return the messages that are now whole, or are given up.

        Raises
        ------
        LimitExceeded
            ``HL7-120`` when more waits than may.
        """
        pointer, next_pointer = _pointer(message), _next(message)
        if not pointer and not next_pointer:
            return [message]
        before = self._waiting.get(pointer) if pointer else None
        if before is not None and (message.delimiters != before.first.delimiters or message.wide):
            before = None
        elif before is not None:
            del self._waiting[pointer]
        if pointer and before is None:
            message.doubt([Diagnostic(_LOST, path="MSH-14")])
            if not next_pointer:
                return [message]
        piece = _piece(message, before)
        if not next_pointer:
            return [parse(piece.octets, max_message=self._max, origin=piece.first.origin)]
        lost = self._waiting.pop(next_pointer, None)
        self._waiting[next_pointer] = piece
        if sum(len(each.octets) for each in self._waiting.values()) > self._max:
            raise LimitExceeded("HL7-120", path="DSC-1")
        return [] if lost is None else [_given_up(lost)]

    def finish(self) -> list[Message]:
        """End the stream and return what waits in vain."""
        found = [_given_up(each) for each in self._waiting.values()]
        self._waiting.clear()
        return found


def _given_up(each: _Waiting) -> Message:
    message = parse(each.octets + each.closing, origin=each.first.origin)
    message.doubt([Diagnostic(_LOST, path="DSC-1")])
    return message


def _pointer(message: Message) -> bytes:
    """Return MSH-14."""
    if not len(message):
        return b""
    header = message.at(0)
    return header.field(14).raw if header.id == "MSH" else b""


def _next(message: Message) -> bytes:
    """Return DSC-1 of a fragment that is continued."""
    if len(message) < 2 or message.wide:
        return b""
    last = message.at(len(message) - 1)
    if last.id != "DSC" or last.field(2).raw == b"I":
        return b""
    pointer = last.field(1).raw
    return b"" if pointer == b'""' else pointer


def _piece(message: Message, before: _Waiting | None) -> _Waiting:
    """Add a fragment to what has come before it."""
    data, count = message.data, len(message)
    last = message.at(count - 1)
    closing = b""
    if last.id == "DSC":
        end = last.start
        marker = message.at(count - 2)
        # An ADD without fields says that the segment before it goes on; the first one is that segment's own rest.
        if marker.ordinal > (before is not None) and bytes(marker) in (b"ADD", b"ADD" + message.delimiters.field):
            end = marker.start
        closing = data[end : last.stop] + b"\r"
    else:
        end = _behind(data, last)
    if before is None:
        return _Waiting(message, data[message.at(0).start : end], closing)
    octets, start = before.octets, end
    if count > 1:
        first = message.at(1)
        start = first.start
        if first.id == "ADD" and start < end:
            octets = _without_end(octets)
            start += min(3 + len(message.delimiters.field), len(bytes(first)))
    return _Waiting(before.first, octets + data[start:end], closing)


def _without_end(octets: bytes) -> bytes:
    """Take one terminator off."""
    for end in (b"\r\n", b"\r", b"\n"):
        if octets.endswith(end):
            return octets.removesuffix(end)
    return octets


def _behind(data: bytes, last: Segment) -> int:
    """Return where the terminator of the last segment ends."""
    stop = last.stop
    while stop < len(data) and data[stop] in b"\r\n":
        stop += 1
    return stop
