"""Each law can fail: a copy of the example that breaks it, and a finding that says so. The honest copy passes all."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broken import Patch, copy_of_the_example

from iomt_interop._accel import implementation
from iomt_interop.testing import LAWS, run_conformance

READER, LINES, WRITER, MANIFEST, TABLES = "reader.py", "lines.py", "writer.py", "adapter.toml", "tables.py"

NO_LIMIT = (("if len(self._buffer) > self._limit:", "if False:"),)
PIECEWISE = (("self._buffer += chunk", "self._buffer = bytearray(chunk)"),)
QUADRATIC = (
    ("self._searched = len(self._buffer)", "self._searched = 0"),
    ("self._buffer += chunk", "self._buffer = bytearray(bytes(self._buffer) + bytes(chunk)); self._buffer.count(b'x')"),
)  # fmt: skip
TRY = "        try:\n            yield from self._records"
FROM = "from hashlib"
UNCHECKED = ("if digits != _checksum(body):", "if False:")

BROKEN: list[tuple[str, str, Patch, str]] = [
    ("K1", "sample", {MANIFEST: (("samples/ward", "samples/gone"),)}, "not there"),
    ("K1", "entry", {MANIFEST: (("reader:make_reader", "reader:make_raeder"),)}, "no reader can be made"),
    ("K1", "spec", {MANIFEST: (("[[spec]]\n", "[vendor_notes]\n"),)}, "ADP-002"),
    ("K2", "name", {MANIFEST: (("23574152445448455220", "23574152445448455221"),)}, "by its content alone"),
    ("K2", "shape", {MANIFEST: (('[[sniff.magic]]', '[[sniff.pattern]]\nregex = "#WARD"\n[[sniff.magic]]'),
                                ("23574152445448455220", "235741524454484552FF"))}, "SHAPE only"),
    ("K3", "short", {MANIFEST: (("23574152445448455220", "23"),)}, "claims a foreign input: script.py"),
    ("K4", "pieces", {LINES: PIECEWISE}, "octet by octet"),
    ("K4", "view", {LINES: (("self._buffer += chunk", "self._keep = (getattr(self, '_keep', ()) + (chunk,))[-2:];"
                             " self._buffer = self._buffer[:-len(self._keep[0])] + self._keep[0] + chunk"
                             " if len(self._keep) > 1 and len(self._buffer) >= len(self._keep[0])"
                             " else self._buffer + chunk"),)}, "chunks of"),
    ("K5", "foreign exception", {READER: (('raise MalformedInput("EXA-003") from None', "raise"),)}, "raised"),
    ("K5", "no limit", {LINES: NO_LIMIT}, "the reader holds"),
    ("K5", "quadratic", {LINES: QUADRATIC}, "times the time"),
    ("K6", "early", {READER: (
        ("for record in self._line(offset, line)]", "for record in self._line(offset, line)] + ([Issue(id=record_id("
         "'wait', *self._lines.rest()), severity='warning', code='EXA-005', provenance=Provenance(adapter=ADAPTER,"
         " version=VERSION))] if self._lines.rest()[1] else [])"),)}, "that the whole input does not give"),
    ("K7", "checksum", {LINES: (UNCHECKED,)}, "changed octets without effect"),
    ("K8", "line end", {READER: (("offset + len(line))", "offset + len(line) - 1)"),)}, "in no record's span"),
    ("K9", "hash", {READER: (('record_id("observation", ADAPTER, self._device, line)',
                              'record_id("observation", ADAPTER, hash(line))'),)}, "PYTHONHASHSEED"),
    ("K9", "zone", {READER: (('status="final",\n            body_site', 'status="final",\n            handle='
                              '__import__("time").tzname[0],\n            body_site'),)}, "TZ=Pacific/Kiritimati"),
    ("K11", "shared", {READER: (("self._announced: set[str] = set()", "self._announced = _SHARED"),
                                ("class ExampleReader", "_SHARED: set[str] = set()\n\n\nclass ExampleReader"))},
     "four threads"),
    ("K13", "silent", {WRITER: (('cells = ("M", ', 'place = ""\n        cells = ("M", '),)},
     "do not come back"),
    ("K14", "unit", {TABLES: (('"C": "Cel"', '"C": "C"'),)}, "does not measure what its code names"),
    ("K14", "word", {TABLES: (('"C": "Cel"', '"C": "degrees"'),)}, "is not UCUM"),
    ("K14", "kind", {MANIFEST: (('"waveform", ', ""),)}, "not among the manifest's records"),
    ("K14", "reference", {READER: (("device=self._device,\n            code=TEMPERATURE",
                                    "device='0' * 32,\n            code=TEMPERATURE"),)}, "names no record"),
    ("K15", "writer", {WRITER: (("record.device in self._serials and", "self._serials[record.device] and"),
                                ("        place = _place(record)\n        if record.code",
                                 "        self._knows(record)\n        place = _place(record)\n        if record.code"))
     }, "the writer raised KeyError"),
    ("K16", "hint", {READER: (("raise MalformedInput(code, span=origin.span)",
                               "raise MalformedInput(code, span=origin.span, hint=line.decode('latin-1'))"),
                              ('strictness == "strict"', 'strictness == "lenient"'))}, "in an exception"),
    ("K16", "log", {READER: (("from hashlib", "import logging\nfrom hashlib"),
                             (TRY,
                              "        logging.debug('read %r', line)\n" + TRY))},
     "in a log"),
    ("K17", "undeclared", {MANIFEST: (('"subject.identifiers", ', ""),)}, "subject.identifiers.value"),
    ("K18", "socket", {READER: (("from hashlib", "import socket\nfrom hashlib"),)}, "imports socket"),
    ("K18", "vault", {READER: ((FROM, "import iomt_interop.vault\nfrom hashlib"),)}, "imports iomt_interop.vault"),
    ("K18", "file", {READER: ((TRY,
                               "        open('/etc/hostname').close()\n" + TRY),)},
     "a file is opened"),
    ("K19", "slow", {READER: ((TRY,
                               "        __import__('time').sleep(0.03)\n" + TRY),)},
     "of the reference loop's speed"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "how", "patch", "text"), BROKEN, ids=[f"{law}-{how}" for law, how, _, _ in BROKEN])
def test_a_broken_adapter_fails_its_law(tmp_path: Path, law: str, how: str, patch: Patch, text: str) -> None:
    name = f"acme_{law.lower()}_{how.replace(' ', '_')}"
    with copy_of_the_example(tmp_path, name, patch) as (registry, corpus):
        if how == "spec":  # an unknown key: the adapter cannot be used at all
            info = registry.adapters[name].info()
            assert text in str(info.problem)
            return
        report = run_conformance(name, corpus=corpus, registry=registry, laws=[law])
    (result,) = report.laws
    assert result.status == "failed"
    assert not report.passed
    assert any(text in finding.text for finding in result.findings), [finding.text for finding in result.findings]


def test_a_reader_that_asks_for_its_kernels_fails_the_law_of_twins(tmp_path: Path) -> None:
    if "compiled" not in implementation().values():
        pytest.skip("no compiled kernels are installed here")
    asks = "code=TEMPERATURE,\n            handle=sorted(implementation().values())[0],"
    patch = {
        READER: (
            (FROM, f"from iomt_interop._accel import implementation\n{FROM}"),
            ("code=TEMPERATURE,", asks),
        )
    }
    with copy_of_the_example(tmp_path, "acme_k10", patch) as (registry, corpus):
        (result,) = run_conformance("acme_k10", corpus=corpus, registry=registry, laws=["twins"]).laws
    assert result.status == "failed"
    assert "variants differ" in result.findings[0].text


def test_a_changed_record_fails_its_golden(tmp_path: Path) -> None:
    with copy_of_the_example(tmp_path, "acme_k12", {}) as (registry, corpus):
        (missing,) = run_conformance("acme_k12", corpus=corpus, registry=registry, laws=["goldens"]).laws
        assert "there is no ward.wtherm.golden.json" in {f.text.partition(";")[0] for f in missing.findings}
        run_conformance("acme_k12", corpus=corpus, registry=registry, laws=["goldens"], accept=True)
        assert run_conformance("acme_k12", corpus=corpus, registry=registry, laws=["goldens"]).passed
        golden = corpus / "ward.wtherm.golden.json"
        golden.write_text(golden.read_text().replace('"exponent":-2', '"exponent":-1'))
        (changed,) = run_conformance("acme_k12", corpus=corpus, registry=registry, laws=["goldens"]).laws
    assert changed.status == "failed"
    assert "value.exponent: changed" in changed.findings[0].text


def test_the_honest_copy_passes_every_law(tmp_path: Path) -> None:
    with copy_of_the_example(tmp_path, "acme_honest", {}) as (registry, corpus):
        run_conformance("acme_honest", corpus=corpus, registry=registry, laws=["goldens"], accept=True)
        report = run_conformance("acme_honest", corpus=corpus, registry=registry)
    assert [(r.law, r.findings) for r in report.laws if r.status == "failed"] == []
    tried = {result.law for result in report.laws if result.status == "passed"}
    assert tried >= {law.id for law in LAWS} - {"K10"}


def test_every_law_has_a_broken_adapter() -> None:
    assert {law for law, _, _, _ in BROKEN} | {"K10", "K12"} == {law.id for law in LAWS}
