"""A large file of HL7 v2 messages, at constant memory: wire messages, rows, records, FHIR NDJSON.

usage: python benchmarks/stream.py [--size GB] [--share N]

A file of monitor messages is made in the temporary folder. A process of its own reads all of it message by message;
others turn the first ``1/N`` of it (16 by default) into rows, records and FHIR. Shown are the rate, and how far the
process grew between the first fifth and the end: at constant memory that is nothing.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
MESSAGE = ROOT / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7"
CHUNK = 1 << 20
console = Console()


def make(path: Path, size: int) -> int:
    """Write messages, each under its own control id, until the file is large enough; return how many."""
    first, _, rest = MESSAGE.read_bytes().partition(b"|PCD-000030|")
    # The stay has a number, as a hospital's has: without one every message would tell of a stay of its own.
    stay = b"PV1||I|EXAMPLE WARD^12^3"
    rest = rest.replace(stay, stay + b"|" * 16 + b"V1^^^EXAMPLE^VN")
    count = written = 0
    with path.open("wb") as file:
        while written < size:
            block = b"".join(first + b"|S%09d|" % number + rest for number in range(count, count + 1000))
            file.write(block)
            written, count = written + len(block), count + 1000
    return count


class _Head:
    """The beginning of a file as a stream, which sees how large the process is after a fifth of it."""

    early = 0

    def __init__(self, path: Path, limit: int) -> None:
        self._file, self._left, self._mark = path.open("rb"), limit, limit - limit // 5

    def read(self, size: int = -1) -> bytes:
        if self._left <= self._mark and not _Head.early:
            _Head.early = peak()
        found = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        return found


def messages(path: Path, limit: int) -> Iterable[object]:
    """Read messages of the wire."""
    from iomt_interop.wire import hl7v2

    return hl7v2.iter_messages(_Head(path, limit))


def rows(path: Path, limit: int) -> Iterable[object]:
    """Read the plain numbers of every message as columns."""
    from iomt_interop.adapters.hl7v2_oru.columns import read_columns
    from iomt_interop.plugins import ReadContext
    from iomt_interop.wire import hl7v2

    context = ReadContext()
    for message in hl7v2.iter_messages(_Head(path, limit)):
        yield read_columns(bytes(message), context)


def records(path: Path, limit: int) -> Iterable[object]:
    """Read canonical records."""
    from iomt_interop.adapters.hl7v2_oru.reader import make_reader
    from iomt_interop.plugins import ReadContext

    reader, source = make_reader(ReadContext()), _Head(path, limit)
    while chunk := source.read(CHUNK):
        yield from reader.feed(chunk)
    yield from reader.finish()


def fhir(path: Path, limit: int) -> Iterable[object]:
    """Write FHIR NDJSON."""
    from iomt_interop.adapters.fhir_r4.writer import make_writer
    from iomt_interop.plugins import WriteContext

    return make_writer(WriteContext(form="ndjson")).write(records(path, limit))


STEPS: dict[str, Callable[[Path, int], Iterable[object]]] = {
    "messages": messages, "rows": rows, "records": records, "FHIR NDJSON": fhir,
}  # fmt: skip


def peak() -> int:
    """Return the largest size that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(step: str, path: Path, limit: int) -> tuple[float, int, int, int]:
    """Return seconds, things made, and the peak of memory early on and at the end."""
    seconds = time.process_time()
    count = sum(1 for _ in STEPS[step](path, limit))
    return time.process_time() - seconds, count, _Head.early, peak()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=float, default=2.0, help="size of the file in GB")
    parser.add_argument("--share", type=int, default=16, help="what part of it goes beyond the wire: one in so many")
    options = parser.parse_args()
    table = Table("step", "octets", "CPU time", "rate", "memory early on", "growth from there to the end")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.hl7"
        count = make(path, int(options.size * 1e9))
        whole = path.stat().st_size
        console.print(f"{count:,} messages, {whole:,} octets")
        for step in STEPS:
            limit = whole if step == "messages" else whole // options.share
            with get_context("spawn").Pool(1) as pool:
                seconds, _, early, late = pool.apply(measure, (step, path, limit))
            rate = f"{limit / seconds / 1e6:,.1f} MB/s, {count * limit / whole / seconds:,.0f} messages/s"
            size = f"{early / 1e6:,.0f} MB", f"{(late - early) / 1e6:,.1f} MB"
            table.add_row(step, f"{limit:,}", f"{seconds:,.1f} s", rate, *size)
    console.print(table)


if __name__ == "__main__":
    main()
