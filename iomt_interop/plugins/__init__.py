"""The contract that vendors import: manifest, reader and writer protocols, registry, detection."""

from __future__ import annotations

from .boundary import guarded
from .contract import (
    AdapterInfo,
    Candidate,
    Evidence,
    Limits,
    Loss,
    ReadContext,
    Reader,
    ReaderFactory,
    Strictness,
    Translation,
    WriteContext,
    Writer,
    WriterFactory,
)
from .detect import HEAD, choose, sniff_bytes
from .manifest import SPI_VERSION, Manifest, parse_manifest
from .registry import GROUP, Adapter, Registry, check_reader, check_writer, default_registry

__all__ = [
    "GROUP",
    "HEAD",
    "SPI_VERSION",
    "Adapter",
    "AdapterInfo",
    "Candidate",
    "Evidence",
    "Limits",
    "Loss",
    "Manifest",
    "ReadContext",
    "Reader",
    "ReaderFactory",
    "Registry",
    "Strictness",
    "Translation",
    "WriteContext",
    "Writer",
    "WriterFactory",
    "check_reader",
    "check_writer",
    "choose",
    "default_registry",
    "guarded",
    "parse_manifest",
    "sniff_bytes",
]
