"""What the tests of declarative mappings share."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from iomt_interop.errors import InputError
from iomt_interop.model import Record
from iomt_interop.plugins import GROUP, ReadContext, Registry
from iomt_interop.plugins.mapping import make_factory

DATA = Path(__file__).resolve().parent / "data"
EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"

FOLDERS = {
    "band_declarative": EXAMPLES / "band_declarative",
    "sheet_export": DATA / "sheet_export",
    "monitor_xml": DATA / "monitor_xml",
}


def registry(adapter: str) -> Registry:
    """Return a registry that knows one of the declarative adapters here."""
    root = str(FOLDERS[adapter].parent)
    if root not in sys.path:
        sys.path.append(root)
    return Registry([EntryPoint(adapter, f"{adapter}:adapter.toml", GROUP)])


def texts(adapter: str) -> tuple[str, bytes]:
    """Return an adapter's mapping and its sample."""
    folder = FOLDERS[adapter]
    return (folder / "mapping.toml").read_text(encoding="utf-8"), next((folder / "samples").iterdir()).read_bytes()


def read(mapping: str, data: bytes, **context: Any) -> list[Record]:
    """Read everything at once."""
    records, error = outcome(mapping, [data], **context)
    if error is not None:
        raise error
    return records


def outcome(mapping: str, chunks: Iterable[bytes], **context: Any) -> tuple[list[Record], InputError | None]:
    """Read chunks; return the records and the error that ended the reading."""
    reader = make_factory(mapping, "test_map", "7")(ReadContext(**context))
    records: list[Record] = []
    try:
        for chunk in chunks:
            buffer = bytearray(chunk)
            records += reader.feed(memoryview(buffer))
            buffer[:] = b"\xaa" * len(buffer)  # as a socket's buffer is used again
        records += reader.finish()
    except InputError as error:
        return records, error
    return records, None


def kinds(records: Iterable[Record]) -> list[str]:
    """Return the kinds of records."""
    return [record.kind for record in records]


HEAD = 'version = 1\n[source]\nframing = "json"\n'
HR = 'code = { system = "MDC", code = 147842, refid = "MDC_ECG_HEART_RATE" }\n'


def observation(fields: str, source: str = 'framing = "json"') -> str:
    """Return a mapping of one rule."""
    return f'version = 1\n[source]\n{source}\n[[record]]\nkind = "observation"\n{HR}{fields}'
