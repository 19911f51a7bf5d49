"""K7 and K8: no octet of the input is without effect, and each is accounted for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...model import Issue, Record, Residue
from ..corpus import Case, Member
from ..law import Law, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["ACCOUNTING", "MUTATION"]


def _ignored(kit: Kit, data: bytes) -> bytearray:
    """Mark the octets that the manifest declares to carry no information."""
    marks = bytearray(len(data))
    for rule in kit.manifest.ignored:
        for match in re.finditer(rule.regex.encode("latin-1"), data, re.DOTALL):
            marks[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    return marks


def _mutation(kit: Kit, case: Case) -> Iterator[str]:
    whole = kit.whole(case)
    for number, member in enumerate(case.members):
        ignored = _ignored(kit, member.data)
        silent = []
        for offset in kit.offsets(len(member.data)):
            if ignored[offset]:
                continue
            for mask in (0x01, 0x80) if kit.thorough else (0x01,):
                changed = bytearray(member.data)
                changed[offset] ^= mask
                if kit.read(case.replaced(number, bytes(changed))).essence == whole.essence:
                    silent.append(offset)
                    break
        if silent:
            yield f"{_of(member)}changed octets without effect, at {_runs(silent)}"


MUTATION = Law(
    id="K7",
    name="mutation",
    title="Change an octet, and something changes",
    checks="Each octet of each case (an even spread where it is long) has its lowest bit turned. Then a record, "
    "residue, an issue or the error must differ; digests of the source, and ids made from the bytes "
    "alone, do not count.",
    fails="A field of the format that the reader skips: a reserved word, a sequence number, a checksum that is "
    "not checked, a unit that is taken for granted.",
    mend="Put what has no place in a record into its `extensions`; check checksums; keep what you do not "
    "understand as `Residue`. What carries no information (padding, line ends) is declared in the "
    "manifest as `[[ignored]]` with a reason.",
    claimed=lambda m: reads(m) or (None if m.lossless != "none" else "the manifest claims no losslessness"),
    each=_mutation,
)


def _accounting(kit: Kit, case: Case) -> Iterator[str]:
    records = kit.whole(case).records
    for member in case.members:
        covered = _ignored(kit, member.data)
        size = len(covered)
        for record in records:
            if member.name is not None and not (record.provenance.path or "").startswith(member.name):
                continue
            for start, stop in _spans(record):
                if not 0 <= start <= stop <= size:
                    yield f"{_of(member)}a {record.kind} has the span {start}..{stop}, the input {size} octets"
                    return
                covered[start:stop] = b"\1" * (stop - start)
        lost = [offset for offset, mark in enumerate(covered) if not mark]
        if lost:
            yield f"{_of(member)}{len(lost)} of {size} octets are in no record's span: {_runs(lost)}"


def _spans(record: Record) -> Iterator[tuple[int, int]]:
    if record.provenance.span is not None:
        yield record.provenance.span
    if isinstance(record, Residue | Issue) and record.span is not None:
        yield record.span


def _of(member: Member) -> str:
    return f"{member.name}: " if member.name else ""


def _runs(offsets: list[int]) -> str:
    """Write sorted offsets as half-open ranges, the first few of them."""
    runs: list[list[int]] = []
    for offset in offsets:
        if runs and runs[-1][1] == offset:
            runs[-1][1] += 1
        else:
            runs.append([offset, offset + 1])
    more = f" and {len(runs) - 12} more" if len(runs) > 12 else ""
    return ", ".join(f"{a}..{b}" for a, b in runs[:12]) + more


ACCOUNTING = Law(
    id="K8",
    name="accounting",
    title="Every octet is in some record's span",
    checks="The spans of all records, residue and issues of a case, together with the octets that the manifest "
    "declares as `[[ignored]]`, cover the whole input.",
    fails="Records without `provenance.span`; spans that leave out a unit's header, trailer or line end; octets "
    "between units that are skipped in search of the next mark.",
    mend="Give each record the span of the unit from which it was read, separators included. Octets between "
    "units become `Residue`.",
    claimed=reads,
    each=_accounting,
)
