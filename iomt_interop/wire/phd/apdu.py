"""APDUs: association, release, abort, and the data APDU with its remote operations (Annex A.9 and A.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ...errors import MalformedInput, TruncatedInput
from ..mder import Cursor
from .attributes import Attribute, decode_attributes, encode_attributes
from .operations import BODIES, Body, decode_body, encode_body
from .reports import sequence, u16

__all__ = [
    "AARE",
    "AARQ",
    "ABRT",
    "PHD_PROTOCOL",
    "PRST",
    "RLRE",
    "RLRQ",
    "Aare",
    "Aarq",
    "Apdu",
    "Association",
    "DataProto",
    "Prst",
    "Release",
    "decode",
    "encode",
]

AARQ: Final = 0xE200
AARE: Final = 0xE300
RLRQ: Final = 0xE400
RLRE: Final = 0xE500
ABRT: Final = 0xE600
PRST: Final = 0xE700

PHD_PROTOCOL: Final = 0x5079
"""data-proto-id of 20601."""


@dataclass(frozen=True, slots=True)
class Association:
    """PhdAssociationInformation."""

    protocol_version: int
    encoding_rules: int
    nomenclature_version: int
    functional_units: int
    system_type: int
    system_id: bytes = field(repr=False)
    config_id: int
    request_mode: int
    agent_requests: int
    manager_requests: int
    options: tuple[Attribute, ...] = ()

    @classmethod
    def decode(cls, cursor: Cursor) -> Association:
        """Read it."""
        head = (cursor.u32(), cursor.u16(), cursor.u32(), cursor.u32(), cursor.u32(), cursor.octets())
        return cls(*head, cursor.u16(), cursor.u16(), cursor.u8(), cursor.u8(), decode_attributes(cursor))

    def encode(self) -> bytes:
        """Write it."""
        words = (self.nomenclature_version, self.functional_units, self.system_type)
        return b"".join((
            self.protocol_version.to_bytes(4, "big"), u16(self.encoding_rules),
            *(word.to_bytes(4, "big") for word in words), u16(len(self.system_id)), self.system_id,
            u16(self.config_id, self.request_mode), bytes((self.agent_requests, self.manager_requests)),
            encode_attributes(self.options),
        ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataProto:
    """One protocol that is offered or chosen; of protocols other than 20601 the octets alone."""

    id: int
    association: Association | None = None
    octets: bytes | None = field(default=None, repr=False)

    @classmethod
    def decode(cls, cursor: Cursor) -> DataProto:
        """Read it."""
        proto, inner = cursor.u16(), cursor.sub(cursor.u16())
        if proto != PHD_PROTOCOL or not len(inner):
            return cls(proto, octets=inner.rest())
        association = Association.decode(inner)
        inner.end()
        return cls(proto, association)

    def encode(self) -> bytes:
        """Write it."""
        body = self.association.encode() if self.association is not None else self.octets or b""
        return u16(self.id, len(body)) + body


@dataclass(frozen=True, slots=True)
class Aarq:
    """Association request."""

    version: int
    protos: tuple[DataProto, ...]

    @property
    def association(self) -> Association | None:
        """What is offered for 20601."""
        return next((proto.association for proto in self.protos if proto.association is not None), None)


@dataclass(frozen=True, slots=True)
class Aare:
    """Association response; 0 accepted, 3 accepted with unknown configuration, else rejected."""

    result: int
    proto: DataProto


@dataclass(frozen=True, slots=True)
class Release:
    """Release request (``RLRQ``), its answer (``RLRE``), or abort (``ABRT``)."""

    choice: int
    reason: int


@dataclass(frozen=True, slots=True)
class Prst:
    """The data APDU: one remote operation."""

    invoke_id: int
    choice: int
    """Tag of the operation (0x0101 confirmed event report, ...)."""
    body: Body


Apdu = Aarq | Aare | Release | Prst


def decode(data: bytes | bytearray | memoryview, *, origin: int = 0) -> Apdu:
    """Decode one APDU.

    Parameters
    ----------
    data : bytes-like
        Exactly one APDU.
    origin : int, optional
        Offset of the APDU in its stream, for spans.

    Returns
    -------
    Apdu
        ``encode(decode(x)) == x``.

    Raises
    ------
    TruncatedInput, MalformedInput
        With code, span and path.

    Examples
    --------
    >>> from iomt_interop.wire import phd
    >>> phd.decode(bytes.fromhex("e60000020001"))
    Release(choice=58880, reason=1)
    """
    cursor = Cursor(bytes(data), origin=origin)
    start = cursor.position
    choice, length = cursor.u16(), cursor.u16()
    if length > len(cursor):
        raise TruncatedInput("PHD-101", span=(start, start + len(data)), clause="IEEE 11073-20601 A.8")
    if length < len(cursor):
        raise MalformedInput("PHD-102", span=(start + 4 + length, start + len(data)), clause="IEEE 11073-20601 A.8")
    reader = _READERS.get(choice)
    if reader is None:
        raise MalformedInput("PHD-103", span=(start, start + 2), clause="IEEE 11073-20601 A.8")
    apdu = reader(cursor, choice)
    cursor.end()
    return apdu


def encode(apdu: Apdu) -> bytes:
    """Encode one APDU."""
    if isinstance(apdu, Aarq):
        choice, body = AARQ, apdu.version.to_bytes(4, "big") + sequence([proto.encode() for proto in apdu.protos])
    elif isinstance(apdu, Aare):
        choice, body = AARE, u16(apdu.result) + apdu.proto.encode()
    elif isinstance(apdu, Release):
        choice, body = apdu.choice, u16(apdu.reason)
    else:
        inner = encode_body(apdu.body)
        octets = u16(apdu.invoke_id, apdu.choice, len(inner)) + inner
        choice, body = PRST, u16(len(octets)) + octets
    return u16(choice, len(body)) + body


def _aarq(cursor: Cursor, _choice: int) -> Aarq:
    version = cursor.u32()
    count, inner = cursor.sequence()
    protos = tuple(DataProto.decode(inner) for _ in range(count))
    inner.end()
    return Aarq(version, protos)


def _aare(cursor: Cursor, _choice: int) -> Aare:
    return Aare(cursor.u16(), DataProto.decode(cursor))


def _release(cursor: Cursor, choice: int) -> Release:
    return Release(choice, cursor.u16())


def _prst(cursor: Cursor, _choice: int) -> Prst:
    inner = cursor.sub(cursor.u16())
    start = inner.position
    invoke_id, choice, length = inner.u16(), inner.u16(), inner.u16()
    if choice not in BODIES:
        raise MalformedInput("PHD-105", span=(start + 2, start + 4), clause="IEEE 11073-20601 A.10")
    operation = inner.sub(length)
    body = decode_body(choice, operation)
    operation.end()
    inner.end()
    return Prst(invoke_id, choice, body)


_READERS: Final[dict[int, Callable[[Cursor, int], Apdu]]] = {
    AARQ: _aarq,
    AARE: _aare,
    RLRQ: _release,
    RLRE: _release,
    ABRT: _release,
    PRST: _prst,
}
