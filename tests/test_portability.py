"""One person's data, sealed for one recipient, and back: everything, of that person alone, and nothing that lies."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

import iomt_interop as iomt
from iomt_interop.crypto.hpke import RecipientSecret
from iomt_interop.errors import InputError, InvalidRequest, LimitExceeded, MalformedInput, SecurityError
from iomt_interop.model import Subject
from iomt_interop.plugins import default_registry
from iomt_interop.portability import _MAGIC, export_subject, open_portable, original_of
from iomt_interop.vault import KeyFile, Vault

SAMPLES = {path.name: path for path in default_registry().get("hl7v2_oru").samples()}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Return an open vault with two messages about one person, their originals, and another person."""
    made = Vault.create(tmp_path / "v", keys=KeyFile.create(tmp_path / "k"))
    for name in ("pcd01_monitor.hl7", "oru_lab.hl7"):
        data = SAMPLES[name].read_bytes()
        records = list(iomt.read(data))
        made.put(records)
        [person] = [record.id for record in records if isinstance(record, Subject)]
        made.put([original_of(data, adapter="hl7v2_oru", version="1", subject=person)])
    made.put(iomt.read(b"MSH|^~\\&|MON||||20261124||ORU^R01|1|P|2.6\rPID|||OTHER-77\r"))
    return made


def person_of(vault: Vault) -> str:
    """Return the subject of the messages."""
    [found] = vault.find("EX-4711")
    return found


def test_out_and_in_again_is_equal(vault: Vault, tmp_path: Path) -> None:
    secret, person = RecipientSecret.generate(), person_of(vault)
    sealed = export_subject(vault, person, secret.public)
    portable = open_portable(sealed, secret)
    assert Counter(portable.records) == Counter(vault.records(subject=person, versions="all"))
    assert {document.data for document in portable.originals} == {
        SAMPLES[name].read_bytes() for name in ("pcd01_monitor.hl7", "oru_lab.hl7")
    }
    types = Counter(json.loads(line)["resourceType"] for line in portable.fhir.splitlines())
    assert types["Patient"] == 1
    assert types["Observation"] > 10
    assert b"OTHER-77" not in portable.fhir
    with Vault.create(tmp_path / "w", keys=KeyFile.create(tmp_path / "l")) as other:
        other.put(portable.records)
        other.verify()
        for versions in ("merged", "all"):
            mine = list(vault.records(subject=person, versions=versions))
            assert list(other.records(subject=person, versions=versions)) == mine
        assert set(other.subjects()) == {person}
    vault.close()


def test_it_opens_for_the_recipient_alone(vault: Vault) -> None:
    secret = RecipientSecret.generate()
    sealed = export_subject(vault, person_of(vault), secret.public)
    assert b"EX-4711" not in sealed
    with pytest.raises(SecurityError):
        open_portable(sealed, RecipientSecret.generate())
    for at in (len(_MAGIC) + 3, len(sealed) // 2, len(sealed) - 1):
        with pytest.raises(SecurityError):
            open_portable(sealed[:at] + bytes([sealed[at] ^ 4]) + sealed[at + 1 :], secret)
    for wrong in (b"", sealed[1:], sealed[: len(_MAGIC)], b"PK" + sealed):
        with pytest.raises((InputError, SecurityError)):
            open_portable(wrong, secret)
    with pytest.raises(InvalidRequest):
        export_subject(vault, "nobody", secret.public)
    vault.close()


def archive(
    files: dict[str, bytes], *, manifest: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Return a ZIP archive whose manifest is of other files, when they are given."""
    told = [{"name": name, "sha256": sha256(data).hexdigest()} for name, data in (manifest or files).items()]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, data in {**files, "manifest.json": json.dumps({"files": told}).encode()}.items():
            made.writestr(name, data)
    return stream.getvalue()


GOOD = {"records.json": b"[]", "fhir.ndjson": b""}


@pytest.mark.parametrize(
    "inside",
    [
        b"", b"PK", b"not a zip", archive({}), archive({"records.json": b"[]"}),
        archive({**GOOD, "records.json": b"{"}),
        archive({**GOOD, "more": b"x"}, manifest=GOOD), archive(GOOD, manifest={**GOOD, "fhir.ndjson": b"x"}),
        archive(GOOD)[:-30], archive({**GOOD, "records.json": b"[" * 100_000}),
        archive(GOOD, method=zipfile.ZIP_LZMA), archive(GOOD, method=zipfile.ZIP_BZIP2),
        archive({**GOOD, "more": bytes(99)}, method=zipfile.ZIP_LZMA).replace(b"\x5d\0\0", b"\xff\0\0"),
    ],
)  # fmt: skip
def test_what_a_sender_made_wrong_is_refused(inside: bytes) -> None:
    secret = RecipientSecret.generate()
    assert open_portable(_MAGIC + secret.public.seal(archive(GOOD), _MAGIC), secret).records == ()
    with pytest.raises((MalformedInput, iomt.errors.ModelError)):
        open_portable(_MAGIC + secret.public.seal(inside, _MAGIC), secret)


def test_a_bomb_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iomt_interop.portability.MAX_CONTENT", 1 << 20)
    secret = RecipientSecret.generate()
    bomb = archive({**GOOD, "big": bytes(2 << 20)})
    assert len(bomb) < 1 << 16
    with pytest.raises(LimitExceeded):
        open_portable(_MAGIC + secret.public.seal(bomb, _MAGIC), secret)
