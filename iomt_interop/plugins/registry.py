"""The adapters that are installed, found without importing any of them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from ..errors import AdapterContractError, AdapterError, AdapterNotFound, AdapterRefused, AdapterUnavailable
from .allow import AllowList, parse_allow_list
from .boundary import guarded
from .contract import AdapterInfo, DirectoryReader, Reader, ReaderFactory, Writer, WriterFactory
from .manifest import Manifest, parse_manifest

__all__ = [
    "ALLOW_VARIABLE",
    "GROUP",
    "Adapter",
    "Registry",
    "check_directory_reader",
    "check_reader",
    "check_writer",
    "default_registry",
]

GROUP: Final = "iomt_interop.adapters"
"""Entry-point group; the value of an entry is ``package:adapter.toml``."""

ALLOW_VARIABLE: Final = "IOMT_INTEROP_ALLOW"
"""Environment variable that names the allow-list's file."""


@dataclass(frozen=True)
class Adapter:
    """One entry point and its manifest."""

    id: str
    package: str
    version: str
    distribution: str
    folder: Path | None
    manifest: Manifest | None
    problem: AdapterError | None
    dist: Distribution | None = None
    allow: AllowList | None = None

    def info(self) -> AdapterInfo:
        """Return the facts of the manifest."""
        m = self.manifest
        return AdapterInfo(
            id=self.id,
            title=m.title if m else "",
            version=self.version,
            distribution=self.distribution,
            medium=m.medium if m else "",
            directions=m.directions if m else (),
            records=m.records if m else (),
            lossless=m.lossless if m else "none",
            clock=m.clock if m else "local",
            status=m.status if m else "",
            phi=m.phi if m else (),
            problem=str(self.problem) if self.problem else None,
        )

    def reader_factory(self) -> ReaderFactory:
        """Import the adapter and return its ``make_reader``."""
        manifest = self.manifest
        if manifest is None or manifest.mapping is None:
            return cast(ReaderFactory, self._load(self._entry("read")))
        from .mapping import make_factory  # noqa: PLC0415 - only a declarative adapter needs it

        self._verify()
        try:
            text = Path(str(self.folder), manifest.mapping).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise AdapterUnavailable("ADP-004", path=self.id, hint="mapping not found") from None
        return make_factory(text, self.id, self.version)

    def writer_factory(self) -> WriterFactory:
        """Import the adapter and return its ``make_writer``."""
        return cast(WriterFactory, self._load(self._entry("write")))

    def samples(self) -> Iterator[Path]:
        """Yield the sample inputs that the adapter ships."""
        if self.manifest is not None and self.folder is not None:
            for name in self.manifest.samples:
                yield self.folder / name

    def _entry(self, direction: str) -> str:
        if self.manifest is None:
            raise self.problem or AdapterUnavailable("ADP-004", path=self.id)
        entry = self.manifest.reader if direction == "read" else self.manifest.writer
        if entry is None:
            raise AdapterContractError("ADP-005", path=self.id, hint=direction)
        return entry

    def _verify(self) -> None:
        if self.allow is not None:
            self.allow.verify(self.id, self.dist)

    def _load(self, entry: str) -> object:
        self._verify()
        module_name, _, name = entry.partition(":")
        try:
            module = guarded(self.id, import_module, module_name)
        except AdapterContractError as error:
            needed = (self.manifest.hint if self.manifest else None) or error.hint
            raise AdapterUnavailable("ADP-004", path=self.id, hint=needed) from None
        if not hasattr(module, name):
            raise AdapterContractError("ADP-006", path=self.id, hint="the entry names nothing")
        return getattr(module, name)


