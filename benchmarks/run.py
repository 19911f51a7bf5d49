"""Ratios against peers, all in one run; absolute times depend on the machine, ratios much less.

usage: python benchmarks/run.py [--quick]

Peers are measured where they are installed: python-hl7 (``hl7``), hl7apy, fhir.resources.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
console = Console()


def best(function: Callable[[], object], budget: float) -> float:
    """Return the best time of one call in seconds, over at least five rounds within the budget."""
    function()
    start = time.perf_counter()
    function()
    once = max(time.perf_counter() - start, 1e-7)
    loops = max(1, int(budget / 5 / once))
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(loops):
            function()
        rounds.append((time.perf_counter() - start) / loops)
    return min(rounds)


def retained(function: Callable[[], object]) -> int:
    """Return the memory that the result of a call keeps, in bytes."""
    function()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = function()
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del result
    return size


class Report:
    """Rows of one table: what, microseconds, rate, ratio against a named peer."""

    def __init__(self, title: str) -> None:
        self.table = Table("measured", "time", "rate", "ratio", title=title, title_justify="left")

    def row(
        self, name: str, seconds: float, *, size: int = 0, count: int = 0, against: tuple[str, float] | None = None
    ) -> None:
        rate = f"{size / seconds / 1e6:,.0f} MB/s" if size else f"{count / seconds:,.0f} /s" if count else ""
        ratio = f"{against[1] / seconds:,.1f}x {against[0]}" if against else ""
        self.table.add_row(name, f"{seconds * 1e6:,.2f} us", rate, ratio)

    def note(self, name: str, text: str) -> None:
        self.table.add_row(name, text, "", "")


def hl7(budget: float) -> None:
    from iomt_interop._accel import load
    from iomt_interop.adapters.hl7v2_oru.columns import read_columns
    from iomt_interop.adapters.hl7v2_oru.reader import make_reader
    from iomt_interop.model import Observation
    from iomt_interop.plugins import ReadContext
    from iomt_interop.wire import hl7v2

    message = (ROOT / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7").read_bytes()
    context = ReadContext()
    report = Report(f"HL7 v2: one PCD-01 message, {len(message):,} bytes, {message.count(b'OBX|')} OBX")
    size = len(message)
    split = best(lambda: message.split(b"\r"), budget)
    report.row('limit: bytes.split(b"\\r")', split, size=size)
    kernel = load("er7")
    report.row(
        "index (kernel)", best(lambda: kernel.index(message, 0, size, 124), budget), size=size, against=("split", split)
    )
    scan = best(lambda: hl7v2.parse(message), budget)
    report.row("parse: index and message object", scan, size=size, against=("split", split))
    bulk = message * 400
    report.row(
        "index, 400 messages as one",
        best(lambda: hl7v2.parse(bulk), budget),
        size=len(bulk),
        against=("split", best(lambda: bulk.split(b"\r"), budget)),
    )
    streams_and_values(report, message, budget)
    rows = best(lambda: read_columns(message, context), budget)
    peer = apy = 0.0
    with suppress(ImportError):
        import hl7 as python_hl7

        text = message.decode()
        peer = best(lambda: python_hl7.parse(text), budget)
        report.row("peer: python-hl7 parse", peer, size=size)
    with suppress(ImportError):
        from hl7apy.parser import parse_message

        text = message.decode()
        apy = best(lambda: parse_message(text, find_groups=False), budget)
        report.row("peer: hl7apy parse (no groups)", apy, size=size)
    report.row("typed rows (columns)", rows, count=1, against=("python-hl7", peer) if peer else None)

    # A sender numbers its messages.
    sent = cycle(message.replace(b"|PCD-000030|", b"|PCD-%06d|" % number) for number in range(64))

    def records() -> list[object]:
        reader = make_reader(context)
        return [*reader.feed(next(sent)), *reader.finish()]

    full = best(records, budget)
    report.row("canonical records", full, count=1, against=("hl7apy", apy) if apy else None)
    translate(report, records, lambda: read_columns(next(sent), context).records(), apy, budget)
    compose(report, records(), message, budget)
    kept = retained(lambda: hl7v2.parse(message))
    report.note("memory of a parsed message", f"{kept:,} bytes = {(kept + size) / size:.2f}x wire, raw included")
    console.print(report.table)
    many = []
    for number in range(40):
        reader = make_reader(context)
        found = [*reader.feed(message.replace(b"PCD-000030", b"PCD-%06d" % number)), *reader.finish()]
        many += [record for record in found if isinstance(record, Observation)]
    fhir(many, budget)


def translate(
    report: Report,
    records: Callable[[], list[object]],
    numbers: Callable[[], Iterable[object]],
    apy: float,
    budget: float,
) -> None:
    """Measure the way to FHIR: of everything a message says, and of its plain numbers alone."""
    from iomt_interop.adapters.fhir_r4.writer import make_writer
    from iomt_interop.plugins import WriteContext

    def fhir(what: Callable[[], Iterable[object]]) -> Callable[[], bytes]:
        return lambda: b"".join(make_writer(WriteContext(form="ndjson")).write(what()))

    peer = ("hl7apy parse alone", apy) if apy else None
    report.row("message to FHIR NDJSON", best(fhir(records), budget), count=1, against=peer)
    report.row("its plain numbers to FHIR NDJSON", best(fhir(numbers), budget), count=1, against=peer)
    # A connection: one reader and one writer, so that what every message tells again is written once.
    stream = [record for _ in range(200) for record in records()]
    writing = best(lambda: sum(map(len, make_writer(WriteContext(form="ndjson")).write(stream))), budget) / 200
    report.row("a message of a stream, records to FHIR NDJSON", writing, count=1, against=peer)


def compose(report: Report, records: list[object], message: bytes, budget: float) -> None:
    from iomt_interop.adapters.hl7v2_pcd01.writer import make_writer
    from iomt_interop.plugins import WriteContext

    peer = 0.0
    with suppress(ImportError):
        from hl7apy.parser import parse_message

        tree = parse_message(message.decode(), find_groups=False)
        peer = best(tree.to_er7, budget)
        report.row("peer: hl7apy to_er7 of a parsed message", peer, count=1)

    def write() -> bytes:
        return b"".join(make_writer(WriteContext()).write(records))

    report.row("records to PCD-01", best(write, budget), count=1, against=("hl7apy to_er7", peer) if peer else None)


def streams_and_values(report: Report, message: bytes, budget: float) -> None:
    from iomt_interop.wire import hl7v2
    from iomt_interop.wire.hl7v2.types import decode_obx

    bulk = message * 400
    stream = best(lambda: sum(1 for _ in hl7v2.iter_messages(bulk)), budget)
    report.row("stream, 400 messages one by one", stream, size=len(bulk))
    results = [segment for segment in hl7v2.parse(message) if segment.id == "OBX"]
    values = best(lambda: [decode_obx(each) for each in results], budget / 2)
    report.row("OBX-5 by data type, all", values, count=1)
    waves(report, budget)


def waves(report: Report, budget: float) -> None:
    """Twelve leads of 500 samples, as OBX-5 of type NA has them, to integer arrays."""
    from iomt_interop.adapters.hl7v2_oru.waveforms import read_samples

    leads = ["^".join(str((lead * 7919 + at * 104729) % 4001 - 2000) for at in range(500)) for lead in range(12)]
    size = sum(map(len, leads))
    ints = best(lambda: [[int(sample) for sample in lead.split("^")] for lead in leads], budget / 2)
    report.row("limit in Python: int() of split()", ints, size=size)
    arrays = best(lambda: [read_samples(lead, "^") for lead in leads], budget / 2)
    report.row("NA, 12 x 500 samples to arrays", arrays, size=size, against=("int() of split()", ints))


def fhir(observations: list[object], budget: float) -> None:
    from iomt_interop.adapters.fhir_r4.writer import make_writer
    from iomt_interop.plugins import WriteContext

    report = Report(f"FHIR R4: {len(observations)} observations")

    def emit() -> bytes:
        return b"".join(make_writer(WriteContext(form="ndjson")).write(observations))

    lines = emit().splitlines()
    ours = best(emit, budget) / len(lines)
    report.row("emit, records to NDJSON, each", ours, count=1)
    with suppress(ImportError):
        import json

        from fhir.resources.R4B.observation import Observation

        documents = [json.loads(line) for line in lines]
        theirs = best(lambda: [Observation(**d).model_dump_json() for d in documents], budget) / len(lines)
        report.row("peer: fhir.resources R4B build and dump, each", theirs, count=1)
        report.row("emit, against it", ours, count=1, against=("fhir.resources", theirs))
    console.print(report.table)


def phd(budget: float) -> None:
    from iomt_interop.adapters.ieee11073_phd.columns import read_columns
    from iomt_interop.adapters.ieee11073_phd.reader import make_reader
    from iomt_interop.plugins import ReadContext
    from iomt_interop.wire import phd as codec

    session = (ROOT / "fixtures" / "ieee11073_phd" / "pulse_oximeter.apdu").read_bytes()
    opening, scan = opening_and_report(session)
    stream = opening + scan * REPORTS
    context = ReadContext()
    report = Report(
        f"IEEE 11073-20601: a session of {REPORTS} fixed scan reports of {len(scan)} bytes, {len(stream):,} bytes"
    )
    tree = best(lambda: plain_tree(stream), budget)
    report.row("peer: plain-Python tree decoder", tree, count=REPORTS)
    report.row(
        "decode to APDU structures",
        best(lambda: list(codec.Session().feed(stream)), budget),
        size=len(stream),
        against=("plain", tree),
    )
    report.row(
        "typed columns", best(lambda: read_columns(stream, context), budget), count=REPORTS, against=("plain", tree)
    )

    def records() -> list[object]:
        reader = make_reader(context)
        return [*reader.feed(stream), *reader.finish()]

    report.row("canonical records", best(records, budget), count=REPORTS, against=("plain", tree))
    console.print(report.table)


REPORTS = 500


def opening_and_report(session: bytes) -> tuple[bytes, bytes]:
    """Return a session's APDUs down to its first fixed scan report, and that report."""
    at = 0
    while True:
        size = 4 + int.from_bytes(session[at + 2 : at + 4], "big")
        if session[at : at + 2] == b"\xe7\x00" and session[at + 18 : at + 20] == b"\x0d\x1d":
            return session[:at], session[at : at + size]
        at += size


