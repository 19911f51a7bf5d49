"""APDUs as such: who associated, released or aborted, which operation was invoked, and what it said besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Final

from ...model import CodedValue, Event, Extension, Message
from ...wire.phd import apdu as wire
from ...wire.phd.attributes import Attribute
from ...wire.phd.operations import ActionCall, EventReport
from .concepts import PROTOCOL, name, native
from .emit import Frame, extension
from .tables import ABORT_REASONS, ASSOCIATION_RESULTS, OPERATIONS, RELEASE_REASONS

__all__ = ["event", "message"]

_RECORDS: Final = frozenset({"objects", "persons", "entries", "span", "form", "multi_person", "reply"})
"""Parts of an APDU that become records of their own, or that its type says already."""

_EVENTS: Final[dict[int, tuple[str, str, dict[int, str]]]] = {
    wire.AARQ: ("AARQ", "association request", {}),
    wire.AARE: ("AARE", "association response", ASSOCIATION_RESULTS),
    wire.RLRQ: ("RLRQ", "release request", RELEASE_REASONS),
    wire.RLRE: ("RLRE", "release response", RELEASE_REASONS),
    wire.ABRT: ("ABRT", "abort", ABORT_REASONS),
}
"""APDU to its code, its name and the names of its results or reasons."""


def event(frame: Frame, apdu: wire.Aarq | wire.Aare | wire.Release) -> Event:
    """Return an association, its answer, a release or an abort as an event, the reason as its value."""
    choice = apdu.choice if isinstance(apdu, wire.Release) else wire.AARQ if isinstance(apdu, wire.Aarq) else wire.AARE
    code, title, reasons = _EVENTS[choice]
    reason = apdu.reason if isinstance(apdu, wire.Release) else apdu.result if isinstance(apdu, wire.Aare) else None
    value = None if reason is None else native(str(reason), reasons.get(reason, "reserved"))
    return Event(
        id=frame.id("event", frame.span),
        provenance=frame.origin(frame.span, code),
        code=native(code, title),
        value=None if value is None else CodedValue(concepts=(value,)),
        device=frame.device,
        extensions=tuple(_leaves(apdu, code, skip=frozenset({"choice", "reason", "result"}))),
    )


def message(frame: Frame, apdu: wire.Prst, *, keep_attributes: bool) -> Message:
    """Return a remote operation; its parts that become no record are its extensions.

    Parameters
    ----------
    frame : Frame
        The APDU at work.
    apdu : Prst
        Its structure.
    keep_attributes : bool
        Whether the attributes of a get's answer stay with the message, because no record takes them.
    """
    body = apdu.body
    operation, named = OPERATIONS[apdu.choice], None
    if isinstance(body, EventReport):
        named = name(body.event)
    elif isinstance(body, ActionCall):
        named = name(body.action)
    return Message(
        id=frame.id("message", frame.span),
        provenance=frame.origin(frame.span, "PRST"),
        protocol=PROTOCOL,
        type=operation if named is None else f"{operation} {named}",
        control_id=str(apdu.invoke_id),
        extensions=tuple(_leaves(body, "PRST", skip=frozenset() if keep_attributes else frozenset({"attributes"}))),
    )


def _leaves(node: object, path: str, skip: frozenset[str] = frozenset()) -> Iterator[Extension]:
    """Yield the leaves of a decoded structure; the wire's classes nest six deep at most."""
    if isinstance(node, Attribute):
        yield extension(f"{path}/attribute {node.id}", node.raw.hex())
    elif isinstance(node, bytes):
        yield extension(path, node.hex())
    elif isinstance(node, tuple):
        for index, item in enumerate(node):
            yield from _leaves(item, path if isinstance(item, Attribute) else f"{path}[{index}]", skip)
    elif is_dataclass(node):
        for part in fields(node):
            if part.name not in _RECORDS and part.name not in skip:
                step = "" if part.name in _TRANSPARENT else "/" + part.name.replace("_", "-")
                yield from _leaves(getattr(node, part.name), path + step, skip)
    elif node is not None:
        yield extension(path, str(node))


_TRANSPARENT: Final = frozenset({"info", "attributes", "attribute", "association"})
"""Fields that are no step of a path."""
