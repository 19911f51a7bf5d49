"""An allow-list of adapters that a hospital can pin: name, version, and digest of what the wheel holds.

The digest is taken over the list of files that a wheel states in its RECORD (path and SHA-256 of each), so it
is the same for the wheel file before it is installed and for the installed distribution, whose files are
hashed anew: a changed file is another digest. What an installer adds (scripts, byte code, its own notes) does
not count.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest, sha256
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any, Final

from .. import _toml as toml
from ..errors import AdapterContractError, AdapterRefused, AdapterUnavailable

__all__ = [
    "AllowList",
    "Pin",
    "allow_list_text",
    "distribution_digest",
    "parse_allow_list",
    "wheel_digest",
    "wheel_pins",
]

OWN: Final = "iomt_interop"
"""The distribution of this library; its adapters are part of it."""

_GROUP: Final = "iomt_interop.adapters"
_NOT_OF_THE_WHEEL: Final = frozenset(
    {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"}
)
_KEYS: Final = frozenset({"id", "distribution", "version", "digest"})


@dataclass(frozen=True, slots=True)
class Pin:
    """One permitted adapter."""

    id: str
    distribution: str
    version: str
    digest: str
    """``sha256:`` and 64 hexadecimal digits, see :func:`wheel_digest`."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """The permitted adapters; what is not here is not loaded and takes no part in detection."""

    pins: tuple[Pin, ...]

    def admits(self, adapter_id: str, distribution: str, version: str) -> bool:
        """Tell whether an adapter may be listed; its files are not looked at."""
        return _plain(distribution) == _plain(OWN) or self._pin(adapter_id, distribution, version) is not None

    def verify(self, adapter_id: str, dist: Distribution | None) -> None:
        """Check the installed files of an adapter against its pin, before any of its code runs.

        Raises
        ------
        AdapterRefused
            ``ADP-007`` when nothing permits the adapter, ``ADP-008`` when its files are not those that were pinned.
        """
        if dist is not None and _plain(dist.name) == _plain(OWN):
            return
        pin = None if dist is None else self._pin(adapter_id, dist.name, dist.version)
        if dist is None or pin is None:
            raise AdapterRefused("ADP-007", path=adapter_id)
        try:
            digest = distribution_digest(dist)
        except AdapterUnavailable:
            digest = ""
        if digest != pin.digest:
            raise AdapterRefused("ADP-008", path=adapter_id)

    def _pin(self, adapter_id: str, distribution: str, version: str) -> Pin | None:
        for pin in self.pins:
            if (pin.id, _plain(pin.distribution), pin.version) == (adapter_id, _plain(distribution), version):
                return pin
        return None


def parse_allow_list(text: str) -> AllowList:
    """Read an allow-list: ``[[adapter]]`` tables with ``id``, ``distribution``, ``version``, ``digest``.

    Raises
    ------
    AdapterContractError
        ``ADP-009`` when the text is no allow-list; nothing is permitted then.
    """
    try:
        data = toml.loads(text)
    except toml.NotTomlError:
        raise AdapterContractError("ADP-009", hint="not TOML") from None
    rows = data.get("adapter", [])
    if set(data) - {"adapter"} or not isinstance(rows, list):
        raise AdapterContractError("ADP-009", path="adapter")
    return AllowList(tuple(_pin_of(row, f"adapter.{number}") for number, row in enumerate(rows)))


def _pin_of(row: Any, path: str) -> Pin:
    if not isinstance(row, dict) or set(row) != _KEYS or not all(isinstance(value, str) for value in row.values()):
        raise AdapterContractError("ADP-009", path=path, hint="needs id, distribution, version, digest")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", row["digest"]):
        raise AdapterContractError("ADP-009", path=f"{path}.digest", hint="sha256: and 64 hexadecimal digits")
    return Pin(**row)


def wheel_digest(path: Path) -> str:
    """Return the digest of what a wheel file holds; every file is hashed, and must be as its RECORD says.

    Raises
    ------
    AdapterUnavailable
        ``ADP-004`` when the file is no wheel, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            (record,) = [name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)]
            rows = list(_rows(wheel.read(record).decode("utf-8")))
            found = [(name, sha256(wheel.read(name)).hexdigest()) for name, _ in rows]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise AdapterUnavailable("ADP-004", hint="not a wheel, or a damaged one") from None
    if found != rows:
        raise AdapterUnavailable("ADP-004", hint="the wheel's files are not those of its RECORD")
    return _digest(found)


def wheel_pins(path: Path) -> list[Pin]:
    """Return a pin for each adapter that a wheel brings.

    Raises
    ------
    AdapterUnavailable
        ``ADP-004`` when the file is no wheel, is damaged, or brings no adapter.
    """
    digest = wheel_digest(path)
    with zipfile.ZipFile(path) as wheel:
        record = next(name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name))
        dist = PathDistribution(zipfile.Path(wheel, record.removesuffix("RECORD")))
        points = dist.entry_points.select(group=_GROUP)
        pins = [Pin(point.name, dist.name, dist.version, digest) for point in points]
    if not pins:
        raise AdapterUnavailable("ADP-004", hint="the wheel brings no adapter")
    return pins


def allow_list_text(pins: Iterable[Pin]) -> str:
    """Write an allow-list; :func:`parse_allow_list` reads it."""
    tables = [
        f"[[adapter]]\nid = {_quoted(pin.id)}\ndistribution = {_quoted(pin.distribution)}\n"
        f"version = {_quoted(pin.version)}\ndigest = {_quoted(pin.digest)}\n"
        for pin in pins
    ]
    return "# Adapters that may be loaded, beside those of iomt_interop itself.\n\n" + "\n".join(tables)


def _quoted(text: str) -> str:
    """Write a TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text)


def distribution_digest(dist: Distribution) -> str:
    """Return the digest of an installed distribution; every file is read and hashed anew.

    Raises
    ------
    AdapterUnavailable
        ``ADP-004`` when the distribution has no RECORD (an editable or system install), or a file is missing.
    """
    try:
        rows = list(_rows(dist.read_text("RECORD") or ""))
    except ValueError:
        rows = []
    # An editable install's files are elsewhere, and may change at any moment.
    if not rows or '"editable": true' in (dist.read_text("direct_url.json") or ""):
        raise AdapterUnavailable("ADP-004", hint="not installed from a wheel")
    found = []
    for name, _ in rows:
        try:
            with open(str(dist.locate_file(name)), "rb") as stream:
                found.append((name, file_digest(stream, "sha256").hexdigest()))
        except OSError:
            raise AdapterUnavailable("ADP-004", hint="an installed file is missing") from None
    return _digest(found)


def _rows(record: str) -> Iterator[tuple[str, str]]:
    """Yield path and hexadecimal SHA-256 of the files that the wheel itself brought."""
    for row in csv.reader(io.StringIO(record)):
        if len(row) != 3 or not row[1].startswith("sha256="):
            continue
        name = row[0]
        info, _, last = name.rpartition("/")
        if name.startswith(("../", "/")) or name.endswith(".pyc") or ".data/scripts/" in name:
            continue
        if info.endswith(".dist-info") and last in _NOT_OF_THE_WHEEL:
            continue
        padded = row[1].removeprefix("sha256=") + "="
        yield name, base64.urlsafe_b64decode(padded).hex()


def _digest(rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(rows))
    return "sha256:" + sha256(lines.encode()).hexdigest()


def _plain(name: str) -> str:
    """Normalise a distribution's name (PyPA name normalisation)."""
    return re.sub(r"[-_.]+", "-", name).lower()
