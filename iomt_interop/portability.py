"""One person's data as a sealed file that goes to one recipient, and back into a vault (GDPR Art. 20).

The file is HPKE (RFC 9180) over a ZIP archive: the canonical records, which are complete; the same as FHIR R4 NDJSON,
which others can read; the original messages that the vault kept; and a manifest with the digest of each.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

from . import __version__
from .crypto.hpke import RecipientKey, RecipientSecret
from .errors import InvalidRequest, LimitExceeded, MalformedInput
from .facade import write
from .model import Coding, Concept, Document, Provenance, Record, record_id, records_from_json, to_json
from .plugins import WriteContext
from .vault import Vault

__all__ = ["ORIGINAL", "Portable", "export_subject", "open_portable", "original_of", "seal_portable"]

_MAGIC: Final = b"IOMT-PORTABLE-1\n"
_RECORDS, _FHIR, _MANIFEST, _ORIGINALS = "records.json", "fhir.ndjson", "manifest.json", "originals/"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
MAX_CONTENT: Final = 2 << 30
"""What an archive may unfold to."""
MAX_FILES: Final = 100_000

ORIGINAL: Final = Concept(
    codings=(Coding(system="urn:iomt-interop:document", code="original", display="original message"),)
)
"""The code of a document that is an input as it came."""


@dataclass(frozen=True, slots=True, repr=False)
class Portable:
    """What a sealed file held.

    Attributes
    ----------
    records : tuple of Record
        Every version of every record, in the order of storing.
    fhir : bytes
        The same as FHIR R4 NDJSON, merged.
    manifest : dict
        Digests, counts and versions.
    """

    records: tuple[Record, ...]
    fhir: bytes
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        return f"Portable({len(self.records)} records, {len(self.fhir)} bytes of FHIR)"

    @property
    def originals(self) -> Iterator[Document]:
        """The original messages."""
        return (record for record in self.records if isinstance(record, Document) and record.code == ORIGINAL)


def original_of(data: bytes, *, adapter: str, version: str, subject: str | None) -> Document:
    """Return an input as a document, to be stored beside its records.

    Parameters
    ----------
    data : bytes
        The whole input.
    adapter, version : str
        Who read it.
    subject : str or None
        Whose it is, where it is one person's alone.
    """
    digest = sha256(data).hexdigest()
    return Document(
        id=record_id("document", "original", digest, subject),
        provenance=Provenance(adapter=adapter, version=version, digest=digest, span=(0, len(data))),
        subject=subject,
        code=ORIGINAL,
        data=data,
    )


def export_subject(vault: Vault, subject: str, recipient: RecipientKey) -> bytes:
    """Return everything a vault holds of a person, sealed for one recipient.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when the vault has nothing of that subject.
    """
    records = list(vault.records(subject=subject, versions="all"))
    if not records:
        raise InvalidRequest("USE-002", path="subject", hint="the vault has no such subject")
    return seal_portable(records, vault.records(subject=subject), recipient)


def seal_portable(records: Sequence[Record], merged: Iterable[Record], recipient: RecipientKey) -> bytes:
    """Return a person's records, sealed for one recipient.

    Parameters
    ----------
    records : sequence of Record
        Every version of every record, in the order of storing.
    merged : iterable of Record
        The same, each record once as all its versions say together: what becomes FHIR.
    recipient : RecipientKey
        Who alone can open the file.
    """
    context = WriteContext(form="ndjson", include_test_data=True)
    shown = (record for record in merged if not _is_original(record))
    files = {_RECORDS: to_json(records), _FHIR: write(shown, to="fhir_r4", context=context)}
    for record in records:
        if isinstance(record, Document) and _is_original(record) and record.data is not None:
            files[_ORIGINALS + sha256(record.data).hexdigest()] = record.data
    files[_MANIFEST] = _manifest(files, len(records))
    return _MAGIC + recipient.seal(_zipped(files), _MAGIC)


def open_portable(data: bytes, secret: RecipientSecret) -> Portable:
    """Open a sealed file and check all of it.

    Raises
    ------
    DecryptionFailed
        ``SEC-001`` for another recipient's or changed data.
    MalformedInput
        ``SRC-007`` when it is no such file, or what is inside is not what its manifest says.
    LimitExceeded
        ``SRC-008`` when it unfolds to more than :data:`MAX_CONTENT`.
    """
    if not data.startswith(_MAGIC):
        raise MalformedInput("SRC-007", hint="not a portable file of this version")
    files = _unzipped(secret.open(data[len(_MAGIC) :], _MAGIC))
    try:
        manifest = json.loads(files.pop(_MANIFEST))
        digests = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
        records = records_from_json(files[_RECORDS])
        fhir = files[_FHIR]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise MalformedInput("SRC-007", hint="the manifest is not valid") from None
    if digests != {name: sha256(content).hexdigest() for name, content in files.items()}:
        raise MalformedInput("SRC-007", hint="the content is not what the manifest says")
    return Portable(tuple(records), fhir, manifest)


def _is_original(record: Record) -> bool:
    return isinstance(record, Document) and record.code == ORIGINAL


def _manifest(files: dict[str, bytes], count: int) -> bytes:
    entries = [
        {"name": name, "sha256": sha256(content).hexdigest(), "bytes": len(content)} for name, content in files.items()
    ]
    told = {"format": 1, "library": __version__, "records": count, "files": entries}
    return json.dumps(told, indent=2).encode() + b"\n"


def _zipped(files: dict[str, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _unzipped(data: bytes) -> dict[str, bytes]:
    """Unfold an archive in memory; names are looked up, never used as paths."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_CONTENT:
                raise LimitExceeded("SRC-008", hint="the archive unfolds to too much")
            # Others are not written here, take as much memory as they like, and fail in their own words.
            if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
                raise MalformedInput("SRC-007", hint="the archive is compressed in another way")
            return dict(_members(archive, infos))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise MalformedInput("SRC-007", hint="the archive is damaged") from None


def _members(archive: zipfile.ZipFile, infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    for info in infos:
        with archive.open(info) as stream:
            content = stream.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise MalformedInput("SRC-007", hint="the archive is damaged")
        yield info.filename, content
