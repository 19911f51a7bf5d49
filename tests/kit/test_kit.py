"""The kit's own parts: corpus, options, waivers, comparison, canaries, report, suite."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from hashlib import sha256
from pathlib import Path

import jsonschema
import pytest
from support.broken import copy_of_the_example
from support.records import SECRET, every_kind

from iomt_interop.errors import AdapterNotFound, InvalidRequest, MalformedInput
from iomt_interop.model import Observation, Quantity
from iomt_interop.plugins import Registry
from iomt_interop.testing import (
    LAWS,
    Kit,
    adapter_suite,
    assert_records_equal,
    differences,
    foreign_inputs,
    plant,
    report_schema,
    run_conformance,
    surfaces,
)
from iomt_interop.testing.canaries import told_by
from iomt_interop.testing.kit import cut

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
UNDECLARED = {"adapter.toml": (('"subject.identifiers", ', ""),)}


def waiver(until: str, law: str = "K17") -> str:
    return f'[[waiver]]\nlaw = "{law}"\nreason = "the vendor renames its fields"\nuntil = {until}\n'


def test_a_waiver_covers_a_finding_until_its_last_day(tmp_path: Path) -> None:
    with copy_of_the_example(tmp_path, "acme_waived", UNDECLARED) as (registry, corpus):
        options = corpus / "conformance.toml"
        for until, status, passed in (("2999-12-31", "waived", True), ("2020-01-01", "failed", False)):
            options.write_text(waiver(until))
            report = run_conformance("acme_waived", corpus=corpus, registry=registry, laws=["phi"])
            assert (report.laws[0].status, report.passed) == (status, passed)
        assert report.laws[0].findings[0].waived is None


@pytest.mark.parametrize(
    "text",
    ["waiver = 1", "colour = 'red'", "[[waiver]]\nlaw = 'K1'\nuntil = 2026-01-01", "= nothing", waiver("'soon'")],
)
def test_options_that_are_not_valid_are_an_error(tmp_path: Path, text: str) -> None:
    with copy_of_the_example(tmp_path, "acme_options", {}) as (registry, corpus):
        (corpus / "conformance.toml").write_text(text)
        with pytest.raises(InvalidRequest) as caught:
            run_conformance("acme_options", corpus=corpus, registry=registry)
    assert caught.value.path is not None
    assert caught.value.path.startswith("conformance.toml")


def test_a_run_without_a_case_fails(tmp_path: Path) -> None:
    patch = {"adapter.toml": (('samples = ["samples/ward.wtherm"]', "samples = []"),)}
    with copy_of_the_example(tmp_path, "acme_empty", patch) as (registry, _):
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(InvalidRequest, match="no case was collected"):
            run_conformance("acme_empty", corpus=empty, registry=registry)
        suite = adapter_suite("acme_empty", corpus=empty, registry=registry)
        with pytest.raises(pytest.fail.Exception, match="no case was collected"):
            suite().test_something_was_collected()  # type: ignore[attr-defined]


def test_a_suite_says_which_law_and_how_to_mend_it(tmp_path: Path) -> None:
    with copy_of_the_example(tmp_path, "acme_suite", UNDECLARED) as (registry, corpus):
        suite = adapter_suite("acme_suite", corpus=corpus, registry=registry, laws=("phi",))
        (mark,) = suite.test_law.pytestmark  # type: ignore[attr-defined]
        law, case = mark.args[1][0]
        with pytest.raises(pytest.fail.Exception, match=r"K17 Identifiers[^\0]*subject\.identifiers") as caught:
            suite().test_law(law, case)  # type: ignore[attr-defined]
    assert law.mend in str(caught.value)
    assert suite.__module__ == __name__


def test_unknown_names_are_errors() -> None:
    with pytest.raises(AdapterNotFound):
        run_conformance("acme_nobody")
    with pytest.raises(InvalidRequest, match="K1 manifest"):
        run_conformance("example", laws=["gravity"])
    with pytest.raises(InvalidRequest, match="folder does not exist"):
        run_conformance("example", corpus="/nowhere/at/all")


def test_the_report_fits_its_schema_and_its_digest(tmp_path: Path) -> None:
    report = run_conformance("example", corpus=FIXTURES / "example", laws=["canonical", "writers", "throughput"])
    document = json.loads(report.to_json())
    jsonschema.validate(document, report_schema())
    digest = document.pop("digest")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert digest == sha256(text.encode()).hexdigest()
    assert document["passed"]
    assert document["records"]["observation"] == 7
    assert document["throughput"] > 0
    # No identifier of the corpus is in a report, which may be published.
    assert not any(name in report.to_json() for name in (b"EX-80231", b"WT-004711"))


def test_the_report_counts_what_each_writer_could_not_say() -> None:
    losses = run_conformance("hl7v2_oru", corpus=FIXTURES / "hl7v2_oru", laws=["writers"]).losses
    # The thermometer's protocol says temperatures alone.
    assert losses["example"]["alert.*"] >= 1
    assert all(count > 0 for counts in losses.values() for count in counts.values())


def test_the_laws_are_numbered_and_told() -> None:
    assert [law.id for law in sorted(LAWS, key=lambda law: int(law.id[1:]))] == [f"K{n}" for n in range(1, 20)]
    for law in LAWS:
        assert (law.each is None) != (law.whole is None)
        assert min(map(len, (law.checks, law.fails, law.mend))) > 40


def test_differences_name_the_field() -> None:
    (one,) = [record for record in every_kind() if isinstance(record, Observation)]
    other = one.replace(value=Quantity.from_text("98.0"), native_status="R")
    assert [repr(each) for each in differences([other], [one])] == [
        "[0].value.mantissa: changed",
        "[0].value.exponent: changed",
        "[0].native_status: type",
    ]
    assert differences([other], [one], ignore=("value", "native_status")) == []
    assert [each.kind for each in differences([one, one], [one])] == ["unexpected"]
    assert [each.kind for each in differences([], [one])] == ["missing"]
    assert_records_equal(every_kind(), every_kind())


def test_the_message_shows_values_only_when_it_is_asked_to() -> None:
    records = every_kind()
    subject = next(record for record in records if record.kind == "subject")
    other = subject.replace(identifiers=())
    with pytest.raises(AssertionError) as caught:
        assert_records_equal([other], [subject])
    assert "identifiers[0]: missing" in str(caught.value)
    assert SECRET not in str(caught.value)
    with pytest.raises(AssertionError, match="is not"):
        assert_records_equal(["98.0"], ["97.0"], values=True)  # type: ignore[list-item]


def test_canaries_have_the_shape_of_what_they_stand_for() -> None:
    kit = Kit("hl7v2_oru", FIXTURES / "hl7v2_oru")
    for case in kit.cases:
        members, canaries = plant(case.members, kit.whole(case).records)
        assert [len(m.data) for m in members] == [len(m.data) for m in case.members]
        assert canaries
        for canary in canaries:
            assert canary.original.encode() not in members[0].data
            assert [c.isdigit() for c in canary.text] == [c.isdigit() for c in canary.original]
            assert [c.isalpha() for c in canary.text] == [c.isalpha() for c in canary.original]
        assert len(kit.read(members).records) == len(kit.whole(case).records)


def test_surfaces_catch_what_is_said(tmp_path: Path) -> None:
    with surfaces(tmp_path) as said:
        logging.getLogger("anything").debug("log %s", SECRET)
        warnings.warn(f"warning {SECRET}", stacklevel=1)
        print(f"output {SECRET}")
        Path(tempfile.gettempdir(), "note").write_text(SECRET)
    assert {name for name, text in said.spoken() if SECRET.encode() in text} == {
        "log", "warning", "output", "temporary file",
    }  # fmt: skip
    assert tempfile.gettempdir() != str(tmp_path)


def test_what_an_exception_tells_goes_down_its_chain() -> None:
    def fail(*, chained: bool) -> None:
        try:
            int(SECRET)
        except ValueError:
            if chained:
                raise MalformedInput("EXA-003")  # noqa: B904 - the chain is what is tested
            raise MalformedInput("EXA-003") from None

    for chained in (True, False):
        with pytest.raises(MalformedInput) as caught:
            fail(chained=chained)
        assert (SECRET.encode() in told_by(caught.value)) is chained


def test_a_cut_is_whole() -> None:
    data = bytes(range(10))
    for cuts in ([], [0], [3, 3, 7], [10], [5, 20]):
        assert b"".join(cut(data, cuts)) == data
    assert list(cut(data, [3, 3])) == [data[:3], b"", data[3:]]


def test_foreign_inputs_are_the_same_in_every_run() -> None:
    first, second = dict(foreign_inputs()), dict(foreign_inputs())
    assert first == second
    assert len(first) > 60


def test_a_reader_that_keeps_a_view_reads_rubbish() -> None:
    kept: list[memoryview] = []

    class Keeper:
        def feed(self, chunk: memoryview) -> list[object]:
            kept.append(chunk)
            return []

        def finish(self) -> list[object]:
            return []

    kit = Kit("example", registry=Registry())
    kit.reader = lambda context=None: Keeper()  # type: ignore[assignment,method-assign]
    kit.read(kit.cases[0].members)
    assert bytes(kept[0]) == b"\xa5" * len(kept[0])
