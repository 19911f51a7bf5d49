"""Copies of the example adapter, each broken in one place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import Distribution, EntryPoint, PathDistribution
from pathlib import Path

import pytest

import iomt_interop
from iomt_interop.plugins import GROUP, Registry

__all__ = ["Patch", "copy_of_the_example", "registry_of"]

SOURCE = Path(iomt_interop.__file__).parent / "adapters" / "example"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "example"

Patch = Mapping[str, tuple[tuple[str, str], ...]]
"""File to what is replaced in it; each text must stand there."""


@contextmanager
def copy_of_the_example(folder: Path, name: str, patch: Patch) -> Iterator[tuple[Registry, Path]]:
    """Make a package of the example under another id, and yield a registry that knows it and a corpus folder."""
    home = folder / name
    (home / "samples").mkdir(parents=True)
    for path in SOURCE.glob("*"):
        if path.suffix in {".py", ".toml"}:
            text = path.read_text()
            text = text.replace("from ...", "from iomt_interop.").replace('"example"', f'"{name}"')
            text = text.replace("iomt_interop.adapters.example", name)
            for old, new in patch.get(path.name, ()):
                assert old in text, f"{path.name} has no {old!r}"
                text = text.replace(old, new)
            (home / path.name).write_text(text)
    shutil.copy(SOURCE / "samples" / "ward.wtherm", home / "samples")
    corpus = folder / "corpus"
    shutil.copytree(FIXTURES, corpus, ignore=shutil.ignore_patterns("*.golden.json", "__pycache__"))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:adapter.toml\n")
    dist: Distribution = PathDistribution(info)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        yield registry_of(dist), corpus


def registry_of(*dists: Distribution) -> Registry:
    """Return a registry of some distributions, with FHIR as the one other adapter."""
    points = [point for dist in dists for point in dist.entry_points.select(group=GROUP)]
    points.append(EntryPoint("fhir_r4", "iomt_interop.adapters.fhir_r4:adapter.toml", GROUP))
    return Registry(points)
