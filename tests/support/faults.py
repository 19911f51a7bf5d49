"""Faults at every call that changes a file, and kills at any time, against a vault that is worked with.

usage: python -m support.faults [--points N] [--kills N] [--minutes M] [--part I/N]

A process that has ``faults.c`` in front of the C library forks a child for each point. The child works with a vault
until the n-th call fails, is cut in half, or is the last one; what it was told to be done it writes to shared memory.
Then the parent opens what is on the disk.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.batches import pulse
from support.records import SECRET, SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import IomtError, SecurityError
from iomt_interop.vault import KeyFile, Vault

__all__ = ["MODES", "compile_shim", "run"]

MODES = (
    "count", "before", "after", "torn", "eio once", "enospc once", "short", "eio from then on", "enospc from then on",
)  # fmt: skip
WHEN = "2026-11-24T12:00:00Z"
STARTED, DONE, REFUSED, FAILED, SKIPPED = range(1, 6)
SEEDS = 64


def compile_shim(folder: Path) -> Path | None:
    """Return the shared object, or nothing where there is no compiler for it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    made = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"]
    return made if subprocess.run(command, capture_output=True, check=False).returncode == 0 else None


def run(
    shim: Path, *, points: int, kills: int, minutes: float = 60, part: str = "0/1", timeout: float = 36000
) -> dict[str, object]:
    """Run points and kills in a process of their own; return what it found."""
    tests = Path(__file__).resolve().parent.parent
    paths = os.pathsep.join([str(tests), *filter(None, sys.path)])
    options = {"points": points, "kills": kills, "minutes": minutes, "part": part}
    told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "support.faults", *told, "--inside"]
    environment = os.environ | {"LD_PRELOAD": str(shim), "IOMT_FAULTS": str(shim), "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, check=False)
    if done.returncode:
        return {"failures": [done.stderr[-4000:]]}
    found: dict[str, object] = json.loads(done.stdout)
    return found


def event(subject: str, number: int, size: int) -> m.Record:
    """Return a record."""
    text = f"{SECRET} {number} " + "x" * size
    return make(m.Event, code=SPO2, text=text, subject=subject).replace(id=m.record_id(subject, number))


@dataclass
class Work:
    """What is done with a vault, step by step, as a seed says; a step is done when its number is in the notes."""

    folder: Path
    seed: int
    notes: mmap.mmap
    puts: dict[int, dict[str, list[m.Record]]] = field(default_factory=dict)
    erasures: dict[int, str] = field(default_factory=dict)
    rotations: dict[int, str] = field(default_factory=dict)
    copies: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Plan the steps."""
        rnd = random.Random(self.seed)
        plan = ["put", "put", "batch", "rotate", "put", "erase", "compact", "renew", "groups", "copy", "put", "wave"]
        rest = plan[2:]
        rnd.shuffle(rest)
        self.plan = ["create", *plan[:2], *rest, "hold", "erase", "compact", "close"]
        subjects, living = ["anna", "bert", "carl", "dora"], ["anna", "bert"]
        for step, what in enumerate(self.plan):
            if what in ("put", "groups"):
                chosen = living if step < 3 else rnd.sample(subjects, 2)
                size = rnd.choice([0, 10, 5000])
                self.puts[step] = {
                    subject: [event(subject, 100 * step + n, size) for n in range(rnd.randint(1, 3))]
                    for subject in chosen
                }
            elif what == "batch":
                one = pulse(rnd.choice([3, 90]), "bert", f"{step:02x}")
                self.puts[step] = {"bert": list(one.records())}
            elif what == "wave":
                segment = m.Segment(channel=0, dtype="u1", data=rnd.randbytes(30_000), n=30_000)
                wave = make(m.Waveform, code=SPO2, channels=(m.Channel(code=SPO2),), segments=(segment,))
                self.puts[step] = {"": [wave]}
            elif what == "erase":
                self.erasures[step] = rnd.choice(["anna", "bert"]) if not self.erasures else "dora"
            elif what == "rotate":
                self.rotations[step] = "b.key"
            elif what == "copy":
                self.copies[step] = f"copy-{step}"

    @property
    def path(self) -> Path:
        return self.folder / "v"

    def key(self, name: str) -> KeyFile:
        return KeyFile(self.folder / name)

    def work(self) -> None:
        """Do everything; refusals are noted, and the next step is tried."""
        vault: Vault | None = None
        for step, what in enumerate(self.plan):
            self.notes[step] = STARTED
            try:
                if what == "create":
                    vault = Vault.create(self.path, keys=self.key("a.key"))
                elif vault is None:
                    self.notes[step] = REFUSED
                    continue
                else:
                    self._step(vault, step, what)
                if self.notes[step] == STARTED:
                    self.notes[step] = DONE
            except IomtError:
                self.notes[step] = REFUSED
            except BaseException:  # noqa: BLE001 - it is what is looked for
                self.notes[step] = FAILED
                self.notes[100:] = traceback.format_exc().encode()[-3900:].ljust(3996, b"\0")

    def _step(self, vault: Vault, step: int, what: str) -> None:
        if what in ("put", "wave"):
            vault.put([record for records in self.puts[step].values() for record in records])
        elif what == "groups":
            vault.put_groups(self.puts[step].values())
        elif what == "batch":
            rows = len(self.puts[step]["bert"])
            vault.put_batches([pulse(rows, "bert", f"{step:02x}")])
        elif what == "rotate":
            vault.rotate(self.key(self.rotations[step]))
        elif what == "renew":
            vault.renew()
        elif what == "erase":
            # A refused put may show once the disk is well again, whole; then nobody erased it.
            if vault._backend.subject(vault._index.subject(self.erasures[step])):
                vault.erase(self.erasures[step], at=WHEN)
            else:
                self.notes[step] = SKIPPED
        elif what == "compact":
            vault.compact()
        elif what == "hold":
            vault.hold("bert", SECRET) if next(vault.records(subject="bert"), None) else None
        elif what == "copy":
            vault.backup(self.folder / self.copies[step])
        elif what == "close":
            vault.close()

    def check(self) -> Iterator[str]:
        """Yield what is not as it was promised."""
        notes = self.notes[: len(self.plan)]
        if FAILED in notes:
            yield "an exception of another kind: " + bytes(self.notes[100:]).rstrip(b"\0").decode()
        if not self.path.exists():
            if notes[0] == DONE:
                yield "the vault is not there"
            return
        vault = yield from self._opened(self.path, notes)
        if vault is None:
            return
        with vault:
            vault.verify()
            yield from self._contents(vault, notes)
            later = event("eric", 1, 3)
            vault.put([later])
            if list(vault.records(subject="eric")) != [later]:
                yield "nothing more can be stored"
        for step, name in self.copies.items():
            if notes[step] == DONE and not (self.folder / name).exists():
                yield "the copy is not there"
            if (self.folder / name).exists():
                copy = yield from self._opened(self.folder / name, notes)
                if copy is not None:
                    with copy:
                        copy.verify()
                        yield from self._contents(copy, notes[:step])
        yield from self._leaks()

    def _opened(self, path: Path, notes: bytes) -> Iterator[str]:
        """Open a vault with the key that it must have, or with either while a rotation was under way."""
        (step,) = self.rotations
        states = notes[step] if step < len(notes) else 0
        names = ["a.key"] if not states else ["b.key", "a.key"] if states != DONE or path != self.path else ["b.key"]
        for name in names:
            try:
                return Vault.open(path, keys=self.key(name), mode="write")
            except SecurityError as error:
                last = error
        yield f"{path.name} does not open with {names}: {last.code}"
        return None

    def _contents(self, vault: Vault, notes: bytes) -> Iterator[str]:
        here: dict[str, dict[str, m.Record]] = {}
        for record in vault.records():
            here.setdefault(record.subject or "", {})[record.id] = record
        for subject in sorted({*here, *(name for puts in self.puts.values() for name in puts)} - {"eric"}):
            yield from self._person(subject, here.get(subject, {}), notes)

    def _person(self, subject: str, found: dict[str, m.Record], notes: bytes) -> Iterator[str]:
        gone = {step: notes[step] for step, name in self.erasures.items() if name == subject and step < len(notes)}
        for step, puts in self.puts.items():
            records = puts.get(subject, [])
            here = [record for record in records if found.pop(record.id, None) == record]
            if step >= len(notes) or not records:
                if here:
                    yield f"step {step}: there before it was put"
                continue
            after = [state for when, state in gone.items() if when > step and state != SKIPPED]
            if here and len(here) != len(records):
                yield f"step {step}: {len(here)} of {len(records)} records of {subject}"
            if here and DONE in after:
                yield f"step {step}: erased and still there"
            if not here and notes[step] == DONE and not any(after):
                yield f"step {step}: acknowledged and lost"
        if found:
            yield f"{len(found)} records that nobody put"

    def _leaks(self) -> Iterator[str]:
        token = SECRET.encode()
        for path in self.folder.iterdir():
            data = path.read_bytes()
            if any(form in data for form in (token, token.hex().encode(), SECRET.encode("utf-16-le"))):
                yield f"{path.name} holds plaintext"


class Laboratory:
    """Forks children and looks at what they leave."""

    def __init__(self) -> None:
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="iomt-faults-", dir=base))
        self.notes = mmap.mmap(-1, 4096)
        self.shim = ctypes.CDLL(os.environ["IOMT_FAULTS"])
        self.shim.iomt_calls.restype = ctypes.c_long
        self.works: dict[int, Work] = {}
        self.failures: list[str] = []
        self.seen: Counter[str] = Counter()

    def work(self, seed: int) -> Work:
        """Return work of which nothing is done, in a folder with nothing but its keys."""
        for path in self.folder.iterdir():
            if path.suffix != ".key":
                path.unlink()
        for name in ("a.key", "b.key"):
            if not (self.folder / name).exists():
                KeyFile.create(self.folder / name)
        self.notes[:] = bytes(4096)
        if seed not in self.works:
            self.works[seed] = Work(self.folder, seed, self.notes)
        return self.works[seed]

    def child(self, work: Work, at: int, mode: int) -> int:
        """Start the work in a child; return its process id."""
        process = os.fork()
        if process:
            return process
        try:
            self.shim.iomt_arm(ctypes.c_long(at), mode)
            work.work()
            calls = self.shim.iomt_calls()
            self.shim.iomt_disarm()
            self.notes[90:98] = calls.to_bytes(8, "big")
        finally:
            os._exit(0)

    def calls(self, seed: int) -> int:
        """Count the calls of a whole run."""
        work = self.work(seed)
        os.waitpid(self.child(work, 0, 0), 0)
        if any(state not in (DONE, SKIPPED) for state in self.notes[: len(work.plan)]):
            self.failures.append(f"seed {seed}: without a fault: {list(self.notes[: len(work.plan)])}")
        self.judge(work, f"seed {seed} without a fault")
        return int.from_bytes(self.notes[90:98], "big")

    def judge(self, work: Work, name: str) -> None:
        try:
            self.failures += [f"{name}: {problem}" for problem in work.check()]
        except Exception:  # noqa: BLE001 - the next point is tried all the same
            self.failures.append(f"{name}: {traceback.format_exc()[-1500:]}")

    def points(self, wanted: int, part: tuple[int, int] = (0, 1), minutes: float = 1e9) -> int:
        """Try points, evenly over calls and modes of as many seeds as it takes, until enough or time is over."""
        every: list[tuple[int, int, int]] = []
        for seed in range(SEEDS):
            calls = self.calls(seed)
            every += [(seed, at, mode) for at in range(1, calls + 1) for mode in range(1, len(MODES))]
            if len(every) >= wanted:
                break
        # In an order of no meaning: what was tried when the time is over is as even as the whole.
        random.Random(5).shuffle(every)
        chosen = every[:wanted][part[0] :: part[1]]
        end = time.monotonic() + 60 * minutes
        for number, (seed, at, mode) in enumerate(chosen):
            if time.monotonic() > end:
                return number
            work = self.work(seed)
            _, status = os.waitpid(self.child(work, at, mode), 0)
            self.seen[f"{MODES[mode]}: {'died' if os.waitstatus_to_exitcode(status) == 137 else 'went on'}"] += 1
            self.judge(work, f"seed {seed}, call {at}, {MODES[mode]}")
        return len(chosen)

    def kills(self, wanted: int) -> None:
        """Kill a child after a random time."""
        rnd = random.Random(9)
        before = time.monotonic()
        os.waitpid(self.child(self.work(0), 0, 0), 0)
        whole = time.monotonic() - before
        for number in range(wanted):
            work = self.work(number % SEEDS)
            process = self.child(work, 0, 0)
            time.sleep(rnd.uniform(0, whole))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            done = sum(state in (DONE, SKIPPED) for state in self.notes[: len(work.plan)])
            self.seen["killed: " + ("at work" if done < len(work.plan) else "after the work")] += 1
            self.judge(work, f"kill {number}")


def main() -> int:
    """Run from the command line, or inside the process with the shim."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=600, help="no more points after this time")
    parser.add_argument("--part", default="0/1", help="which of how many parts of the points, to run them side by side")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        with tempfile.TemporaryDirectory() as folder:
            shim = compile_shim(Path(folder))
            if shim is None:
                print("no C compiler for Linux")
                return 2
            found = run(shim, **{n: v for n, v in vars(options).items() if n != "inside"})
        print(json.dumps(found, indent=2))
        return 1 if found["failures"] else 0
    laboratory = Laboratory()
    try:
        which, of = map(int, options.part.split("/"))
        tried = laboratory.points(options.points, (which, of), options.minutes) if options.points else 0
        laboratory.kills(options.kills)
    finally:
        shutil.rmtree(laboratory.folder)
    seen = dict(sorted(laboratory.seen.items()))
    print(json.dumps({"points": tried, "seen": seen, "failures": laboratory.failures[:20]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
