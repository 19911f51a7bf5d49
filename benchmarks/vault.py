"""The vault against plain SQLite and SQLCipher, all in one run: processor time of one core, and wall time beside it.

usage: python benchmarks/vault.py [--quick] [--folder FOLDER]

SQLCipher is measured where it is installed (``sqlcipher3``). Every store is durable: a write-ahead log that is synced
at each commit.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.adapters.hl7v2_oru.columns import read_columns
from iomt_interop.crypto import KeyWrap, SecretKey
from iomt_interop.model import ObservationBatch
from iomt_interop.plugins import ReadContext
from iomt_interop.vault import KeyFile, SubjectRow, Vault

ROOT = Path(__file__).resolve().parent.parent
MDC = "urn:iso:std:iso:11073:10101"
KINDS = [("147842", "/min"), ("150456", "%"), ("151562", "/min"), ("150021", "mm[Hg]")]
CODES = [m.Concept(codings=(m.Coding(system=MDC, code=code),)) for code, _ in KINDS]
UNITS: list[tuple[str | None, m.Coding | None]] = [("/min", None), ("%", None), ("mm[Hg]", None)]
ROWS = 1000
SMALL = (
    b"MSH|^~\\&|MON||||20261124||ORU^R01|%d|P|2.6\rPID|||X%d\rOBR|1|||1\rOBX|1|NM|8867-4^Heart rate^LN||%d|/min|||||F\r"
)


class Report:
    """Rows of one table."""

    def __init__(self) -> None:
        self.table = Table(
            "measured", "per second", "us each", "wall", "ratio", title="The vault", title_justify="left"
        )

    def run(self, name: str, count: int, work: Callable[[], object], **against: float) -> float:
        """Measure once; return the processor time of one, beside that of others."""
        wall, start = time.perf_counter(), time.process_time()
        work()
        spent, waited = (time.process_time() - start) / count, (time.perf_counter() - wall) / count
        ratio = ", ".join(f"{other / spent:.2f}x {peer}" for peer, other in against.items() if other)
        self.table.add_row(name, f"{1 / spent:,.0f}", f"{spent * 1e6:,.2f}", f"{waited * 1e6:,.2f}", ratio)
        return spent

    def note(self, name: str, text: str) -> None:
        """Say something."""
        self.table.add_row(name, text)


def vital_signs(number: int, subject: str) -> ObservationBatch:
    """Return a batch of rows, four for each second."""
    rnd = random.Random(number)
    day = f"2026-11-{1 + number % 28:02d}T{number // 28 % 24:02d}"
    batch = ObservationBatch(
        adapter="bench", version="1", digest=m.record_id(number) * 2, subject=subject, device="d", status="final",
        codes=CODES, units=UNITS,
        times=[m.Instant(value=f"{day}:{n // 60 % 60:02d}:{n % 60:02d}+00:00") for n in range(ROWS // 4)],
    )  # fmt: skip
    for n in range(ROWS):
        batch.mantissa.append(rnd.randrange(400, 1200))
        batch.exponent.append(-1)
        batch.special.append(0)
        batch.code.append(n % 4)
        batch.unit.append((0, 1, 0, 2)[n % 4])
        batch.time.append(n // 4)
        batch.start.append(80 * n)
        batch.stop.append(80 * n + 60)
    return batch


def plain_rows(batches: Iterable[ObservationBatch]) -> Iterator[list[tuple[object, ...]]]:
    """Yield what a table of observations would hold, transaction by transaction."""
    for batch in batches:
        codes = [code.codings[0].code for code in batch.codes]
        units = [unit for unit, _ in batch.units]
        times = [time.value for time in batch.times]
        columns = zip(
            batch.mantissa, batch.exponent, batch.special, batch.code, batch.unit, batch.time, batch.start, batch.stop,
            strict=True,
        )  # fmt: skip
        yield [
            (batch.subject, codes[code], mantissa, exponent, special, units[unit], times[time], start, stop)
            for mantissa, exponent, special, code, unit, time, start, stop in columns
        ]


def peer(
    module: str, folder: Path, transactions: list[list[tuple[object, ...]]], report: Report
) -> tuple[float, float]:
    """Measure rows in SQLite, or in what speaks like it."""
    engine: Any = importlib.import_module(module)
    connection = engine.connect(str(folder / module), isolation_level=None)
    if module != "sqlite3":
        connection.execute("PRAGMA key = \"x'" + os.urandom(32).hex() + "'\"")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE o (id INTEGER PRIMARY KEY, subject TEXT, code TEXT, mantissa INTEGER, exponent INTEGER,"
        " special INTEGER, unit TEXT, time TEXT, start INTEGER, stop INTEGER)"
    )

    def write() -> None:
        for rows in transactions:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO o VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")

    count = len(transactions) * ROWS
    name = "SQLite, plain rows" if module == "sqlite3" else "SQLCipher, rows"
    wrote = report.run(f"{name}: transactions of {ROWS:,}", count, write)
    read = report.run(f"{name}: read", count, lambda: connection.execute("SELECT * FROM o").fetchall())
    connection.close()
    return wrote, read


def observations(folder: Path, report: Report, transactions: int) -> None:
    """Measure columns against rows."""
    batches = [vital_signs(n, f"subject {n // 20}") for n in range(transactions)]
    rows, count = list(plain_rows(batches)), transactions * ROWS
    plain, plain_read = peer("sqlite3", folder, rows, report)
    sealed = 0.0
    try:
        sealed, _ = peer("sqlcipher3", folder, rows, report)
    except ImportError:
        report.note("SQLCipher", "not installed")
    del rows
    for name, size in ((f"transactions of {ROWS:,}", 1), ("grouped by subject, 20 batches", 20)):
        path = folder / f"columns-{size}"
        with Vault.create(path, keys=KeyFile(folder / "a.key")) as vault:
            groups = [batches[at : at + size] for at in range(0, transactions, size)]

            def write(vault: Vault = vault, groups: list[list[ObservationBatch]] = groups) -> None:
                for group in groups:
                    vault.put_batches(group)

            report.run(f"vault: {name}", count, write, SQLite=plain, SQLCipher=sealed)
            report.run("vault: the same again, all of it known", count, write)
        with Vault.open(path, keys=KeyFile(folder / "a.key")) as vault:
            report.run("vault: read columns", count, lambda v=vault: list(v.batches()), SQLite=plain_read)  # type: ignore[misc]
            report.run(
                "vault: read columns, every time made an object", count,
                lambda v=vault: [list(batch.times) for batch in v.batches()], SQLite=plain_read,  # type: ignore[misc]
            )  # fmt: skip
            report.note("  octets of the file per observation", f"{path.stat().st_size / count:.2f}")


def messages(folder: Path, report: Report, count: int) -> None:
    """Measure messages of a monitor, as records and as columns."""
    data = (ROOT / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7").read_bytes()
    large = [data.replace(b"MSH|^~\\&|", b"MSH|^~\\&|M%d" % n, 1) for n in range(count)]
    columns = [read_columns(message, ReadContext()) for message in large]
    rows = sum(map(len, columns))
    with Vault.create(folder / "messages", keys=KeyFile(folder / "a.key")) as vault:
        report.run(f"vault: columns of {count} messages of 30 OBX, one transaction", rows,
                   lambda: vault.put_batches(columns))  # fmt: skip
    for name, made in (
        (
            "small messages",
            [list(iomt.read(SMALL % (n, n % 20, 60 + n % 40), adapter="hl7v2_oru")) for n in range(count)],
        ),
        ("messages of 30 OBX", [list(iomt.read(message, adapter="hl7v2_oru")) for message in large[: count // 4]]),
    ):
        each = len(made[-1])
        with Vault.create(folder / f"{name}-1", keys=KeyFile(folder / "a.key")) as vault:
            alone = report.run(f"vault: put, {name}, {each} records each", len(made),
                               lambda v=vault, g=made: [v.put(group) for group in g])  # type: ignore[misc]  # fmt: skip
        with Vault.create(folder / f"{name}-n", keys=KeyFile(folder / "a.key")) as vault:
            report.run("vault: put_groups of all of them", len(made),
                       lambda v=vault, g=made: v.put_groups(g), put=alone)  # type: ignore[misc]  # fmt: skip
            total = sum(map(len, made))
            report.run("vault: read them as records", total, lambda v=vault: list(v.records(versions="all")))  # type: ignore[misc]


def waveform(folder: Path, report: Report) -> None:
    """Measure a megabyte of samples, per octet."""
    noise = random.Random(1).randbytes(1 << 20)
    waves = [
        m.Waveform(
            id=m.record_id(n), provenance=m.Provenance(adapter="bench", version="1"), code=CODES[0],
            channels=(m.Channel(code=CODES[0]),), segments=(m.Segment(channel=0, dtype="i2", data=noise, n=1 << 19),),
        )
        for n in range(20)
    ]  # fmt: skip
    with Vault.create(folder / "waves", keys=KeyFile(folder / "a.key")) as vault:
        report.run("vault: put a waveform of 1 MiB", 20, lambda: [vault.put([wave]) for wave in waves])
        report.run("vault: read it", 20, lambda: list(vault.records()))
    report.note("  octets of the file per octet", f"{(folder / 'waves').stat().st_size / (20 << 20):.3f}")


def rotation(folder: Path, report: Report, subjects: int) -> None:
    """Measure a rotation of the key-encryption key over many subjects."""
    old, new = KeyWrap(SecretKey.generate()), KeyWrap(SecretKey.generate())
    wrapped = [old.wrap(os.urandom(32), b"x" * 60) for _ in range(20_000)]
    rewrapped = old.to(new, b"x" * 8, b"y" * 8)
    limit = report.run("limit: unwrap and wrap alone", len(wrapped),
                       lambda: [rewrapped(key, b"x" * 52) for key in wrapped])  # fmt: skip
    with Vault.create(folder / "rotated", keys=KeyFile(folder / "a.key")) as vault:
        ledger = vault._ledger
        with vault._backend.writing():
            for _ in range(subjects):
                row = SubjectRow(os.urandom(16), os.urandom(16), b"", 1)
                vault._backend.add_subject(
                    row._replace(wrapped=ledger._wrap.wrap(os.urandom(32), ledger.bound(row, 1)))
                )
        report.run(f"vault: rotate the keys of {subjects:,} subjects", subjects,
                   lambda: vault.rotate(KeyFile(folder / "b.key")), limit=limit)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the stores are made; a temporary folder by default")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    report = Report()
    try:
        for name in ("a.key", "b.key"):
            KeyFile.create(folder / name)
        with Vault.create(folder / "warm", keys=KeyFile(folder / "a.key")) as vault:
            vault.put_batches([vital_signs(0, "s")])
            vault.put(iomt.read(SMALL % (0, 0, 60), adapter="hl7v2_oru"))
        observations(folder, report, 100 if options.quick else 1000)
        messages(folder, report, 200 if options.quick else 1000)
        waveform(folder, report)
        rotation(folder, report, 100_000 if options.quick else 1_000_000)
    finally:
        shutil.rmtree(folder)
    Console(width=140).print(report.table)


if __name__ == "__main__":
    main()
