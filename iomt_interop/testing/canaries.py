"""Plant identifiers that can be recognised again, and look wherever they must not turn up."""

from __future__ import annotations

import io
import logging
import re
import tempfile
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from ..model import Coding, Record
from ..model.base import Model
from ..privacy.identifiers import identifying_values
from .corpus import Member

__all__ = ["Canary", "Surfaces", "places", "plant", "surfaces", "told_by"]

_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_HEX: Final = re.compile(r"[0-9A-Fa-f:.-]+")
_VERBATIM: Final = re.compile(r"[\w .,'-]{8,}", re.ASCII)
_DATE: Final = re.compile(r"(?:18|19|20)\d\d-?[01]\d-?[0-3]\d")


@dataclass(frozen=True, slots=True, repr=False)
class Canary:
    """An identifier of a corpus, and the made-up text of the same shape that stands in for it."""

    original: str
    text: str


def plant(members: Sequence[Member], records: Iterable[Record]) -> tuple[tuple[Member, ...], list[Canary]]:
    """Exchange the identifiers of a case for canaries of the same length and shape.

    Parameters
    ----------
    members : sequence of Member
        The case's files.
    records : iterable of Record
        What the adapter reads from them; tells which texts identify somebody or something.

    Returns
    -------
    tuple
        The changed files and the canaries. A text that does not stand in the bytes as UTF-8 (a packed number, an
        escaped name) is not exchanged, nor is a date, which would become another day or none.
    """
    canaries = []
    records = list(records)
    # A text that is a code, too, does not identify wherever it stands.
    codes = b"\n".join(text for record in records for text in _codes(record))
    data = [member.data for member in members]
    originals = sorted({v for v in _candidates(records) if not _DATE.search(v)}, key=lambda v: (-len(v), v))
    for original in originals:
        raw = original.encode("utf-8", "surrogatepass")
        if len(raw) < 4 or raw in codes or not any(raw in part for part in data):
            continue
        text = _disguise(original)
        if text != original and len(text.encode()) == len(raw):
            data = [part.replace(raw, text.encode()) for part in data]
            canaries.append(Canary(original, text))
    return tuple(Member(m.name, part) for m, part in zip(members, data, strict=True)), canaries


def _candidates(records: Iterable[Record]) -> Iterator[str]:
    """Yield texts that identify; of what was kept verbatim only plain words, as the rest is structure or code."""
    for record in records:
        yield from identifying_values([record.replace(extensions=())])
        yield from (text for text in identifying_values([record]) if _VERBATIM.fullmatch(text))


def _disguise(text: str) -> str:
    """Return a text of the same shape: letters for letters, digits for digits, everything else kept."""
    random = Random(text)  # noqa: S311 - the same in every run, not a secret
    out = []
    letters = "ABCDEF" if _HEX.fullmatch(text) else _LETTERS
    for character in text:
        if character.isascii() and character.isdigit():
            out.append(str((int(character) + random.randrange(1, 10)) % 10))
        elif character.isascii() and character.isalpha():
            letter = random.choice([each for each in letters if each != character.upper()])
            out.append(letter if character.isupper() else letter.lower())
        else:
            out.append(character)
    return "".join(out)


def _codes(part: object) -> Iterator[bytes]:
    if isinstance(part, tuple):
        for item in part:
            yield from _codes(item)
    elif isinstance(part, Coding):
        yield from (text for _, text in places(part, ""))
    elif isinstance(part, Model):
        for name in part.model_fields_set:
            yield from _codes(getattr(part, name))


@dataclass
class Surfaces:
    """Everything that was said outside records while something ran."""

    log: io.StringIO = field(default_factory=io.StringIO)
    output: io.StringIO = field(default_factory=io.StringIO)
    warned: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)

    def spoken(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name of each surface and its bytes."""
        yield "log", self.log.getvalue().encode("utf-8", "surrogatepass")
        yield "output", self.output.getvalue().encode("utf-8", "surrogatepass")
        yield "warning", "\n".join(self.warned).encode("utf-8", "surrogatepass")
        yield "temporary file", b"\n".join(self.files)


@contextmanager
def surfaces(folder: Path) -> Iterator[Surfaces]:
    """Catch logs, warnings, output and temporary files.

    Parameters
    ----------
    folder : Path
        An empty folder that serves as the place of temporary files meanwhile.
    """
    caught = Surfaces()
    handler = logging.StreamHandler(caught.log)
    root = logging.getLogger()
    level, temporary = root.level, tempfile.tempdir
    root.addHandler(handler)
    root.setLevel(0)
    tempfile.tempdir = str(folder)
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            redirect_stdout(caught.output),
            redirect_stderr(caught.output),
        ):
            warnings.simplefilter("always")
            yield caught
        caught.warned = [str(warning.message) for warning in warned]
        caught.files = [p.name.encode() + b"\n" + p.read_bytes() for p in folder.rglob("*") if p.is_file()]
    finally:
        tempfile.tempdir = temporary
        root.setLevel(level)
        root.removeHandler(handler)


def told_by(error: BaseException | None) -> bytes:
    """Return everything that an exception tells: its texts, its arguments, its chain, its traceback without locals."""
    parts = []
    while error is not None:
        parts += [str(error), repr(error), repr(error.args), *traceback.format_exception_only(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(parts).encode("utf-8", "surrogatepass")


def places(part: object, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of every text in a record; positions in lists are left out."""
    if isinstance(part, str):
        yield path, part.encode("utf-8", "surrogatepass")
    elif isinstance(part, bytes):
        yield path, part
    elif isinstance(part, tuple):
        for item in part:
            yield from places(item, path)
    elif isinstance(part, Model):
        for name in part.model_fields_set:
            yield from places(getattr(part, name), f"{path}.{name}")
