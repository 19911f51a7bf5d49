"""The inputs that an adapter is tried on: its manifest's samples and the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..errors import InvalidRequest
from ..plugins import Adapter
from .options import OPTIONS_FILE, Options

__all__ = ["GOLDEN", "Case", "Member", "load_corpus"]

GOLDEN: Final = ".golden.json"
"""Suffix of the expected records of a case."""

_NOT_INPUTS: Final = (OPTIONS_FILE, "SOURCE.toml", "*.py", "*.md", f"*{GOLDEN}", "__pycache__*")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a case; a case of a directory adapter has several."""

    name: str | None
    """Path relative to the directory; ``None`` for the single file of other media."""
    data: bytes


@dataclass(frozen=True)
class Case:
    """One input."""

    name: str
    members: tuple[Member, ...]
    golden: Path | None = None
    """Where its expected records are or would be; ``None`` for a sample inside an installed package."""
    path: Path | None = None

    @property
    def data(self) -> bytes:
        """The bytes of a case of one file; of a directory, those of its files one after another."""
        return b"".join(member.data for member in self.members)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names and contents."""
        total = sha256()
        for member in self.members:
            total.update(b"%s\0%d\0" % ((member.name or "").encode(), len(member.data)))
            total.update(member.data)
        return total.hexdigest()

    def replaced(self, number: int, data: bytes) -> tuple[Member, ...]:
        """Return the members with the bytes of one of them exchanged."""
        changed = Member(self.members[number].name, data)
        return (*self.members[:number], changed, *self.members[number + 1 :])


def load_corpus(adapter: Adapter, folder: Path | None, options: Options) -> list[Case]:
    """Return the samples of the manifest and the inputs of a folder, by name.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the folder does not exist.
    """
    if folder is not None and not folder.is_dir():
        raise InvalidRequest("USE-001", path="corpus", hint="the folder does not exist")
    whole = adapter.manifest is not None and adapter.manifest.medium == "directory"
    samples = [path for path in adapter.samples() if path.exists()]  # K1 asks for those that are missing
    cases = {f"samples/{path.name}": _case(f"samples/{path.name}", path, None) for path in samples}
    for path in _inputs(folder, whole) if folder is not None else ():
        name = path.relative_to(folder or path).as_posix()
        if any(fnmatchcase(name, pattern) or fnmatchcase(path.name, pattern) for pattern in options.exclude):
            continue
        cases[name] = _case(name, path, path.with_name(path.name + GOLDEN))
    return [cases[name] for name in sorted(cases)]


def _inputs(folder: Path, whole: bool) -> Iterator[Path]:
    for path in sorted(folder.iterdir() if whole else folder.rglob("*")):
        hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
        kind = path.is_dir() if whole else path.is_file()
        if kind and not hidden and not any(fnmatchcase(path.name, pattern) for pattern in _NOT_INPUTS):
            yield path


def _case(name: str, path: Path, golden: Path | None) -> Case:
    if not path.is_dir():
        return Case(name, (Member(None, path.read_bytes()),), golden, path)
    files = sorted((p.relative_to(path).as_posix(), p) for p in path.rglob("*") if p.is_file())
    return Case(name, tuple(Member(relative, file.read_bytes()) for relative, file in files), golden, path)
