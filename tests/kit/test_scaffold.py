"""What ``iomt new-adapter`` writes is a package that installs, reads, and keeps the library's laws as it stands."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

import iomt_interop as iomt
from iomt_interop.cli.scaffold import new_adapter
from iomt_interop.errors import InputError, InvalidRequest, LimitExceeded, MalformedInput, UnsupportedFeature
from iomt_interop.model import Device, Observation, Record, Residue
from iomt_interop.plugins import GROUP, DirectoryReader, Evidence, Limits, ReadContext, Registry
from iomt_interop.testing.scaffold import FRAMINGS, MEDIA, Framing, Medium, generate

Members = list[tuple[str | None, bytes]]
MATRIX = [(medium, framing) for medium in MEDIA for framing in FRAMINGS]


@dataclass(frozen=True)
class Made:
    """One generated package, importable but not installed."""

    id: str
    folder: Path
    medium: Medium
    framing: Framing

    @property
    def registry(self) -> Registry:
        return Registry([EntryPoint(self.id, f"{self.id}:adapter.toml", GROUP)])

    @property
    def sample(self) -> Path:
        [sample] = self.registry.get(self.id).samples()
        return sample

    @property
    def inputs(self) -> list[Path]:
        return [self.sample, *sorted(p for p in (self.folder / "fixtures").iterdir() if p.name != "SOURCE.toml")]

    @property
    def one(self) -> Path:
        return next(path for path in self.inputs if path.stem == "one")

    def read(self, parts: Members, size: int = 1 << 20, context: ReadContext | None = None) -> list[Record]:
        records, error = self.outcome(parts, size, context)
        assert error is None
        return records

    def outcome(
        self, parts: Members, size: int = 1 << 20, context: ReadContext | None = None
    ) -> tuple[list[Record], InputError | None]:
        reader = self.registry.get(self.id).reader_factory()(context or ReadContext())
        records: list[Record] = []
        try:
            for name, data in parts:
                if name is not None:
                    assert isinstance(reader, DirectoryReader)
                    records += reader.member(name)
                for start in range(0, len(data), size):
                    buffer = bytearray(data[start : start + size])
                    records += reader.feed(memoryview(buffer))
                    buffer[:] = b"\xa5" * len(buffer)
            records += reader.finish()
        except InputError as error:
            return records, error
        return records, None


def parts_of(path: Path) -> Members:
    if path.is_file():
        return [(None, path.read_bytes())]
    return [(p.relative_to(path).as_posix(), p.read_bytes()) for p in sorted(path.rglob("*")) if p.is_file()]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[Medium, Framing], Made]]:
    into = tmp_path_factory.mktemp("scaffold")
    made = {}
    for medium, framing in MATRIX:
        name = f"made_{medium}_{framing}"
        folder = generate(name, medium=medium, framing=framing, into=into, title="ACME X200", vendor='A "C" ME')
        sys.path.insert(0, str(folder))
        made[medium, framing] = Made(name, folder, medium, framing)
    yield made
    for package in made.values():
        sys.path.remove(str(package.folder))


@pytest.fixture(params=MATRIX, ids=["-".join(pair) for pair in MATRIX])
def made(request: pytest.FixtureRequest, packages: dict[tuple[Medium, Framing], Made]) -> Made:
    return packages[request.param]


class TestGenerated:
    """Each medium with each framing."""

    def test_sources_compile_and_the_manifest_is_valid(self, made: Made) -> None:
        for path in made.folder.rglob("*.py"):
            compile(path.read_text(encoding="utf-8"), str(path), "exec")
        info = made.registry.get(made.id).info()
        assert (info.problem, info.medium, info.title) == (None, made.medium, "ACME X200")
        project = tomllib.loads((made.folder / "pyproject.toml").read_text(encoding="utf-8"))
        assert project["project"]["entry-points"][GROUP] == {made.id: f"{made.id}:adapter.toml"}
        assert os.access(made.folder / ".ci" / "run", os.X_OK)
        told = tomllib.loads((made.folder / "fixtures" / "SOURCE.toml").read_text(encoding="utf-8"))
        assert set(told["files"]) == {path.name for path in made.inputs[1:]}
        assert len(made.inputs) >= 3

    def test_every_input_is_recognised_by_its_content(self, made: Made) -> None:
        for path in made.inputs:
            [candidate] = iomt.sniff(path, registry=made.registry)
            assert candidate.adapter == made.id
            assert candidate.evidence >= Evidence.MAGIC

    def test_the_sample_says_what_the_manual_says(self, made: Made) -> None:
        records = list(iomt.read(made.sample, registry=made.registry))
        devices = [r for r in records if isinstance(r, Device)]
        assert {(r.serial, r.manufacturer, r.model) for r in devices} == {("SN-0001", 'A "C" ME', "ACME X200")}
        rows = [r for r in records if isinstance(r, Observation)]
        assert [r.value.text for r in rows[:6]] == ["72", "97.5", "81", "70", "98.0", "81"]
        assert [r.time.value for r in rows[::3]] == [
            "2026-11-24T10:58:03+01:00", "2026-11-24T10:58:33+01:00", "2026-11-24T11:02:00+01:00",
        ]  # fmt: skip
        assert len({r.subject for r in rows}) == 2
        assert {r.device for r in rows} == {devices[0].id}
        assert not [r for r in records if r.kind in {"residue", "issue"}]

    def test_the_cuts_do_not_matter(self, made: Made) -> None:
        for path in made.inputs:
            parts = parts_of(path)
            whole = made.read(parts)
            assert made.read(parts, context=ReadContext(strictness="strict")) == whole
            for size in (1, 2, 3, 7, 100):
                assert made.read(parts, size) == whole

    def test_cut_off_anywhere_what_was_whole_comes_out(self, made: Made) -> None:
        parts = parts_of(made.one)
        whole = made.read(parts)
        for number, (name, data) in enumerate(parts):
            for stop in range(len(data)):
                rest: Members = [*parts[:number], (name, data[:stop])]
                records, error = made.outcome(rest)
                if error is not None:
                    assert records == whole[: len(records)]
                else:  # a document that lacks its last blank is whole, with another digest
                    told = {r.kind for r in records} & {"residue", "issue"}
                    kinds = [r.kind for r in records]
                    assert told or kinds == [r.kind for r in whole][: len(kinds)]
                assert made.outcome(rest, 3)[0] == records

    def test_any_octets_give_records_or_an_input_error(self, made: Made) -> None:
        chance = random.Random(made.id)
        parts = parts_of(made.sample)
        limited = ReadContext(limits=Limits(max_unit=300, max_depth=4))
        for _ in range(150):
            number = chance.randrange(len(parts))
            name, data = parts[number]
            changed = bytearray(data if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 600)))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(changed))
                changed[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(1, 3))
            damaged: Members = [*parts[:number], (name, bytes(changed)), *parts[number + 1 :]]
            for context in (ReadContext(), ReadContext(strictness="strict"), limited):
                records, error = made.outcome(damaged, context=context)
                slow, other = made.outcome(damaged, 5, context)
                assert slow == records
                assert str(other) == str(error)

    def test_a_changed_octet_changes_something(self, made: Made) -> None:
        parts = parts_of(made.one)
        whole = [r.replace(provenance=r.provenance.replace(digest=None)) for r in made.read(parts)]
        name, data = parts[-1]
        for offset in range(len(data)):
            if made.framing in {"json", "xml"} and data[offset : offset + 1].isspace():
                continue
            changed = bytearray(data)
            changed[offset] ^= 1
            records, error = made.outcome([*parts[:-1], (name, bytes(changed))])
            bare = [r.replace(provenance=r.provenance.replace(digest=None)) for r in records]
            assert error is not None or _without_ids(bare) != _without_ids(whole)

    def test_a_long_unit_is_an_error_and_not_memory(self, made: Made) -> None:
        name, data = parts_of(made.sample)[0]
        context = ReadContext(limits=Limits(max_unit=20))
        fast, slow = made.outcome([(name, data)], context=context), made.outcome([(name, data)], 1, context)
        assert isinstance(fast[1], LimitExceeded)
        assert (fast[0], str(fast[1])) == (slow[0], str(slow[1]))

    def test_damage_is_kept_or_refused(self, made: Made) -> None:
        parts = parts_of(made.sample)
        name, data = parts[-1]
        at = data.index(b"PAT-0012")
        changed = data[:at] + b"\xff" + data[at + 1 :]
        damaged: Members = [*parts[:-1], (name, changed)]
        residues = [r for r in made.read(damaged) if isinstance(r, Residue)]
        assert b"".join(r.raw for r in residues).count(b"\xffAT-0012") == 1
        _, error = made.outcome(damaged, context=ReadContext(strictness="strict"))
        assert error is not None
        assert "AT-0012" not in repr(error)
        assert error.__context__ is None or error.__suppress_context__


def _without_ids(records: Sequence[Record]) -> bytes:
    text = iomt.model.to_json(records)
    for number, record in enumerate(records):
        text = text.replace(record.id.encode(), b"#%d" % number)
    return text


def test_an_xml_document_type_is_refused(packages: dict[tuple[Medium, Framing], Made]) -> None:
    made = packages["file", "xml"]
    hostile = b'<!DOCTYPE x [<!ENTITY a "b">]>' + made.one.read_bytes()
    assert isinstance(made.outcome([(None, hostile)])[1], UnsupportedFeature)


def test_nesting_is_limited(packages: dict[tuple[Medium, Framing], Made]) -> None:
    deep = {"json": b'{"x":' + b"[" * 10**5, "xml": b"<made_file_xml>" + b"<a>" * 10**5}
    for framing, data in deep.items():
        assert isinstance(packages["file", framing].outcome([(None, data)])[1], LimitExceeded)  # type: ignore[index]


def test_numbers_of_json_stay_as_written(packages: dict[tuple[Medium, Framing], Made]) -> None:
    made = packages["file", "json"]
    for text in ("97.50", "9.75e1", "-0", "1" * 100):
        data = made.one.read_bytes().replace(b'"spo2":97.5', b'"spo2":' + text.encode())
        [_, value, _] = [r.value for r in made.read([(None, data)]) if isinstance(r, Observation)]
        assert (value.literal or value.text) == text


def test_unknown_fields_are_kept_and_missing_ones_told(packages: dict[tuple[Medium, Framing], Made]) -> None:
    made = packages["file", "json"]
    data = made.one.read_bytes().replace(b'"note"', b'"mood":{"x":[1.0,"\\ud800"]},"nota"')
    records = made.read([(None, data)])
    row = next(r for r in records if isinstance(r, Observation))
    kept = {e.path: e.value for e in row.extensions}
    assert kept == {"sequence": "17", "mood": '{"x":[1.0,"\\ud800"]}', "nota": '""'}
    assert [(r.code, r.path) for r in records if r.kind == "issue"] == [("MADEFILEJSON-007", "note")]


def test_a_stray_frame_is_skipped_and_kept(packages: dict[tuple[Medium, Framing], Made]) -> None:
    made = packages["stream", "binary"]
    data = made.sample.read_bytes()
    first = 6 + data[2] + 2
    broken = bytearray(data)
    broken[2] = 0xFF  # the length of the first frame: it would swallow the others
    records = made.read([(None, b"noise\xaa\x55\xaa" + bytes(broken))])
    [residue] = [r for r in records if isinstance(r, Residue)]
    assert residue.raw == b"noise\xaa\x55\xaa" + bytes(broken[:first])
    assert len([r for r in records if isinstance(r, Observation)]) == 9


def test_the_files_of_a_directory_are_told_apart(packages: dict[tuple[Medium, Framing], Made]) -> None:
    made = packages["directory", "line"]
    parts = parts_of(made.sample)
    records = made.read([*parts, ("readings.tmp", b"what is this")])
    assert [r.raw for r in records if isinstance(r, Residue)] == [b"what is this"]
    for record in records:
        assert record.provenance.path is not None
        assert record.provenance.path.startswith(("device.txt", "readings"))
    strict = made.outcome([("readings.tmp", b"x")], context=ReadContext(strictness="strict"))
    assert isinstance(strict[1], MalformedInput)


def test_a_reading_without_a_header_is_told_in_a_stream_and_a_file(
    packages: dict[tuple[Medium, Framing], Made],
) -> None:
    for medium in ("stream", "file"):
        made = packages[medium, "line"]
        lines = made.sample.read_bytes().splitlines(keepends=True)
        records = made.read([(None, lines[1])])
        assert [r.device for r in records if isinstance(r, Observation)] == [None] * 3
        assert [r.code for r in records if r.kind == "issue"] == [f"MADE{medium.upper()}LINE-008"]
        twice = made.read([(None, lines[0] + lines[1] + lines[0])])
        assert [r.kind for r in twice].count("device") == (2 if medium == "stream" else 1)
        assert [r.kind for r in twice].count("residue") == (0 if medium == "stream" else 1)


class TestRefusals:
    """Nothing is overwritten, nothing is half-written."""

    @pytest.mark.parametrize(
        "name", ["", "Acme", "acme-x", "acme__x", "_a", "a_", "9a", "json", "class", "iomt_interop", "../x", "a" * 41]
    )
    def test_a_bad_id(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequest):
            generate(name, medium="file", framing="csv", into=tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_bad_word(self, tmp_path: Path) -> None:
        for title in ("", "two\nlines", "\x1b[1m"):
            with pytest.raises(InvalidRequest):
                generate("acme", medium="file", framing="csv", into=tmp_path, title=title)
        with pytest.raises(InvalidRequest):
            generate("acme", medium="tape", framing="csv", into=tmp_path)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest):
            generate("acme", medium="file", framing="morse", into=tmp_path)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir())

    def test_an_existing_folder(self, tmp_path: Path) -> None:
        (tmp_path / "acme").mkdir()
        with pytest.raises(InvalidRequest):
            generate("acme", medium="file", framing="csv", into=tmp_path)
        assert not list((tmp_path / "acme").iterdir())
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InvalidRequest):
            generate("acme", medium="file", framing="csv", into=tmp_path / "file")

    def test_a_failure_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Path, data: bytes) -> int:
            raise OSError(28, "full")

        monkeypatch.setattr(Path, "write_bytes", fail)
        with pytest.raises(InvalidRequest):
            generate("acme", medium="file", framing="csv", into=tmp_path)
        assert not list(tmp_path.iterdir())

    def test_the_command(self, tmp_path: Path) -> None:
        app = Typer()
        app.command()(new_adapter)
        wanted = ["acme_x200", "--medium", "file", "--framing", "csv", "--into", str(tmp_path)]
        first, second = CliRunner().invoke(app, wanted), CliRunner().invoke(app, wanted)
        assert (first.exit_code, second.exit_code) == (0, 2)
        assert (tmp_path / "acme_x200" / "acme_x200" / "tables.py").is_file()
        assert CliRunner().invoke(app, [*wanted[:4], "morse"]).exit_code == 2


class TestStyle:
    """What vendors learn from is clean by this project's own rules."""

    def test_ruff(self, packages: dict[tuple[Medium, Framing], Made], root: Path) -> None:
        if importlib.util.find_spec("ruff") is None:
            pytest.skip("ruff is not installed")
        for made in packages.values():
            for command in (["check"], ["check", "--config", str(root / "pyproject.toml")], ["format", "--check"]):
                words = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
                done = subprocess.run(words, cwd=made.folder, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_mypy(
        self,
        framing: Framing,
        packages: dict[tuple[Medium, Framing], Made],
        tmp_path_factory: pytest.TempPathFactory,
        root: Path,
    ) -> None:
        if importlib.util.find_spec("mypy") is None:
            pytest.skip("mypy is not installed")
        cache = tmp_path_factory.getbasetemp() / "mypy"
        for medium in ("file", "message", "directory"):
            words = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(cache)]
            done = subprocess.run(
                words, cwd=packages[medium, framing].folder, capture_output=True, text=True, check=False,
                env=os.environ | {"MYPYPATH": str(root)},
            )  # fmt: skip
            assert done.returncode == 0, done.stdout


