"""A fresh interpreter that does jobs for the kit: read a case in another world, or watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from .kit import Kit

__all__ = ["ask", "main"]

_SECONDS: Final = 600

_VARIANTS: Final = 60

_TOUCHING: Final = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.putenv", "os.remove", "os.rename", "os.mkdir",
    "tempfile.", "pickle.", "urllib.", "ctypes.dlopen",
)  # fmt: skip
"""Audit events of the interpreter by which code reaches out of itself."""


def ask(kit: Kit, jobs: Sequence[Mapping[str, object]], world: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Let a fresh interpreter do jobs, and return its answers.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when the interpreter does not answer.
    """
    points = kit.registry.points
    request = {
        "adapter": kit.adapter_id,
        "corpus": None if kit.corpus is None else str(kit.corpus.resolve()),
        "points": None if points is None else [_described(point) for point in points],
        "path": [str(Path(entry).resolve()) for entry in sys.path if entry],
        "jobs": list(jobs),
    }
    environment = {**os.environ, "PYTHONSAFEPATH": "1", **(world or {})}
    command = [sys.executable, "-c", "from iomt_interop.testing.worker import main; main()"]
    environment["PYTHONPATH"] = os.pathsep.join(str(entry) for entry in sys.path if entry)
    done = subprocess.run(
        command, input=json.dumps(request), env=environment, capture_output=True, text=True, check=False,
        timeout=_SECONDS,
    )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].partition(":")[0]
        raise InvalidRequest("USE-002", hint=f"the kit's interpreter stopped: {last}")
    answers: list[dict[str, Any]] = json.loads(done.stdout.rpartition("\n\n")[2])
    return answers


def main() -> None:
    """Do the jobs that standard input names, and print the answers as JSON."""
    request = json.loads(sys.stdin.read())
    sys.path[:] = request["path"]
    answers = list(_answers(request))
    # Whatever an adapter printed stands before the empty line.
    sys.stdout.write("\n\n" + json.dumps(answers))


def _answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from ..plugins import Registry  # noqa: PLC0415 - after sys.path was set

    points = request["points"]
    registry = Registry(None if points is None else [_point(point) for point in points])
    if request["jobs"] and request["jobs"][0]["do"] == "list":
        yield _listed(registry, request["adapter"])
        return
    from .kit import Kit  # noqa: PLC0415 - the kit is not needed for listing, and must not hide what listing imports

    corpus = request["corpus"]
    kit = Kit(request["adapter"], None if corpus is None else Path(corpus), registry)
    for job in request["jobs"]:
        if job["do"] == "build":
            from .._accel import implementation  # noqa: PLC0415

            yield {"build": sorted(set(implementation().values()))}
            continue
        case = kit.cases[job["case"]]
        if job["do"] == "digest":
            yield {"digest": kit.read(case.members).digest}
        elif job["do"] == "variants":
            yield {"digests": list(_variants(kit, case))}
        else:
            kit.reader()
            yield {"events": _watched(kit, case)}


def _listed(registry: Any, adapter_id: str) -> dict[str, Any]:
    from ..plugins import sniff_bytes  # noqa: PLC0415

    adapter = registry.adapters[adapter_id]
    adapter.info()
    for sample in adapter.samples():
        if sample.is_file():
            sniff_bytes(sample.read_bytes()[:4096], sample.name, registry.usable())
    package = adapter.package
    return {"loaded": any(name == package or name.startswith(f"{package}.") for name in sys.modules)}


def _variants(kit: Kit, case: Any) -> Iterator[str]:
    yield kit.read(case.members).digest
    random = kit.random("variants", case.name)
    for number, member in enumerate(case.members):
        for _ in range(_VARIANTS):
            data = bytearray(member.data)
            for _ in range(random.randrange(4)):
                if data:
                    data[random.randrange(len(data))] = random.randrange(256)
            if random.random() < 0.5:
                del data[random.randrange(len(data) + 1) :]
            yield kit.read(case.replaced(number, bytes(data))).digest


class _Watch:
    """An audit hook that notes what an adapter touches while it is armed. A hook cannot be removed again."""

    def __init__(self) -> None:
        self.armed = False
        self.hooked = False
        self.events: list[str] = []

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event == "open" and args and isinstance(args[0], str | bytes | os.PathLike):
            if _of_python(os.fsdecode(args[0]), args[1] if len(args) > 1 else "r"):
                return
            self.events.append("a file is opened")
        elif event.startswith(_TOUCHING):
            self.events.append(event)


def _of_python(path: str, mode: object) -> bool:
    """Tell whether a file belongs to the interpreter: a module that is imported late, a time zone."""
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return False
    resolved = os.path.realpath(path)
    library = os.path.dirname(os.path.dirname(__file__))
    roots = [os.path.realpath(entry) for entry in (*sys.path, sys.prefix, sys.base_prefix, library) if entry]
    code = resolved.endswith((".py", ".pyc", ".so", ".pyd", ".zip", ".toml", ".json", ".dat", ".txt", ".tsv", ".csv"))
    return "zoneinfo" in resolved or (code and any(resolved.startswith(root + os.sep) for root in roots))


_WATCH: Final = _Watch()


def _watched(kit: Kit, case: Any) -> list[str]:
    if not _WATCH.hooked:
        sys.addaudithook(_WATCH)
        _WATCH.hooked = True
    _WATCH.events.clear()
    _WATCH.armed = True
    try:
        kit.read(case.members)
    finally:
        _WATCH.armed = False
    return sorted(set(_WATCH.events))


def _described(point: EntryPoint) -> dict[str, str | None]:
    home = None if point.dist is None else getattr(point.dist, "_path", None)
    return {"name": point.name, "value": point.value, "group": point.group, "dist": None if home is None else str(home)}


def _point(data: dict[str, Any]) -> EntryPoint:
    point = EntryPoint(data["name"], data["value"], data["group"])
    if data["dist"] is None:
        return point
    dist = Distribution.at(data["dist"])
    return next((p for p in dist.entry_points if (p.name, p.value) == (point.name, point.value)), point)
