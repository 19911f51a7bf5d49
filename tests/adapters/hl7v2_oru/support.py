"""What the tests of this adapter share: reading, comparing by content, changing one leaf of a message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from iomt_interop.adapters.hl7v2_oru.reader import make_reader
from iomt_interop.model import Record, to_json
from iomt_interop.plugins import ReadContext

# Ids and digests change with any octet of a message; content is what is left without them.
_DERIVED = frozenset(
    {"id", "subject", "encounter", "order", "device", "metric", "gateway", "parent", "target", "digest", "span"}
)


def read(data: bytes, context: ReadContext | None = None, size: int | None = None) -> list[Record]:
    """Read records; ``size`` cuts the input into chunks."""
    reader = make_reader(context or ReadContext())
    step = size or max(len(data), 1)
    found: list[Record] = []
    for at in range(0, len(data), step):
        found += reader.feed(data[at : at + step])
    return [*found, *reader.finish()]


def of(records: list[Record], kind: str) -> list[Any]:
    return [record for record in records if record.kind == kind]


def one(records: list[Record], kind: str) -> Any:
    (found,) = of(records, kind)
    return found


def content(records: list[Record]) -> str:
    """Return what the records say, without anything that is derived from the message's digest."""
    return json.dumps(_strip(json.loads(to_json(records))), sort_keys=True)


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        order = value.get("kind") == "order"
        return {
            key: _strip(item)
            for key, item in value.items()
            if key not in _DERIVED or not isinstance(item, str | list) or (key == "parent" and order)
        }
    return [_strip(item) for item in value] if isinstance(value, list) else value


def leaves(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield segment name and byte range of every leaf, by an own plain split; MSH-1 and MSH-2 are not leaves."""
    start = data.index(b"MSH")
    field = data[start + 3 : start + 4]
    encoding = re.compile(rb"[^\r\n" + re.escape(field) + rb"]*").match(data, start + 4).group()
    marks = field + bytes({octet for octet in encoding if octet < 128} - {ord("\\"), ord("#"), 0x7D})
    leaf = re.compile(rb"[^\r\n" + re.escape(marks) + rb"]+")
    for line in re.finditer(rb"[^\r\n]+", data[start:]):
        name = line.group()[:3].decode()
        begin = start + line.start() + (4 + len(encoding) if name == "MSH" else 3)
        for match in leaf.finditer(data, begin, start + line.end()):
            yield name, match.start(), match.end()


def altered(data: bytes, start: int, stop: int) -> bytes:
    """Return the message with the last character of a leaf replaced by another of its kind."""
    last = data[stop - 1]
    if chr(last).isdigit():
        other = b"%d" % ((last - 47) % 10)
    elif last in b"Zz":
        other = b"Y"
    elif chr(last).isascii() and chr(last).isalpha():
        other = bytes([last + 1])
    else:
        other = b"7" if last < 128 else bytes([last ^ 1])
    return data[: stop - 1] + other + data[stop:]
