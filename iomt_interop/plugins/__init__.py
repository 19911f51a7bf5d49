"""The contract that vendors import: manifest, reader and writer protocols, registry, detection."""

from __future__ import annotations

from .allow import (
    AllowList,
    Pin,
    allow_list_text,
    distribution_digest,
    parse_allow_list,
    wheel_digest,
    wheel_pins,
)
from .boundary import guarded
from .contract import (
    AdapterInfo,
    Candidate,
    DirectoryReader,
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
from .detect import HEAD, choose, sniff_bytes, sniff_members
from .manifest import SPI_VERSION, Manifest, parse_manifest
from .registry import (
    ALLOW_VARIABLE,
    GROUP,
    Adapter,
    Registry,
    check_directory_reader,
    check_reader,
    check_writer,
    default_registry,
)

__all__ = [
    "ALLOW_VARIABLE",
    "GROUP",
    "HEAD",
    "SPI_VERSION",
    "Adapter",
    "AdapterInfo",
    "AllowList",
    "Candidate",
    "DirectoryReader",
    "Evidence",
    "Limits",
    "Loss",
    "Manifest",
    "Pin",
    "ReadContext",
    "Reader",
    "ReaderFactory",
    "Registry",
    "Strictness",
    "Translation",
    "WriteContext",
    "Writer",
    "WriterFactory",
    "allow_list_text",
    "check_directory_reader",
    "check_reader",
    "check_writer",
    "choose",
    "default_registry",
    "distribution_digest",
    "guarded",
    "parse_allow_list",
    "parse_manifest",
    "sniff_bytes",
    "sniff_members",
    "wheel_digest",
    "wheel_pins",
]