def plain_tree(stream: bytes) -> list[object]:
    """Decode a stream the plain way: int.from_bytes, slices, dictionaries; for comparison only."""

    def u16(data: bytes, at: int) -> int:
        return int.from_bytes(data[at : at + 2], "big")

    def observations(body: bytes) -> list[object]:
        count, at, found = u16(body, 4), 8, []
        for _ in range(count):
            handle, length = u16(body, at), u16(body, at + 2)
            value = body[at + 4 : at + 4 + length]
            word = u16(value, 0)
            mantissa = (word & 0xFFF) - 0x1000 * (word >> 11 & 1)
            exponent = (word >> 12) - 16 * (word >> 15)
            stamp = "".join(f"{octet:02x}" for octet in value[2:10])
            found.append({"handle": handle, "value": mantissa * 10.0**exponent, "time": stamp})
            at += 4 + length
        return found

    apdus: list[object] = []
    at = 0
    while at < len(stream):
        tag, length = u16(stream, at), u16(stream, at + 2)
        body = stream[at + 4 : at + 4 + length]
        tree: dict[str, object] = {"tag": tag, "length": length}
        if tag == 0xE700 and u16(body, 4) in (0x0100, 0x0101):
            event, info = u16(body, 14), body[18:]
            tree |= {"invoke": u16(body, 2), "event": event}
            if event in (0x0D1D, 0x0D23, 0x0D29):
                tree["observations"] = observations(info)
        apdus.append(tree)
        at += 4 + length
    return apdus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less time per row, noisier figures")
    budget = 0.2 if parser.parse_args().quick else 1.0
    from iomt_interop._accel import implementation

    console.print(f"python {sys.version.split()[0]}, kernels: {implementation()}")
    hl7(budget)
    phd(budget)


if __name__ == "__main__":
    main()
