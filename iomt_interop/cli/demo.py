"""``iomt demo``: the whole way through the library, on the samples that the adapters ship."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.rule import Rule
from rich.table import Table

from ..facade import adapters, read
from ..model import Record
from ..plugins import ReadContext, WriteContext, check_writer, default_registry, guarded
from ..privacy.identifiers import find_leaks, identifying_values
from ..vault import KeyFile, Vault
from .common import console, refuse, show_table, write_atomically
from .listing import show_adapters
from .sniffing import show_sniffed, sniffed
from .store import Ingested, ingest_file, show_ingested

__all__ = ["run"]

TARGET = "fhir_r4"


def run(into: Path | None) -> bool:
    """Run the demo in a folder; return whether every proof held."""
    folder = _folder(into)
    samples = _unpack(folder / "samples")
    key, vault, bundle = folder / "demo.key", folder / "demo.vault", folder / "bundle.json"
    _step("What the library can read and write, and what these files are", "adapters")
    show_adapters(adapters())
    _say("sniff", *samples)
    show_sniffed([sniffed(str(path)) for path in samples], names=True)
    _step("Ingest: bytes to canonical records to an encrypted vault")
    _say("ingest", *samples, "--vault", vault, "--key-file", key)
    done, records = _ingest(samples, vault, key)
    show_ingested(done, names=True)
    _step("Proof: no identifier of the samples stands in the vault's bytes")
    sealed = _prove_sealed(folder, vault, key, records)
    _step("Read it back")
    _say("vault", "verify", vault, "--key-file", key)
    with Vault.open(vault, keys=KeyFile(key)) as store:
        store.verify()
        back = list(store.records(versions="all"))
        together = list(store.records())
    equal = Counter(back) == Counter(records)
    console.print(f"{len(back)} records read back, {'equal to' if equal else 'DIFFERENT FROM'} what was read")
    console.print(f"(of {len(together)} things: what several files say of the same one is kept, version by version)")
    _step("Write FHIR R4")
    _say("export", "--vault", vault, "--key-file", key, "--to", TARGET, "-o", bundle)
    _export(together, bundle)
    console.print(f"\nEverything is in {folder}", highlight=False)
    return sealed and equal and not any(entry.problem for entry in done)


def _folder(into: Path | None) -> Path:
    if into is None:
        return Path(tempfile.mkdtemp(prefix="iomt-demo-"))
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"--into {into}: {os.strerror(error.errno or 0)}")
    return into


def _unpack(folder: Path) -> list[Path]:
    """Copy the shipped samples to where a user can see them; a sample's name starts with its adapter's id."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for adapter in default_registry().usable():
        for sample in adapter.samples():
            copy = folder / sample.name
            write_atomically(copy, [sample.read_bytes()])
            copies.append(copy)
    return copies


def _ingest(samples: Iterable[Path], vault: Path, key: Path) -> tuple[list[Ingested], list[Record]]:
    """Store the samples; the records of a second reading are returned, to compare with."""
    keys = KeyFile(key) if key.exists() else KeyFile.create(key)
    opened = Vault.open(vault, keys=keys, mode="write") if vault.exists() else Vault.create(vault, keys=keys)
    with opened as store:
        done = [ingest_file(store, str(path), adapter=None, context=ReadContext()) for path in samples]
    # Equal records of two files are one; what differs is another version.
    return done, list(dict.fromkeys(record for path in samples for record in read(path)))


def _prove_sealed(folder: Path, vault: Path, key: Path, records: list[Record]) -> bool:
    """Search the vault's bytes for what identifies; words of an empty vault's own file prove nothing either way."""
    empty = folder / "empty.vault"
    Vault.create(empty, keys=KeyFile(key)).close()
    own_words = empty.read_bytes()
    _remove(empty)
    found = sorted(set(identifying_values(records)))
    common = {number for number, _ in find_leaks(own_words, found)}
    values = [value for number, value in enumerate(found) if number not in common]
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name.startswith(vault.name)]
    leaks = sum(len(find_leaks(path.read_bytes(), values)) for path in files)
    size = sum(path.stat().st_size for path in files)
    console.print(
        f"{len(values)} identifying texts (names, numbers, dates, serials) searched in {size:,} bytes of "
        f"{len(files)} file(s), as UTF-8, UTF-16, hexadecimal and base64: {leaks} found"
    )
    if common:
        console.print(f"({len(common)} more stand in an empty vault too, as words of its format: left out)")
    return leaks == 0 and bool(values)


def _remove(vault: Path) -> None:
    for path in vault.parent.glob(vault.name + "*"):
        path.unlink()


def _export(records: list[Record], bundle: Path) -> None:
    make = default_registry().get(TARGET).writer_factory()
    writer = check_writer(TARGET, guarded(TARGET, make, WriteContext()))
    size = write_atomically(bundle, writer.write(records))
    table = Table("losses by reason", "number")
    for reason, count in Counter(loss.reason for loss in writer.losses).most_common():
        table.add_row(reason, str(count))
    console.print(f"{size:,} bytes of FHIR; what FHIR could not say is listed, not hidden:")
    show_table(table)


def _step(title: str, *command: object) -> None:
    console.print(Rule(title, align="left"))
    if command:
        _say(*command)


def _say(*command: object) -> None:
    console.print("$ iomt " + shlex.join(map(str, command)), style="bold", markup=False, highlight=False)
