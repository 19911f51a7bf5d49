"""An allow-list permits what was pinned, to the octet, and nothing else."""

from __future__ import annotations

import base64
import sys
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from iomt_interop.errors import AdapterContractError, AdapterRefused, AdapterUnavailable
from iomt_interop.facade import adapters, read, sniff
from iomt_interop.plugins import (
    ALLOW_VARIABLE,
    GROUP,
    AllowList,
    Registry,
    allow_list_text,
    distribution_digest,
    parse_allow_list,
    wheel_digest,
    wheel_pins,
)

MANIFEST = """
spi = 1
id = "acme_pinned"
title = "A test device"
medium = "file"
directions = ["read"]
records = ["event"]
clock = "utc"
status = "alpha"
reader = "acme_pinned.reader:make_reader"
[[sniff.magic]]
bytes = "AA55"
"""
READER = (
    "class Reader:\n    feed = lambda self, chunk: []\n    finish = lambda self: []\nmake_reader = lambda c: Reader()\n"
)
INFO = "acme_pinned-1.2.dist-info"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel as a build would make it."""
    files = {
        "acme_pinned/__init__.py": "",
        "acme_pinned/reader.py": READER,
        "acme_pinned/adapter.toml": MANIFEST,
        f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: acme.pinned\nVersion: 1.2\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/entry_points.txt": f"[{GROUP}]\nacme_pinned = acme_pinned:adapter.toml\n",
    }
    rows = []
    path = tmp_path / "acme_pinned-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")
            rows.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr(f"{INFO}/RECORD", "\n".join([*rows, f"{INFO}/RECORD,,"]) + "\n")
    return path


@pytest.fixture
def site(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the wheel as an installer does, and return the folder."""
    folder = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    record = folder / INFO / "RECORD"
    (folder / INFO / "INSTALLER").write_text("pip\n")
    (folder / INFO / "direct_url.json").write_text('{"url": "file:///wheels/x.whl", "archive_info": {}}')
    compiled = "acme_pinned/__pycache__/reader.cpython-311.pyc,,"
    record.write_text(
        record.read_text() + f"{INFO}/INSTALLER,sha256=AAAA,4\n{compiled}\n../../../bin/x,sha256=AAAA,4\n"
    )
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.startswith("acme_pinned")]:
        del sys.modules[name]


def registry(site: Path, allow: AllowList | None) -> Registry:
    dist = PathDistribution(site / INFO)
    return Registry(list(dist.entry_points.select(group=GROUP)), allow=allow)


def test_the_digest_of_the_wheel_is_that_of_what_is_installed(wheel: Path, site: Path) -> None:
    assert wheel_digest(wheel) == distribution_digest(PathDistribution(site / INFO))
    (pin,) = wheel_pins(wheel)
    assert (pin.id, pin.distribution, pin.version) == ("acme_pinned", "acme.pinned", "1.2")
    assert parse_allow_list(allow_list_text([pin])).pins == (pin,)


def test_a_pinned_adapter_reads(wheel: Path, site: Path) -> None:
    allowed = registry(site, AllowList(tuple(wheel_pins(wheel))))
    assert [info.problem for info in adapters(registry=allowed)] == [None]
    assert list(read(b"\xaa\x55", registry=allowed)) == []


@pytest.mark.parametrize("changed", ["reader.py", "adapter.toml"])
def test_a_changed_file_is_refused_before_it_runs(wheel: Path, site: Path, changed: str) -> None:
    pins = AllowList(tuple(wheel_pins(wheel)))
    path = site / "acme_pinned" / changed
    path.write_text(path.read_text() + "\n# changed\n" + ("raise SystemExit\n" if changed == "reader.py" else ""))
    with pytest.raises(AdapterRefused, match="ADP-008"):
        list(read(b"\xaa\x55", adapter="acme_pinned", registry=registry(site, pins)))
    assert "acme_pinned" not in sys.modules


def test_what_is_not_pinned_is_listed_with_its_problem_and_takes_no_part(wheel: Path, site: Path) -> None:
    (pin,) = wheel_pins(wheel)
    for pins in ((), (pin.__class__(pin.id, pin.distribution, "1.3", pin.digest),)):
        refused = registry(site, AllowList(pins))
        (info,) = adapters(registry=refused)
        assert info.problem is not None
        assert "ADP-007" in info.problem
        assert sniff(b"\xaa\x55", registry=refused) == []
        with pytest.raises(AdapterRefused, match="ADP-007"):
            list(read(b"\xaa\x55", adapter="acme_pinned", registry=refused))


@pytest.mark.parametrize("note", ['{"dir_info": {"editable": true}}', None])
def test_an_install_without_a_record_of_its_files_is_refused(wheel: Path, site: Path, note: str | None) -> None:
    pins = AllowList(tuple(wheel_pins(wheel)))
    if note is None:
        (site / INFO / "RECORD").unlink()
    else:
        (site / INFO / "direct_url.json").write_text(note)
    with pytest.raises(AdapterUnavailable, match="ADP-004"):
        distribution_digest(PathDistribution(site / INFO))
    with pytest.raises(AdapterRefused, match="ADP-008"):
        registry(site, pins).get("acme_pinned").reader_factory()


def test_the_environment_names_the_list_and_a_bad_one_permits_nothing(
    wheel: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "allow.toml"
    monkeypatch.setenv(ALLOW_VARIABLE, str(path))
    for text, problem in (
        (allow_list_text(wheel_pins(wheel)), None),
        ("[[adapter]]\nid = 'acme_pinned'", "ADP-009"),
        ("", "ADP-007"),
        (None, "ADP-009"),
    ):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        (info,) = adapters(registry=registry(site, None))
        assert (info.problem or "").startswith(problem or "")
        assert (info.problem is None) == (problem is None)


def test_the_adapters_of_the_library_itself_are_always_permitted() -> None:
    infos = adapters(registry=Registry(allow=AllowList(())))
    assert {info.id for info in infos if info.distribution == "iomt_interop" and info.problem is None} >= {"example"}


@pytest.mark.parametrize(
    "text",
    ["adapter = 1", "[[adapter]]\nid = 1", "colour = 1", "=", "[[adapter]]\nid='a'\ndistribution='b'\nversion='1'\n"
     "digest='sha256:12'"],
)  # fmt: skip
def test_a_list_that_is_not_valid_is_an_error(text: str) -> None:
    with pytest.raises(AdapterContractError, match="ADP-009"):
        parse_allow_list(text)


def test_a_damaged_wheel_has_no_digest(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("acme_pinned/reader.py", "import os\n")
    for path in (wheel, tmp_path / "none.whl", Path(__file__)):
        with pytest.raises(AdapterUnavailable, match="ADP-004"):
            wheel_digest(path)
