"""K1 and K18: what the adapter is as a package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import IomtError
from ...plugins import Evidence, sniff_bytes
from ..law import Law, always
from ..worker import ask

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["ISOLATION", "MANIFEST"]

_FORBIDDEN_FLOORS: Final = ("vault", "crypto", "privacy", "facade", "cli", "testing", "transport", "engines")
_FORBIDDEN_MODULES: Final = frozenset(
    {"socket", "ssl", "asyncio", "subprocess", "multiprocessing", "urllib", "http", "ftplib", "smtplib", "ctypes",
     "requests", "httpx", "pickle", "marshal", "shelve", "tempfile", "cryptography"}
)  # fmt: skip


def _manifest(kit: Kit) -> Iterator[str]:
    loaded = ask(kit, [{"do": "list"}])[0]["loaded"]
    if loaded:
        yield "listing and detection import the adapter's package"
    if kit.manifest.reader or kit.manifest.mapping:
        try:
            kit.reader()
        except IomtError as error:
            yield f"no reader can be made: {error}"
    if kit.manifest.writer:
        try:
            kit.adapter.writer_factory()
        except IomtError as error:
            yield f"the writer cannot be loaded: {error}"
    for sample in kit.adapter.samples():
        if not sample.exists():
            yield f"the manifest names a sample that is not there: {sample.name}"
    if not kit.manifest.spec:
        yield "the manifest names no document that describes the format ([[spec]])"
    reading = "read" in kit.manifest.directions
    if reading and not kit.manifest.samples:
        yield "the manifest ships no sample"
    rules = kit.manifest.sniff
    if reading and not (rules.magic or rules.pattern or rules.frames or rules.member):
        yield "the manifest has no rule that recognises the format by its content"
    if reading and sniff_bytes(b"", None, [kit.adapter]):
        yield f"empty input is claimed with evidence above {Evidence.NO.name}"


MANIFEST = Law(
    id="K1",
    name="manifest",
    title="The manifest is valid, and listing imports nothing",
    checks="In a fresh interpreter all adapters are listed and a case is sniffed, and the adapter's package must "
    "not have been imported. The entries that the manifest names can be loaded and make a reader; its "
    "samples exist; it names the document that describes the format, and a rule that recognises the "
    "content.",
    fails="The manifest lies in a sub-package whose parent must be imported to find it; an entry has a spelling "
    "error; samples were left out of the wheel's package data.",
    mend="Keep `adapter.toml` in the top-level package, list it and the samples under `package-data`, and "
    "install the wheel, not the source tree, when you try.",
    claimed=always,
    whole=_manifest,
)


def _isolation(kit: Kit) -> Iterator[str]:
    folder = kit.adapter.folder
    if folder is not None and kit.adapter.distribution != "iomt_interop":
        for path in sorted(folder.rglob("*.py")):
            for name in sorted(_imports(path)):
                if _forbidden(name):
                    yield f"{path.relative_to(folder).as_posix()} imports {name}"
    jobs = [{"do": "watch", "case": number} for number, _ in enumerate(kit.cases)]
    for case, answer in zip(kit.cases, ask(kit, jobs) if jobs else [], strict=True):
        for event in answer["events"]:
            yield f"while {case.name} was read: {event}"


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            if node.module == "iomt_interop":
                yield from (f"iomt_interop.{alias.name}" for alias in node.names)


def _forbidden(name: str) -> bool:
    top, _, rest = name.partition(".")
    if top == "iomt_interop":
        floor = rest.partition(".")[0]
        return floor in {*_FORBIDDEN_FLOORS, "Vault", "read", "write", "translate"}
    return top in _FORBIDDEN_MODULES


ISOLATION = Law(
    id="K18",
    name="isolation",
    title="An adapter gets bytes and a context, and touches nothing else",
    checks="The package imports none of the library's upper floors (vault, crypto, privacy, facade, command "
    "line) and no module for sockets, processes or temporary files. While each case is read in a fresh "
    "interpreter, an audit hook sees no file opened (beside Python's own modules and time zones), no "
    "socket, no process, no environment change.",
    fails="A reader that opens a side file, calls home, caches to a temporary folder or unpickles.",
    mend="Ship tables as Python or TOML inside the package and load them with `importlib.resources` at import; "
    "take everything else from the context. A source of several files has the medium `directory`.",
    claimed=always,
    whole=_isolation,
)
