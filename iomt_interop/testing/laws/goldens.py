"""K12 and K13: what was read stays what it was, and survives being written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import IomtError, OutputError
from ...model import Record, records_from_json, to_json
from ...plugins import WriteContext, check_writer, guarded
from ..compare import differences
from ..corpus import Case, Member
from ..law import Law, NotApplicable, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["GOLDENS", "ROUND_TRIP"]


def _goldens(kit: Kit, case: Case) -> Iterator[str]:
    if case.golden is None:
        raise NotApplicable("a sample inside the package has no golden beside it; put it into the corpus folder too")
    outcome = kit.whole(case)
    text = _golden(outcome.records, outcome.failure and outcome.failure[:2])
    if kit.accept:
        case.golden.write_bytes(text)
        return
    if not case.golden.is_file():
        yield f"there is no {case.golden.name}; read the records, then write it with --accept"
        return
    expected = case.golden.read_bytes()
    if expected == text:
        return
    wanted, error = _parsed(expected)
    if wanted is None:
        yield f"{case.golden.name} holds no records of this library's model"
        return
    if error != (list(outcome.failure[:2]) if outcome.failure else None):
        yield f"the error is {outcome.error.code if outcome.error else 'none'}; the golden says otherwise"
    found = differences(outcome.records, wanted)
    where = ", ".join(repr(each) for each in found[:20])
    yield f"{len(found)} fields differ from {case.golden.name}{f': {where}' if where else ''}"


def _golden(records: tuple[Record, ...], failure: object) -> bytes:
    """Write records one a line, so that a change shows as a change of lines."""
    lines = ",\n".join(to_json([record])[1:-1].decode() for record in records)
    return f'{{"error":{json.dumps(failure)},"records":[\n{lines}\n]}}\n'.encode()


def _parsed(data: bytes) -> tuple[list[Record] | None, object]:
    try:
        document = json.loads(data)
        return records_from_json(json.dumps(document["records"]).encode()), document["error"]
    except (ValueError, KeyError, TypeError, IomtError):
        return None, None


GOLDENS = Law(
    id="K12",
    name="goldens",
    title="What was read once is read again",
    checks="The records of each case, and the code of its error, are those of the golden file beside it "
    "(`<input>.golden.json`, one record a line).",
    fails="A change of the reader, of its tables, or of this library changes a record.",
    mend="The finding names the fields. If the new records are right, write the goldens anew with "
    "`iomt conformance ID --corpus DIR --accept`, and say in your change log what changed for users.",
    claimed=reads,
    each=_goldens,
)


def _round_trip(kit: Kit, case: Case) -> Iterator[str]:
    first = kit.whole(case)
    if first.error is not None:
        raise NotApplicable("the case ends in an error; what comes before it is tried by the other cases")
    writer = check_writer(
        kit.adapter_id,
        guarded(
            kit.adapter_id,
            kit.adapter.writer_factory(),
            WriteContext(include_test_data=True, form=kit.options.form),
        ),
    )
    try:
        payload = b"".join(guarded(kit.adapter_id, list, writer.write(first.records)))
    except OutputError as error:
        yield f"the reader's own records cannot be written: {error.code}"
        return
    if kit.manifest.lossless == "bytes":
        if payload != case.data:
            yield "the bytes written are not the bytes read"
        return
    again = kit.read((Member(case.members[0].name, payload),))
    if again.error is not None:
        yield f"what was written cannot be read: {again.error.code}"
        return
    lost = {(loss.record, loss.path) for loss in writer.losses}
    yield from _compared(first.records, again.records, lost)


def _compared(first: tuple[Record, ...], again: tuple[Record, ...], lost: set[tuple[str, str]]) -> Iterator[str]:
    before, after = ({record.id: record for record in records} for records in (first, again))
    gone = Counter(before[i].kind for i in before.keys() - after.keys() if before[i].kind not in _OF_THE_UNIT)
    for kind, count in sorted(gone.items()):
        yield f"{count} records of kind {kind} do not come back"
    for number, (one, other) in enumerate((before[i], after[i]) for i in before if i in after):
        found = differences([other], [one], ignore=("provenance", "extensions"))
        paths = {each.path.removeprefix("[0].") for each in found}
        # What the unit around the record said of it may be added; nothing may be gone.
        if not set(one.extensions) <= set(other.extensions):
            paths.add("extensions")
        silent = sorted(p for p in paths if not any((one.id, part) in lost for part in _parents(p)))
        if silent:
            yield f"record {number} ({one.kind}) comes back changed: {', '.join(silent[:4])}"


_OF_THE_UNIT = frozenset({"message", "residue", "issue"})


def _parents(path: str) -> Iterator[str]:
    plain = "".join(part.partition("[")[0] + "." for part in path.split(".")).rstrip(".")
    while plain:
        yield plain
        plain = plain.rpartition(".")[0]


ROUND_TRIP = Law(
    id="K13",
    name="round-trip",
    title="What is written is read back, as far as the manifest claims",
    checks='`lossless = "bytes"`: writing the records of a case gives its bytes. `lossless = "records"`: reading '
    "what was written gives records with the same ids and the same content, but for the fields that the "
    "writer listed as losses. The envelope of a unit (message, residue, issue) may differ.",
    fails="The writer leaves out a field without listing a loss; a number loses its precision, a time its offset.",
    mend="List every field that the format cannot say as a `Loss`, or find a place for it; claim less otherwise.",
    claimed=lambda m: (
        reads(m)
        or (None if "write" in m.directions else "the manifest does not claim to write")
        or (None if m.lossless != "none" else "the manifest claims no losslessness")
    ),
    each=_round_trip,
)
