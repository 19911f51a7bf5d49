"""Every shared input through every stage: what comes out is valid FHIR by a stranger's judgement, and nothing leaks."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.oracle import validate

import iomt_interop as iomt
from iomt_interop.errors import InputError, IomtError
from iomt_interop.plugins import Limits, ReadContext, WriteContext
from iomt_interop.vault import KeyFile, Vault

CANARY = "ZEBRA48151623"

# Defects of the inputs themselves, which an honest re-emission keeps.
KNOWN_DEFECTS = {
    "rtsa-example-2.json": "separates samples by U+00A0, which SampledData does not allow",
}


def hl7_files(corpus: Path) -> list[Path]:
    """Return every HL7 v2 file of the corpus."""
    return sorted(p for p in (corpus / "hl7v2").rglob("*") if p.suffix in {".hl7", ".bin"} and p.is_file())


def apdu_files(corpus: Path) -> list[Path]:
    """Return every APDU of the corpus."""
    return sorted(p for p in (corpus / "ieee11073" / "phd_apdu" / "bin").rglob("*") if p.is_file())


def fhir_files(corpus: Path) -> list[Path]:
    """Return every FHIR example of the corpus, without the known defects."""
    found = [*(corpus / "ieee11073" / "fhir_phd").glob("*.json")]
    found += (corpus / "fhir_model" / "pocd_ig" / "json_converted").glob("examples__*.json")
    return sorted(p for p in found if p.name not in KNOWN_DEFECTS)


def ndjson(path: Path, adapter: str) -> Iterator[bytes]:
    """Yield the resources that a file becomes; an APDU that is malformed gives none."""
    context = WriteContext(form="ndjson", include_test_data=True)
    try:
        yield from iomt.translate(path, to="fhir_r4", adapter=adapter, write_context=context).payload.splitlines()
    except InputError:
        assert adapter == "ieee11073_phd", path


@pytest.mark.parametrize("adapter", ["hl7v2_oru", "ieee11073_phd", "fhir_r4"])
def test_every_input_becomes_valid_fhir(corpus: Path, tmp_path: Path, adapter: str) -> None:
    files = {"hl7v2_oru": hl7_files, "ieee11073_phd": apdu_files, "fhir_r4": fhir_files}[adapter](corpus)
    floor = {"hl7v2_oru": 350, "ieee11073_phd": 40, "fhir_r4": 45}[adapter]
    assert len(files) >= floor
    lines = dict.fromkeys(line for path in files for line in ndjson(path, adapter))
    assert len(lines) >= floor
    target = tmp_path / "all.ndjson"
    target.write_bytes(b"\n".join(lines) + b"\n")
    rejected = [line for line in validate(target).splitlines() if line.startswith("REJECT")]
    assert not rejected, f"{len(rejected)} of {len(lines)}: " + "\n".join(rejected[:20])


@pytest.mark.parametrize("adapter", ["hl7v2_oru", "ieee11073_phd", "fhir_r4"])
def test_every_input_becomes_fhir_that_fhir_resources_accepts(corpus: Path, adapter: str) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    files = {"hl7v2_oru": hl7_files, "ieee11073_phd": apdu_files, "fhir_r4": fhir_files}[adapter](corpus)
    seen = 0
    for path in files:
        for line in ndjson(path, adapter):
            document = json.loads(line)
            get_fhir_model_class(document["resourceType"]).model_validate_json(line)
            seen += 1
    assert seen >= 40


@pytest.mark.parametrize("form", ["collection", "transaction"])
def test_references_of_bundles_resolve(corpus: Path, tmp_path: Path, form: str) -> None:
    folder = corpus / "hl7v2"
    files = [*(folder / "ihe_pcd").glob("*.hl7"), *(folder / "vendor_device").glob("*.hl7")]
    assert len(files) >= 15
    context = WriteContext(form=form, include_test_data=True)
    bundles = [iomt.translate(f, to="fhir_r4", adapter="hl7v2_oru", write_context=context).payload for f in files]
    target = tmp_path / "bundles.ndjson"
    target.write_bytes(b"\n".join(b.replace(b"\n", b" ") for b in bundles) + b"\n")
    assert not [line for line in validate(target).splitlines() if line.startswith("REJECT")]


def planted(message: bytes) -> bytes:
    """Put the canary into every field but the header's delimiters, the type and the version."""
    lines = re.split(rb"(\r\n|\r|\n)", message)
    for index in range(0, len(lines), 2):
        line = lines[index]
        start = line.find(b"MSH")
        header = 0 <= start < 12
        separator = line[start + 3 : start + 4] if header else b"|"
        if not separator or separator not in line:
            continue
        fields = line.split(separator)
        keep = {0, 1, 8, 10, 11, 17} if header else {0}
        lines[index] = separator.join(f if i in keep else _mixed(f, i) for i, f in enumerate(fields))
    return b"".join(lines)


def _mixed(field: bytes, index: int) -> bytes:
    """Plant beside the old text, so that data types are broken and kept by turns."""
    canary = CANARY.encode()
    return (canary, field + canary, canary + b"^" + field, field + b"~" + canary)[index % 4]


class _Collector(logging.Handler):
    def __init__(self, stream: io.StringIO) -> None:
        super().__init__(0)
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(self.format(record) + repr(record.args))


def test_a_planted_identifier_never_shows(
    corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    handler = _Collector(said)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", 0)
    root.addHandler(handler)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    key = KeyFile.create(tmp_path / "key")
    files, stored = hl7_files(corpus), 0
    try:
        with warnings.catch_warnings(record=True) as caught, Vault.create(tmp_path / "v.vault", keys=key) as vault:
            warnings.simplefilter("always")
            for number, path in enumerate(files):
                message = planted(path.read_bytes())
                records = list(iomt.read(message, adapter="hl7v2_oru"))
                said.writelines(repr(record) + str(record) for record in records)
                if number % 3 == 0:
                    vault.put(records)
                    stored += CANARY in str([record.model_dump() for record in records])
                for context in (ReadContext(strictness="strict"), ReadContext(limits=Limits(max_unit=200))):
                    try:
                        list(iomt.read(message, adapter="hl7v2_oru", context=context))
                    except IomtError as error:
                        said.write(f"{error}{error!r}{error.args}{error.__cause__}{error.__context__}")
            said.writelines(str(entry.message) for entry in caught)
    finally:
        root.removeHandler(handler)
    captured = capfd.readouterr()
    assert stored > 50, "the canary was not planted"
    assert CANARY not in said.getvalue()
    assert CANARY not in captured.out + captured.err
    assert not list(temporary.iterdir())
    for path in tmp_path.glob("v.vault*"):
        assert CANARY.encode() not in path.read_bytes()


def said_of(data: bytes) -> str:
    """Return everything that reading says of its input: texts of records, or of the error."""
    try:
        return "".join(map(repr, iomt.read(data, adapter="ieee11073_phd")))
    except IomtError as error:
        return f"{error}{error!r}{error.args}{error.__cause__}{error.__context__}"


def test_a_planted_serial_number_never_shows(corpus: Path) -> None:
    """Strings of an APDU (model, serial) are replaced by canaries of equal length; every truncation is read."""
    text = b"DE124567"
    found = 0
    for path in apdu_files(corpus):
        data = path.read_bytes()
        if text not in data:
            continue
        found += 1
        data = data.replace(text, b"ZEBRA481")
        for stop in range(len(data) + 1):
            assert "ZEBRA481" not in said_of(data[:stop])
    assert found >= 3
