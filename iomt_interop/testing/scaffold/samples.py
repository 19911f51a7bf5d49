"""The inputs of the invented device, in each framing."""

from __future__ import annotations

import json
import struct
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import xor
from typing import Final
from xml.sax.saxutils import escape

from .plan import Framing

__all__ = ["CASES", "SAMPLE", "Reading", "encode"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the invented device says at one moment; numbers as they are written."""

    sequence: int
    time: str
    patient: str
    pulse: str | None
    spo2: str | None
    battery: str | None
    note: str = ""


SAMPLE: Final = "ward"
"""The case that ships inside the package; the others are fixtures."""

_FIRST: Final = Reading(17, "2026-11-24T10:58:03+01:00", "PAT-0007", "72", "97.5", "81")

CASES: Final[dict[str, tuple[Reading, ...]]] = {
    "ward": (
        _FIRST,
        Reading(18, "2026-11-24T10:58:33+01:00", "PAT-0007", "70", "98.0", "81", "after a walk"),
        Reading(19, "2026-11-24T11:02:00+01:00", "PAT-0012", "88", "94.0", "80"),
    ),
    "one": (_FIRST,),
    "absent": (
        Reading(20, "2026-11-24T12:00:00-05:00", "PAT-0012", None, None, "80", "finger moved"),
        Reading(21, "2026-11-24T12:00:30-05:00", "", "91", "95.5", None),
    ),
}
"""Name to readings: ``ward`` is the sample, the others are fixtures; the last has no patient in one reading."""

_SERIAL, _FIRMWARE = "SN-0001", "2.4"


def encode(framing: Framing, adapter_id: str, readings: Sequence[Reading], *, stream: bool) -> bytes:
    """Return a header and readings in a framing's octets; of documents, a stream has one for each reading."""
    return _ENCODERS[framing](adapter_id, readings, stream)


def _binary(_id: str, readings: Sequence[Reading], _stream: bool) -> bytes:
    frames = [_frame(1, 0, struct.pack(">BBB12s", 1, 2, 4, _SERIAL.encode()))]
    for r in readings:
        moment = datetime.fromisoformat(r.time)
        offset = moment.utcoffset()
        assert offset is not None  # the table above gives one to each
        minutes = int(offset.total_seconds()) // 60
        values = (_count(r.pulse, 0xFFFF), _count(r.spo2, 0xFFFF), _count(r.battery, 0xFF))
        payload = struct.pack(">Ih12sHHB", int(moment.timestamp()), minutes, r.patient.encode(), *values)
        frames.append(_frame(2, r.sequence, payload))
    return b"".join(frames)


def _count(text: str | None, absent: int) -> int:
    return absent if text is None else int(text.replace(".", ""))


def _frame(kind: int, sequence: int, payload: bytes) -> bytes:
    body = struct.pack(">BBH", len(payload), kind, sequence) + payload
    return b"\xaa\x55" + body + struct.pack(">H", crc_hqx(body, 0xFFFF))


def _line(adapter_id: str, readings: Sequence[Reading], _stream: bool) -> bytes:
    lines = [f"#{adapter_id.upper()};1;{_SERIAL};{_FIRMWARE}"]
    lines += [";".join(["R", *_cells(r, "---")]) for r in readings]
    return b"".join(b"%s*%02X\n" % (line.encode(), reduce(xor, line.encode(), 0)) for line in lines)


def _cells(r: Reading, absent: str) -> list[str]:
    measured = [absent if text is None else text for text in (r.pulse, r.spo2, r.battery)]
    return [str(r.sequence), r.time, r.patient, *measured, r.note]


def _csv(adapter_id: str, readings: Sequence[Reading], _stream: bool) -> bytes:
    rows = [f"{adapter_id},1,{_SERIAL},{_FIRMWARE}", "sequence,time,patient,pulse,spo2,battery,note"]
    for r in readings:
        *cells, note = _cells(r, "")
        rows.append(",".join([*cells, '"' + note.replace(" ", "\n", 1) + '"' if note else ""]))
    return "".join(f"{row}\n" for row in rows).encode()


def _json(adapter_id: str, readings: Sequence[Reading], stream: bool) -> bytes:
    device = f'{{"serial":"{_SERIAL}","firmware":"{_FIRMWARE}"}}'
    head = f'{{"format":"{adapter_id}","version":1,"device":{device},"readings":['
    items = [_json_reading(r) for r in readings]
    if stream:
        return "".join(f"{head}{item}]}}\n" for item in items).encode()
    return (head + ",".join(f"\n{item}" for item in items) + "]}\n").encode()


def _json_reading(r: Reading) -> str:
    numbers = (("pulse", r.pulse), ("spo2", r.spo2), ("battery", r.battery))
    measured = ",".join(f'"{name}":{"null" if text is None else text}' for name, text in numbers)
    stated = f'"sequence":{r.sequence},"time":"{r.time}","patient":{json.dumps(r.patient)}'
    return f'{{{stated},{measured},"note":{json.dumps(r.note)}}}'


def _xml(adapter_id: str, readings: Sequence[Reading], stream: bool) -> bytes:
    device = f"<device><serial>{_SERIAL}</serial><firmware>{_FIRMWARE}</firmware></device>"
    head, end = f"<{adapter_id}><version>1</version>{device}", f"</{adapter_id}>\n"
    names = ("sequence", "time", "patient", "pulse", "spo2", "battery", "note")
    items = []
    for r in readings:
        parts = (f"<{name}>{escape(text)}</{name}>" for name, text in zip(names, _cells(r, ""), strict=True))
        items.append(f"<reading>{''.join(parts)}</reading>")
    if stream:
        return "".join(head + item + end for item in items).encode()
    return (head + "".join(f"\n{item}" for item in items) + "\n" + end).encode()


_ENCODERS: Final[dict[Framing, Callable[[str, Sequence[Reading], bool], bytes]]] = {
    "binary": _binary, "line": _line, "csv": _csv, "json": _json, "xml": _xml,
}  # fmt: skip
