"""The adapter manifest: data that says what an adapter is, so that listing and detection run none of its code."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from .. import _toml as toml
from ..errors import AdapterContractError
from ..model.envelope import RecordKind

__all__ = [
    "SPI_VERSION",
    "FrameRule",
    "IgnoredRule",
    "MagicRule",
    "Manifest",
    "MemberRule",
    "PatternRule",
    "SniffRules",
    "SpecReference",
    "parse_manifest",
]

SPI_VERSION: Final = 1
"""Version of the contract between this library and adapters."""

EntryRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][\w.-]*$")]
HexBytes = Annotated[str, StringConstraints(pattern=r"^(?:[0-9A-Fa-f]{2})+$")]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def _octet_regex(value: str) -> str:
    try:
        re.compile(value.encode("latin-1"))
    except (re.error, UnicodeEncodeError):
        raise ValueError("not a regular expression over octets") from None
    return value


class MagicRule(_Data):
    """Octets that stand at an offset; evidence MAGIC."""

    offset: Annotated[int, Field(ge=0, le=4096)] = 0
    bytes: HexBytes
    """Expected octets, hexadecimal."""
    mask: HexBytes | None = None
    """Bits that count, hexadecimal, as long as ``bytes``."""


class PatternRule(_Data):
    """A regular expression over the first octets (Latin-1), anchored at their start."""

    regex: str
    within: Annotated[int, Field(ge=1, le=4096)] = 4096
    evidence: Literal["shape", "magic", "verified"] = "shape"

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _octet_regex(value)


class FrameRule(_Data):
    """A chain of tag-length frames from offset 0; evidence VERIFIED when every frame in the head fits."""

    tags: tuple[HexBytes, ...]
    """Tags that a frame may begin with."""
    length_offset: int
    length_size: Literal[1, 2, 4]
    header: int
    """Octets before the counted body."""
    byteorder: Literal["big", "little"] = "big"


class MemberRule(_Data):
    """A file that a directory of this format holds; evidence MAGIC when every rule of the manifest is met."""

    name: str
    """Shell pattern of the file's path relative to the directory, with ``/``."""
    bytes: HexBytes | None = None
    """Octets with which the file begins, hexadecimal."""


class IgnoredRule(_Data):
    """Octets that carry no information: the conformance kit does not ask where they went."""

    regex: str
    """Regular expression over octets (Latin-1)."""
    reason: str

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _octet_regex(value)


class SniffRules(_Data):
    """How to recognise the format from at most 4,096 octets and a file name."""

    magic: tuple[MagicRule, ...] = ()
    pattern: tuple[PatternRule, ...] = ()
    frames: tuple[FrameRule, ...] = ()
    member: tuple[MemberRule, ...] = ()
    """Files of a directory (``medium = "directory"``)."""
    name: tuple[str, ...] = ()
    """Shell patterns of file names, lower case; evidence NAME."""


class SpecReference(_Data):
    """A document that describes the format."""

    document: str
    edition: str | None = None
    clauses: tuple[str, ...] = ()
    access: str | None = None


class Manifest(_Data):
    """One ``adapter.toml``."""

    spi: Literal[1]
    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$")]
    title: str
    vendor: str | None = None
    models: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    """Firmware versions from which the corpus was captured."""
    security_contact: str | None = None
    """Whom to tell about a weakness of this adapter."""
    medium: Literal["file", "stream", "message", "directory"]
    directions: tuple[Literal["read", "write"], ...]
    records: tuple[RecordKind, ...]
    lossless: Literal["none", "records", "bytes"] = "none"
    clock: Literal["utc", "offset", "local", "device-relative"]
    phi: tuple[str, ...] = ()
    """Canonical paths that may hold identifiers."""
    status: Literal["alpha", "beta", "stable", "retired"]
    reader: EntryRef | None = None
    mapping: FileName | None = None
    """A declarative mapping beside the manifest, in place of ``reader``."""
    writer: EntryRef | None = None
    media_types: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    """Sample inputs shipped beside the manifest, for the demo."""
    requires: tuple[str, ...] = ()
    hint: str | None = None
    spec: tuple[SpecReference, ...] = ()
    sniff: SniffRules = SniffRules()
    ignored: tuple[IgnoredRule, ...] = ()
    """Octets of the format that carry no information."""


def parse_manifest(text: str) -> Manifest:
    """Read and check a manifest.

    Raises
    ------
    AdapterContractError
        ``ADP-002`` with the path of the first key that is not valid.
    """
    try:
        manifest = Manifest.model_validate(_tuples(toml.loads(text)))
    except toml.NotTomlError:
        raise AdapterContractError("ADP-002", hint="not TOML") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise AdapterContractError("ADP-002", path=where) from None
    if manifest.reader is not None and manifest.mapping is not None:
        raise AdapterContractError("ADP-002", path="mapping", hint="a reader or a mapping, not both")
    for direction, entry in (("read", manifest.reader or manifest.mapping), ("write", manifest.writer)):
        if (direction in manifest.directions) != (entry is not None):
            raise AdapterContractError("ADP-002", path="directions", hint="a direction needs its entry, and no other")
    return manifest


def _tuples(value: object) -> object:
    """TOML has arrays, the strict frozen model has tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
