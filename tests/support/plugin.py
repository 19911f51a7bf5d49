"""Make installed distributions with adapters in a folder, without pip."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, PathDistribution
from pathlib import Path

MANIFEST = """
spi = 1
id = "{id}"
title = "A test device"
medium = "file"
directions = ["read"]
records = ["event"]
clock = "utc"
status = "alpha"
reader = "{package}.reader:make_reader"
{extra}
"""


def install(
    folder: Path, adapter_id: str, *, extra: str = "", init: str = "", reader: str = "", manifest: str | None = None
) -> EntryPoint:
    """Write a package and its metadata; return the entry point that an installer would have written."""
    package = f"pkg_{adapter_id}"
    home = folder / package
    home.mkdir(parents=True)
    (home / "__init__.py").write_text(init)
    (home / "reader.py").write_text(reader)
    text = MANIFEST.format(id=adapter_id, package=package, extra=extra) if manifest is None else manifest
    (home / "adapter.toml").write_text(text)
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[iomt_interop.adapters]\n{adapter_id} = {package}:adapter.toml\n")
    dist: Distribution = PathDistribution(info)
    return next(iter(dist.entry_points.select(group="iomt_interop.adapters")))
