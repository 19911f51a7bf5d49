"""Fill the templates and put the package in place, whole or not at all."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from ...errors import InvalidRequest
from . import plan
from .fill import fill
from .gaps import gaps_of
from .plan import FRAMINGS, MEDIA, Framing, Medium
from .samples import CASES, SAMPLE, encode

__all__ = ["generate"]

_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST: Final = 40


def generate(
    adapter_id: str,
    *,
    medium: Medium,
    framing: Framing,
    into: Path = Path(),
    title: str | None = None,
    vendor: str | None = None,
) -> Path:
    """Write an installable adapter package.

    Parameters
    ----------
    adapter_id : str
        Id of the adapter, also the name of its package and folder: ``<vendor>_<family>``, snake case.
    medium : {"file", "stream", "message", "directory"}
        What one source is.
    framing : {"binary", "line", "xml", "json", "csv"}
        What the octets look like.
    into : Path
        Folder in which the package's folder is made.
    title, vendor : str, optional
        Words for people, one line each.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when an argument is not valid, the folder exists, or it cannot be written.
    """
    _check(adapter_id, medium, framing, title, vendor)
    target = into / adapter_id
    if target.exists() or target.is_symlink():
        raise InvalidRequest("USE-001", path="adapter_id", hint="the folder exists already")
    contents = _contents(adapter_id, medium, framing, title or adapter_id, vendor or "ACME")
    try:
        into.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{adapter_id}.", dir=into))
    except OSError:
        raise InvalidRequest("USE-001", path="into", hint="cannot write there") from None
    try:
        _write(work / adapter_id, contents)
        # A rename onto an empty folder would succeed; one that appeared meanwhile is somebody's.
        if target.exists():
            raise InvalidRequest("USE-001", path="adapter_id", hint="the folder exists already")
        (work / adapter_id).rename(target)
    except OSError:
        raise InvalidRequest("USE-001", path="into", hint="cannot write there") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _check(adapter_id: str, medium: str, framing: str, title: str | None, vendor: str | None) -> None:
    if _ID.fullmatch(adapter_id) is None or len(adapter_id) > _LONGEST:
        raise InvalidRequest("USE-001", path="adapter_id", hint="lower case words with underscores, as acme_x200")
    taken = adapter_id in sys.stdlib_module_names or adapter_id in {"iomt_interop", "tests", "fixtures"}
    if taken or keyword.iskeyword(adapter_id) or keyword.issoftkeyword(adapter_id):
        raise InvalidRequest("USE-001", path="adapter_id", hint="the name is taken in Python")
    if medium not in MEDIA:
        raise InvalidRequest("USE-001", path="medium", hint=", ".join(MEDIA))
    if framing not in FRAMINGS:
        raise InvalidRequest("USE-001", path="framing", hint=", ".join(FRAMINGS))
    for name, text in (("title", title), ("vendor", vendor)):
        if text is not None and (not text.strip() or not text.isprintable()):
            raise InvalidRequest("USE-001", path=name, hint="one line of text")


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / ".ci" / "run").chmod(0o755)


def _contents(adapter_id: str, medium: Medium, framing: Framing, title: str, vendor: str) -> dict[str, bytes]:
    """Return the package's files by their paths."""
    inputs = _inputs(adapter_id, medium, framing)
    gaps = gaps_of(adapter_id, medium, framing, title, vendor)
    gaps["protocol"] = fill("protocol.md", framing, gaps).rstrip()
    made = {"cut.py": f"{plan.CUTTERS[framing][medium == 'stream']}.py"}
    contents: dict[str, bytes] = {}
    for name, template in plan.FILES.items():
        text = fill(made.get(template, template), framing, gaps)
        contents[name.format(id=adapter_id)] = text.encode()
    if medium == "directory":
        contents[f"{adapter_id}/foreign.py"] = fill("foreign.py", framing, gaps).encode()
    contents[f"{adapter_id}/py.typed"] = b""
    return contents | inputs


def _inputs(adapter_id: str, medium: Medium, framing: Framing) -> dict[str, bytes]:
    """Return the sample and the fixtures."""
    found: dict[str, bytes] = {}
    suffix, stream = plan.SUFFIXES[framing], medium == "stream"
    for case, readings in CASES.items():
        folder = f"{adapter_id}/samples" if case == SAMPLE else "fixtures"
        if medium != "directory":
            found[f"{folder}/{case}{suffix}"] = encode(framing, adapter_id, readings, stream=stream)
            continue
        found[f"{folder}/{case}/device{suffix}"] = encode(framing, adapter_id, (), stream=False)
        parts = (readings[:1], readings[1:]) if len(readings) > 1 else (readings,)
        for number, part in enumerate(parts, 1):
            name = f"{folder}/{case}/readings/{number:04}{suffix}"
            found[name] = encode(framing, adapter_id, part, stream=False)
    return found