class Registry:
    """A read-only view of adapters.

    Parameters
    ----------
    points : iterable of EntryPoint, optional
        The entry points to look at; by default those of all installed distributions.
    allow : AllowList, optional
        The only adapters that are permitted (those of this library are always). By default the file that
        ``IOMT_INTEROP_ALLOW`` names; without it, all.
    """

    def __init__(self, points: list[EntryPoint] | None = None, *, allow: AllowList | None = None) -> None:
        self._points = points
        self._allow = allow

    @cached_property
    def adapters(self) -> Mapping[str, Adapter]:
        """Adapters by id, in alphabetical order; an unusable one is here too, with its problem."""
        points = list(entry_points(group=GROUP)) if self._points is None else self._points
        found: dict[str, Adapter] = {}
        refused: AdapterError | None = None
        try:
            allow = _allow_list() if self._allow is None else self._allow
        except AdapterContractError as error:
            allow, refused = AllowList(()), error
        for point in sorted(points, key=lambda p: (p.name, p.value)):
            adapter = _describe(point, allow, refused)
            other = found.get(adapter.id)
            if other is not None and other.package != adapter.package:
                clash = AdapterContractError("ADP-003", path=adapter.id)
                adapter = Adapter(adapter.id, "", "", "", None, None, clash)
            found[adapter.id] = adapter
        return MappingProxyType(found)

    @property
    def points(self) -> tuple[EntryPoint, ...] | None:
        """The entry points that were given; ``None`` when those of all installed distributions are meant."""
        return None if self._points is None else tuple(self._points)

    def usable(self) -> Iterator[Adapter]:
        """Yield the adapters whose manifest is valid."""
        return (adapter for adapter in self.adapters.values() if adapter.manifest is not None)

    def get(self, adapter_id: str) -> Adapter:
        """Return one adapter.

        Raises
        ------
        AdapterNotFound
            ``ADP-001`` when none has this id.
        AdapterError
            What makes the adapter unusable.
        """
        adapter = self.adapters.get(adapter_id)
        if adapter is None:
            raise AdapterNotFound("ADP-001", hint="installed: " + ", ".join(self.adapters))
        if adapter.problem is not None:
            raise adapter.problem
        return adapter


_DEFAULT: Final = Registry()


def default_registry() -> Registry:
    """Return the registry of everything that is installed."""
    return _DEFAULT


def _allow_list() -> AllowList | None:
    """Read the allow-list that the environment names; one that cannot be read permits nothing."""
    name = os.environ.get(ALLOW_VARIABLE)
    if not name:
        return None
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise AdapterContractError("ADP-009", hint="cannot be read") from None
    return parse_allow_list(text)


def _describe(point: EntryPoint, allow: AllowList | None, refused: AdapterError | None) -> Adapter:
    package, _, filename = point.value.partition(":")
    dist = point.dist
    version = dist.version if dist else "0"
    name = dist.name if dist else package
    path = _locate(point, package, filename)
    try:
        if path is None:
            raise AdapterUnavailable("ADP-004", path=point.name, hint="manifest not found")
        manifest = parse_manifest(path.read_text(encoding="utf-8"))
        if manifest.id != point.name:
            raise AdapterContractError("ADP-002", path="id", hint="differs from the entry point's name")
        if allow is not None and not allow.admits(manifest.id, name, version):
            raise refused or AdapterRefused("ADP-007", path=point.name)
    except (AdapterError, OSError, UnicodeDecodeError) as error:
        problem = error if isinstance(error, AdapterError) else AdapterUnavailable("ADP-004", path=point.name)
        return Adapter(point.name, package, version, name, None, None, problem)
    return Adapter(point.name, package, version, name, path.parent, manifest, None, dist, allow)


def _locate(point: EntryPoint, package: str, filename: str) -> Path | None:
    """Find the manifest's file without importing the package (not even its parents)."""
    parts = package.split(".")
    if point.dist is not None:
        path = Path(str(point.dist.locate_file("/".join([*parts, filename]))))
        if path.is_file():
            return path
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError):
        return None
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(root, *parts[1:], filename)
        if path.is_file():
            return path
    return None


def check_reader(adapter_id: str, reader: object) -> Reader:
    """Return the reader, or say that the adapter broke its contract."""
    if not isinstance(reader, Reader):
        raise AdapterContractError("ADP-006", path=adapter_id, hint="not a Reader")
    return reader


def check_directory_reader(adapter_id: str, reader: object) -> DirectoryReader:
    """Return the reader of a directory, or say that the adapter broke its contract."""
    if not isinstance(reader, DirectoryReader):
        raise AdapterContractError("ADP-006", path=adapter_id, hint="not a DirectoryReader")
    return reader


def check_writer(adapter_id: str, writer: object) -> Writer:
    """Return the writer, or say that the adapter broke its contract."""
    if not isinstance(writer, Writer):
        raise AdapterContractError("ADP-006", path=adapter_id, hint="not a Writer")
    return writer
