"""K16 and K17: no identifier outside records, and inside them only where the manifest says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import CODES
from ...model import Record
from ...privacy.identifiers import find_leaks, identifying_values
from ..canaries import Canary, places, plant, surfaces, told_by
from ..corpus import Case, Member
from ..kit import Outcome
from ..law import Law, NotApplicable, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["CANARIES", "PHI"]

_OWN: Final = 6
"""An identifier of the case itself that is shorter may stand elsewhere by chance."""


def _static(kit: Kit) -> bytes:
    """Return what may be said of any input: the texts of errors, and those of the manifest.

    A packed number can have the digits of a standard's number, and that number stands in many an error.
    """
    return "\n".join([*CODES, *CODES.values(), repr(kit.manifest)]).encode()


def _canaries(kit: Kit, case: Case) -> Iterator[str]:
    natural = kit.whole(case).records
    planted, canaries = plant(case.members, natural)
    secrets = sorted({*identifying_values(natural), *(canary.text for canary in canaries)})
    known = {number for number, _ in find_leaks(_static(kit), secrets)}
    secrets = [secret for number, secret in enumerate(secrets) if number not in known]
    if not secrets:
        raise NotApplicable("the case holds no identifier")
    found: set[str] = set()
    with tempfile.TemporaryDirectory() as folder, surfaces(Path(folder)) as said:
        for outcome in _trials(kit, case, planted):
            found |= _told(outcome, secrets)
    for surface, text in said.spoken():
        if find_leaks(text, secrets):
            found.add(f"an identifier in a {surface}")
    yield from sorted(found)


def _trials(kit: Kit, case: Case, planted: tuple[Member, ...]) -> Iterator[Outcome]:
    """Read the case with canaries and without, whole, cut off and damaged."""
    random = kit.random("canaries", case.name)
    for members in (case.members, planted):
        yield kit.read(members)
        for number, member in enumerate(members):
            size = len(member.data)
            for _ in range(200 if kit.thorough else 25):
                data = bytearray(member.data[: random.randrange(size + 1)] if random.random() < 0.5 else member.data)
                for _ in range(random.randrange(4)):
                    if data:
                        data[random.randrange(len(data))] = random.randrange(256)
                changed = Member(member.name, bytes(data))
                yield kit.read((*members[:number], changed, *members[number + 1 :]))


def _told(outcome: Outcome, secrets: list[str]) -> set[str]:
    found = set()
    if outcome.error is not None and find_leaks(told_by(outcome.error), secrets):
        found.add(f"an identifier in an exception ({type(outcome.error).__name__} {outcome.error.code})")
    for record in outcome.records:
        if find_leaks(f"{record!r} {record}".encode("utf-8", "surrogatepass"), secrets):
            found.add(f"an identifier in the repr of a {record.kind}")
    return found


CANARIES = Law(
    id="K16",
    name="canaries",
    title="No identifier leaves through an error, a log, a warning or a file",
    checks="Identifiers in the cases are exchanged for made-up ones of the same shape. Then the cases are read "
    "whole, cut off and damaged, and neither the real nor the made-up ones may appear in exceptions and "
    "their chains, logs, warnings, output, `repr` or temporary files, in any common encoding.",
    fails="An error text with the offending value; a debug log of a line; a library's warning that quotes it.",
    mend="Errors carry code, path and span. Raise them outside the `except` block, or with `from None`. "
    "Silence third-party warnings where you call the third party.",
    claimed=reads,
    each=_canaries,
)


def _phi(kit: Kit, case: Case) -> Iterator[str]:
    whole = kit.whole(case)
    planted, canaries = plant(case.members, whole.records)
    if not canaries:
        raise NotApplicable("no identifier of the case stands in its bytes as text")
    outcome = kit.read(planted)
    if [r.kind for r in outcome.records] != [r.kind for r in whole.records]:
        # A checksum protects the case against made-up identifiers: its own serve, where they are long enough.
        own = set(identifying_values(record.replace(extensions=()) for record in whole.records))
        canaries = [Canary(c.original, c.original) for c in canaries if len(c.original) >= _OWN and c.original in own]
        outcome = whole
    undeclared: set[str] = set()
    needles = [canary.text.encode() for canary in canaries]
    for record in outcome.records:
        undeclared |= {path for path, text in _places(record) if any(needle in text for needle in needles)}
    for path in sorted(undeclared):
        if not _declared(path, kit.manifest.phi):
            yield f"{path} holds an identifier and is not among the manifest's phi paths"


def _places(record: Record) -> Iterator[tuple[str, bytes]]:
    return places(record, record.kind)


def _declared(path: str, phi: tuple[str, ...]) -> bool:
    inside = path.partition(".")[2]
    return any(each == whole or each.startswith(f"{whole}.") for whole in phi for each in (path, inside))


PHI = Law(
    id="K17",
    name="phi",
    title="Identifiers stand only where the manifest says",
    checks="The made-up identifiers of K16 are looked for in every field of every record; each field that holds "
    "one is covered by the manifest's `phi` (a kind of record, a path in it, or a path in any record such "
    "as `extensions`).",
    fails="A patient number in an extension, a name in a note, while `phi` lists `subject` alone.",
    mend="Move the value where it belongs, or add the path to `phi`: whoever minimises data relies on that list.",
    claimed=reads,
    each=_phi,
)