def _chosen() -> list[tuple[Medium, Framing]]:
    """Return all pairs, or one for each framing in which every medium appears."""
    if os.environ.get("IOMT_SCAFFOLD_MATRIX") == "full":
        return MATRIX
    return [(MEDIA[number % len(MEDIA)], framing) for number, framing in enumerate(FRAMINGS)]


def _run(*words: str | Path, cwd: Path) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "IOMT_", "PIP_USER"))}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False,
        env=clean | {"IOMT_INTEROP_BUILD": "pure", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return an environment with this library's wheel, what it needs, pytest and setuptools."""
    if not (root / "setup.py").is_file():
        pytest.skip("no source tree")
    work = tmp_path_factory.mktemp("base")
    source = work / "source"
    source.mkdir()
    # A copy: building leaves files in the folder that is built.
    listed = ["iomt_interop", "ext", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE"]
    _run("cp", "-r", *(root / name for name in listed), source, cwd=work)
    _run(sys.executable, "-m", "venv", work / "env", cwd=work)
    python = work / "env" / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", "setuptools>=77", f"{source}[test]", cwd=work)
    return python


class TestInstalledWheels:
    """Slow: build the wheel, install it into a clean environment, run its own tests and translate there."""

    @pytest.mark.parametrize(("medium", "framing"), _chosen())
    def test_it_installs_and_passes_its_own_tests(
        self, medium: Medium, framing: Framing, base: Path, tmp_path: Path
    ) -> None:
        # Made by the installed library, so that its wheel is known to hold the templates.
        make = "import sys; from iomt_interop.testing.scaffold import generate as g;"
        make += "g(sys.argv[1], medium=sys.argv[2], framing=sys.argv[3])"
        folder = tmp_path / f"acme_{framing}"
        _run(base, "-I", "-c", make, folder.name, medium, framing, cwd=tmp_path)
        wheels, env = tmp_path / "wheels", tmp_path / "env"
        _run(base, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "-w", wheels, ".", cwd=folder)
        [wheel] = wheels.iterdir()
        _run(base, "-m", "venv", "--without-pip", env, cwd=tmp_path)
        python = env / "bin" / "python"
        [site] = env.glob("lib/python*/site-packages")
        packages = base.parent.parent / site.relative_to(env)
        (site / "base.pth").write_text(f"{packages}\n", encoding="utf-8")
        install = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
        _run(base, "-m", "pip", *install, cwd=tmp_path)
        fixture = next(path for path in (folder / "fixtures").iterdir() if path.name.partition(".")[0] == "one")
        accept = (
            "import sys; from iomt_interop.testing import run_conformance as run;"
            "sys.exit(not run(sys.argv[1], corpus='fixtures', accept=True).passed)"
        )
        _run(python, "-I", "-c", accept, folder.name, cwd=folder)
        # The installed package is what is tested, not the folder beside the tests.
        (folder / folder.name).rename(tmp_path / "moved")
        shutil.rmtree(folder / "build", ignore_errors=True)
        assert " passed" in _run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
        out = _run(python, "-m", "iomt_interop.cli", "translate", fixture, "--to", "fhir_r4", cwd=tmp_path)
        assert '"value":97.5' in out
