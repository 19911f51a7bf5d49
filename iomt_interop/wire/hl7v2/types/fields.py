"""Decode by place: the tables of segments tell the data type."""

from __future__ import annotations

from ....errors import InvalidRequest
from ..message import FIELD, Message, Part, Segment
from ..path import parse_path
from ..structure.definitions import KNOWN, definitions, nearest_version
from .codec import decode
from .table import LATEST, TYPE_NAMES, components_up_to
from .values import Value

__all__ = ["decode_field", "decode_path", "type_of"]


def type_of(segment: Segment, number: int, *, version: str | None = None) -> str | None:
    """Return the data type of a field; for OBX-5 the one that OBX-2 names.

    ``None`` for what is not in the tables: a local segment, a field beyond the last, one whose type varies.

    Parameters
    ----------
    segment : Segment
        The segment.
    number : int
        The field, from 1.
    version : str, optional
        Version of the standard; MSH-12 of the message by default.
    """
    if segment.id == "OBX" and number == 5:
        return segment.field(2).text.strip() or None
    release = nearest_version(segment.message.version if version is None else version)
    for older in reversed(KNOWN[: KNOWN.index(release) + 1]):
        rules = definitions(older).segment(segment.id)
        rule = rules[number - 1] if rules is not None and 0 < number <= len(rules) else None
        if rule is None:
            return None
        if rule.datatype != "WD":  # of a withdrawn field the type that it had: senders go on
            name = rule.datatype if rule.datatype in TYPE_NAMES else rule.datatype.removesuffix("_SIMPLE")
            return name if name in TYPE_NAMES else None
    return None


def decode_field(segment: Segment, number: int, *, version: str | None = None, strict: bool = False) -> Value:
    """Decode a field by its own data type; as :func:`decode` in all else.

    What the tables do not know, as the fields of local segments, is a :class:`Raw`.
    """
    kind = type_of(segment, number, version=version)
    return decode(segment.field(number), kind or "", version=version, strict=strict)


def decode_path(message: Message, path: str, *, version: str | None = None, strict: bool = False) -> Value:
    r"""Decode what stands at a path (``PID-7``, ``PID-3[2].4.2``) by the data type of that place.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for a path with wildcards.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2 import types
    >>> message = hl7v2.parse("MSH|^~\\&||||||||||2.6\rPID|||17^^^A&1.2&ISO||||196803\r")
    >>> types.decode_path(message, "PID-7").isoformat(), types.decode_path(message, "PID-3.4").universal_id
    ('1968-03', '1.2')
    """
    where = parse_path(path)
    if not where.is_single:
        raise InvalidRequest("USE-001", hint="one place at a time")
    segment = message.segment(where.segment, where.occurrence)
    part: Part | None = None if segment is None else segment.field(where.field)
    if segment is None or part is None or part.absent:
        return None
    release = message.version or LATEST if version is None else version
    kind = type_of(segment, where.field, version=version) or ""
    if part.level == FIELD and (where.repetition is not None or where.component is not None):
        part = part[where.repetition or 1]
    for number in (where.component, where.subcomponent):
        if number is None:
            break
        known = components_up_to(number, kind, release)
        kind = known[number - 1].type_name if number <= len(known) else "" if known or number > 1 else kind
        part = part[number]
    return decode(part, kind, version=version, strict=strict)
