"""K15: what was read can be written in every format there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import AdapterContractError, IomtError, OutputError
from ...model import Issue, Record
from ...plugins import Adapter, Loss, ReadContext, WriteContext, check_reader, check_writer, guarded
from ...privacy.identifiers import find_leaks
from ..canaries import plant
from ..corpus import Case
from ..law import Law, NotApplicable, always

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["WRITERS"]


def _writers(kit: Kit) -> Iterator[str]:
    targets = [a for a in kit.registry.usable() if a.manifest is not None and a.manifest.writer]
    if not targets:
        raise NotApplicable("no adapter that writes is installed")
    if "write" in kit.manifest.directions:
        yield from _foreign_records(kit)
    losses: dict[str, dict[str, int]] = {}
    for target in targets:
        for case in kit.cases:
            yield from (f"{case.name} to {target.id}: {problem}" for problem in _written(kit, case, target, losses))
    kit.measured["losses"] = losses


def _written(kit: Kit, case: Case, target: Adapter, losses: dict[str, dict[str, int]]) -> Iterator[str]:
    members, canaries = plant(case.members, kit.whole(case).records)
    records = kit.read(members).records
    try:
        payload, lost = _write(target, records)
    except OutputError:
        return  # the format says that it cannot: an answer, and no silent loss
    except IomtError as error:
        yield error.hint or error.code
        return
    ids = {record.id for record in records}
    for loss in lost:
        if loss.record not in ids:
            yield "a loss names a record that is not there"
        elif find_leaks(f"{loss.path} {loss.reason}".encode(), [canary.text for canary in canaries]):
            yield f"a loss tells a value, at {loss.kind}"
        counts = losses.setdefault(target.id, {})
        counts[f"{loss.kind}.{loss.path}"] = counts.get(f"{loss.kind}.{loss.path}", 0) + 1
    if target.manifest is not None and target.manifest.reader:
        yield from _readable(target, payload)


def _write(target: Adapter, records: tuple[Record, ...]) -> tuple[bytes, tuple[Loss, ...]]:
    made = guarded(target.id, target.writer_factory(), WriteContext(include_test_data=True))
    writer = check_writer(target.id, made)
    payload = b"".join(guarded(target.id, list, writer.write(records)))
    return payload, tuple(writer.losses)


def _readable(target: Adapter, payload: bytes) -> Iterator[str]:
    try:
        reader = check_reader(target.id, guarded(target.id, target.reader_factory(), ReadContext()))
        back = [*guarded(target.id, reader.feed, payload), *guarded(target.id, reader.finish)]
    except IomtError as error:
        yield f"its own reader does not read what it wrote: {error.code}"
        return
    wrong = sorted({record.code for record in back if isinstance(record, Issue) and record.severity == "error"})
    if wrong:
        yield f"its own reader finds errors in what it wrote: {', '.join(wrong)}"


def _foreign_records(kit: Kit) -> Iterator[str]:
    """Give the writer what every other adapter reads from its samples."""
    for other in kit.registry.usable():
        if other.manifest is None or "read" not in other.manifest.directions or other.manifest.medium == "directory":
            continue
        for sample in other.samples():
            if not sample.is_file():
                continue
            try:
                reader = check_reader(other.id, guarded(other.id, other.reader_factory(), ReadContext()))
                records = [*guarded(other.id, reader.feed, sample.read_bytes()), *guarded(other.id, reader.finish)]
            except IomtError:
                continue  # the other adapter's own affair
            try:
                _write(kit.adapter, tuple(records))
            except OutputError:
                continue
            except AdapterContractError as error:
                yield f"records of {other.id} ({sample.name}): the writer raised {error.hint}"


WRITERS = Law(
    id="K15",
    name="writers",
    title="Every record passes every writer, and losses are listed",
    checks="What the cases give is written by every installed adapter that writes; bytes or an OutputError come "
    "out; each loss names a record that is there and tells no value; where the target can read, it reads "
    "its own output without errors. A writer is given, beside that, the records of all other adapters' "
    "samples.",
    fails="A writer stumbles over a kind of record, an absent value or a missing field that it did not expect.",
    mend="In a reader: use the model's fields as they are meant. In a writer: expect every kind and every "
    "optional field to be absent, and list what the format cannot say.",
    claimed=always,
    whole=_writers,
)
