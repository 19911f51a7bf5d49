"""One adapter under trial: how its reader is run, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from ..errors import IomtError
from ..model import Record, to_json
from ..plugins import (
    Adapter,
    DirectoryReader,
    Manifest,
    ReadContext,
    Reader,
    Registry,
    check_directory_reader,
    check_reader,
    default_registry,
    guarded,
)
from .corpus import Case, Member, load_corpus
from .options import Options, load_options

__all__ = ["Kit", "Outcome", "cut"]

BUDGET: Final = 1 << 19
"""Octets that a law may read for one case when it tries many variants; ``--thorough`` allows 16 times as many."""

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a reader gave: records, and the error with which it stopped, if it did."""

    records: tuple[Record, ...]
    error: IomtError | None = None
    fed: int = 0
    """How many of the records came before the end of the input was announced."""

    @property
    def failure(self) -> tuple[str, str, str | None, tuple[int, int] | None] | None:
        """Class, code, path and span of the error."""
        e = self.error
        return None if e is None else (type(e).__name__, e.code, e.path, e.span)

    @cached_property
    def text(self) -> bytes:
        """The records as canonical JSON."""
        return to_json(self.records)

    @property
    def digest(self) -> str:
        """SHA-256 of records and error."""
        return sha256(self.text + repr(self.failure).encode()).hexdigest()

    @cached_property
    def essence(self) -> bytes:
        """The records without what follows from the bytes alone: digests of the source, and ids made of them."""
        text = re.sub(rb'"digest":"[0-9a-f]{64}"', b'"digest":""', self.text)
        for number, record in enumerate(self.records):
            text = text.replace(record.id.encode(), b"#%d" % number)
        return text + repr(self.failure).encode()

    def same(self, other: Outcome) -> bool:
        """Tell whether records and error are equal."""
        return self.failure == other.failure and self.records == other.records


@dataclass
class Kit:
    """An adapter, its cases, and how to try it.

    Parameters
    ----------
    adapter_id : str
        Id of an installed adapter, or of one in ``registry``.
    corpus : Path, optional
        Folder of inputs; without it the samples that the manifest names are tried alone.
    registry : Registry, optional
        Where to look for adapters; by default all that are installed.
    accept : bool
        Write the golden files anew instead of comparing with them.
    thorough : bool
        Try 16 times as many variants.
    """

    adapter_id: str
    corpus: Path | None = None
    registry: Registry = field(default_factory=default_registry)
    accept: bool = False
    thorough: bool = False
    measured: dict[str, object] = field(default_factory=dict)
    """What laws measured beside passing or failing; it goes into the report."""

    @cached_property
    def adapter(self) -> Adapter:
        """The adapter under trial; raises what makes it unusable."""
        return self.registry.get(self.adapter_id)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the adapter."""
        manifest = self.adapter.manifest
        assert manifest is not None  # Registry.get raises for an adapter without one
        return manifest

    @cached_property
    def options(self) -> Options:
        """What ``conformance.toml`` says."""
        return load_options(self.corpus)

    @cached_property
    def cases(self) -> list[Case]:
        """The inputs."""
        return load_corpus(self.adapter, self.corpus, self.options)

    @cached_property
    def context(self) -> ReadContext:
        """How the corpus is read."""
        return self.options.context.context()

    def reader(self, context: ReadContext | None = None) -> Reader:
        """Return a new reader."""
        made = guarded(self.adapter_id, self.adapter.reader_factory(), context or self.context)
        check = check_directory_reader if self.manifest.medium == "directory" else check_reader
        return check(self.adapter_id, made)

    def read(
        self,
        members: Iterable[Member],
        cuts: Sequence[int] = (),
        *,
        context: ReadContext | None = None,
        end: bool = True,
    ) -> Outcome:
        """Read members, each cut at the given offsets, until an error or the end.

        The chunks are views of a buffer that is overwritten as soon as ``feed`` returns, as the buffer of a
        socket is: a reader that keeps a view and not a copy reads rubbish later.
        """
        records: list[Record] = []
        fed = 0
        try:
            reader = self.reader(context)
            for member in members:
                if isinstance(reader, DirectoryReader) and member.name is not None:
                    records += guarded(self.adapter_id, reader.member, member.name)
                for chunk in cut(member.data, cuts):
                    buffer = bytearray(chunk)
                    records += guarded(self.adapter_id, reader.feed, memoryview(buffer).toreadonly())
                    fed = len(records)
                    buffer[:] = b"\xa5" * len(buffer)
            if end:
                records += guarded(self.adapter_id, reader.finish)
        except IomtError as error:
            return Outcome(tuple(records), error, fed)
        return Outcome(tuple(records), None, fed)

    @cached_property
    def _whole(self) -> dict[str, Outcome]:
        return {}

    def whole(self, case: Case) -> Outcome:
        """Read a case in one piece (once; the result is kept)."""
        if case.name not in self._whole:
            self._whole[case.name] = self.read(case.members)
        return self._whole[case.name]

    def random(self, *parts: object) -> Random:
        """Return a generator of random numbers that is the same in every run."""
        return Random(repr((self.adapter_id, *parts)))  # noqa: S311 - variants, not secrets

    def offsets(self, size: int, *, ends: int = 24) -> list[int]:
        """Return the offsets below ``size`` to try: all where the budget allows it, else ends and an even spread."""
        allowed = max(2 * ends, BUDGET * (16 if self.thorough else 1) // max(size, 1))
        if size <= allowed:
            return list(range(size))
        spread = range(0, size, -(-size // (allowed - 2 * ends + 1)))
        return sorted({*range(ends), *spread, *range(size - ends, size)})

    def others(self) -> Iterator[Adapter]:
        """Yield the other adapters that can be used."""
        return (adapter for adapter in self.registry.usable() if adapter.id != self.adapter_id)


def cut(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Cut bytes at offsets; an offset that stands twice gives an empty chunk."""
    start = 0
    for stop in cuts:
        if start <= stop <= len(data):
            yield data[start:stop]
            start = stop
    yield data[start:]
