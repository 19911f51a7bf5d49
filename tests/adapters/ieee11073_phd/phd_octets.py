"""Octets of personal health devices, packed by hand from the tables of IEEE 11073-20601: no codec of the package.

A second, independent hand: if the codec and this agree, both have read the standard alike.
"""

from __future__ import annotations

from collections.abc import Iterable

SYSTEM_ID = bytes.fromhex("0022090102030405")

NU, ENUM, RT_SA, PMSTORE, SCAN_EPI = 6, 5, 9, 61, 18


def u8(n: int) -> bytes:
    return n.to_bytes(1, "big")


def u16(n: int) -> bytes:
    return n.to_bytes(2, "big")


def u32(n: int) -> bytes:
    return n.to_bytes(4, "big")


def octets(data: bytes) -> bytes:
    return u16(len(data)) + data


def sequence(items: Iterable[bytes]) -> bytes:
    items = list(items)
    body = b"".join(items)
    return u16(len(items)) + u16(len(body)) + body


def attributes(table: dict[int, bytes]) -> bytes:
    return sequence(u16(number) + octets(value) for number, value in table.items())


def sfloat(mantissa: int, exponent: int = 0) -> bytes:
    return u16((exponent & 0xF) << 12 | mantissa & 0xFFF)


def float32(mantissa: int, exponent: int = 0) -> bytes:
    return u32((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF)


def oid(partition: int, term: int) -> bytes:
    return u16(partition) + u16(term)


def value_map(*entries: tuple[int, int]) -> bytes:
    return sequence(u16(number) + u16(length) for number, length in entries)


def absolute(text: str = "2026112410580320") -> bytes:
    return bytes.fromhex(text)


def apdu(tag: int, body: bytes) -> bytes:
    return u16(tag) + octets(body)


def data(invoke: int, choice: int, body: bytes) -> bytes:
    return apdu(0xE700, octets(u16(invoke) + u16(choice) + octets(body)))


def event(event_type: int, info: bytes, *, handle: int = 0, time: int = 0xFFFFFFFF, invoke: int = 7) -> bytes:
    return data(invoke, 0x0101, u16(handle) + u32(time) + u16(event_type) + octets(info))


def report(
    event_type: int, items: Iterable[bytes], *, handle: int = 0, time: int = 0xFFFFFFFF, number: int = 3
) -> bytes:
    return event(event_type, u16(0xF000) + u16(number) + sequence(items), handle=handle, time=time)


def fixed(*observations: tuple[int, bytes], handle: int = 0, time: int = 0xFFFFFFFF) -> bytes:
    return report(0x0D1D, (u16(h) + octets(value) for h, value in observations), handle=handle, time=time)


def variable(*observations: tuple[int, dict[int, bytes]], handle: int = 0, time: int = 0xFFFFFFFF) -> bytes:
    return report(0x0D1E, (u16(h) + attributes(table) for h, table in observations), handle=handle, time=time)


def persons(*people: tuple[int, list[tuple[int, bytes]]]) -> bytes:
    return report(
        0x0D1F, (u16(person) + sequence(u16(h) + octets(v) for h, v in observations) for person, observations in people)
    )


def configuration(*objects: tuple[int, int, dict[int, bytes]], number: int = 0x4000) -> bytes:
    return event(
        0x0D1C, u16(number) + sequence(u16(kind) + u16(handle) + attributes(table) for kind, handle, table in objects)
    )


def association_request(number: int = 0x4000, system_id: bytes = SYSTEM_ID) -> bytes:
    return apdu(0xE200, u32(0x80000000) + sequence([u16(0x5079) + octets(_association(number, system_id, 0x00800000))]))


def association_response(result: int = 3, system_id: bytes = bytes(8)) -> bytes:
    return apdu(0xE300, u16(result) + u16(0x5079) + octets(_association(0, system_id, 0x80000000)))


def _association(number: int, system_id: bytes, system_type: int) -> bytes:
    return (
        u32(0x80000000) + u16(0x8000) + u32(0x80000000) + u32(0) + u32(system_type) + octets(system_id) + u16(number)
        + u16(0) + u8(1) + u8(0) + attributes({})
    )  # fmt: skip


def mds(table: dict[int, bytes]) -> bytes:
    return data(9, 0x0203, u16(0) + attributes(table))


SATURATION = {
    2351: oid(2, 19384),
    2630: u16(0x40C0),
    2454: u16(544),
    2645: value_map((2636, 2), (2448, 8)),
}
PULSE = {
    2351: oid(2, 18458),
    2630: u16(0x40C0),
    2454: u16(2720),
    2645: value_map((2636, 2), (2448, 8)),
}
OXIMETER = association_request() + configuration((NU, 1, SATURATION), (NU, 10, PULSE))
