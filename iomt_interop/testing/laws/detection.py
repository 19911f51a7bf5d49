"""K2 and K3: own inputs are recognised, nobody else's are."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice, permutations
from typing import TYPE_CHECKING

from ...errors import IomtError
from ...plugins import HEAD, Adapter, Candidate, Evidence, choose, sniff_bytes, sniff_members
from ..corpus import Case, Member
from ..foreign import foreign_inputs
from ..law import Law, NotApplicable, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["DETECTION", "FOREIGN", "sniffed"]


def sniffed(members: tuple[Member, ...], name: str | None, adapters: list[Adapter]) -> list[Candidate]:
    """Sniff a case as the facade would."""
    if members and members[0].name is not None:
        heads = {str(member.name): member.data[:HEAD] for member in members}
        return sniff_members(sorted(heads), heads.__getitem__, adapters)
    return sniff_bytes(members[0].data[:HEAD] if members else b"", name, adapters)


def _best(members: tuple[Member, ...], name: str | None, adapters: list[Adapter]) -> tuple[str, Evidence] | str:
    try:
        best = choose(sniffed(members, name, adapters))
    except IomtError as error:
        return error.code
    return best.adapter, best.evidence


def _detection(kit: Kit, case: Case) -> Iterator[str]:
    if any(fnmatchcase(case.name, pattern) for pattern in kit.options.undetected):
        raise NotApplicable("conformance.toml lists the case as one that no rule can recognise")
    adapters = list(kit.registry.usable())
    name = case.path.name if case.path is not None else None
    for known in (name, None):
        found = _best(case.members, known, adapters)
        told = "by its content and name" if known else "by its content alone"
        if isinstance(found, str):
            claims = ", ".join(f"{c.adapter} {c.evidence.name}" for c in sniffed(case.members, known, adapters))
            yield f"not recognised {told}: {found}{f' ({claims})' if claims else ''}"
        elif found[0] != kit.adapter_id:
            yield f"recognised {told} as {found[0]}"
        elif known is None and found[1] < Evidence.MAGIC:
            yield f"recognised {told} with evidence {found[1].name} only; MAGIC is needed"
    first = _best(case.members, name, adapters)
    orders = [adapters[n:] + adapters[:n] for n in range(len(adapters))] + [adapters[::-1]]
    orders += [list(order) for order in islice(permutations(adapters), 24)]
    if any(_best(case.members, name, order) != first for order in orders):
        yield "what is recognised depends on the order in which adapters are asked"


DETECTION = Law(
    id="K2",
    name="detection",
    title="Own inputs are recognised, by content, in any order of installation",
    checks="Every case, with its file name and without, is recognised as this adapter's and no other's, with "
    "evidence MAGIC or better, from at most its first 4,096 octets; and the same when the installed "
    "adapters are asked in other orders.",
    fails="Only a file name is recognised; the magic is not at the offset that the rule says; two adapters "
    "claim the same octets with the same evidence.",
    mend='Use `[[sniff.magic]]` or an anchored `[[sniff.pattern]]` with `evidence = "magic"`; '
    "`[[sniff.frames]]` where the format is a chain of frames. For an input that cannot be recognised (a "
    "capture that begins in the middle) list it under `undetected` in `conformance.toml`.",
    claimed=reads,
    each=_detection,
)


def _foreign(kit: Kit) -> Iterator[str]:
    own = [kit.adapter]
    for name, data in foreign_inputs():
        for candidate in sniffed((Member(None, data),), name, own):
            if candidate.evidence > Evidence.NAME:
                yield f"claims a foreign input: {name} ({candidate.evidence.name})"
    for other in kit.others():
        for sample in other.samples():
            if sample.is_file() and kit.manifest.medium != "directory":
                data = sample.read_bytes()
                for candidate in sniffed((Member(None, data),), None, own):
                    yield f"claims a sample of {other.id}: {sample.name} ({candidate.evidence.name})"
    for other in kit.others():
        for case in kit.cases:
            for candidate in sniffed(case.members, None, [other]):
                yield f"{other.id} claims {case.name} ({candidate.evidence.name})"


FOREIGN = Law(
    id="K3",
    name="foreign",
    title="Nobody else's inputs are claimed",
    checks="A corpus of other fields (text, markup, archives, pictures, sound, programs, noise), made by the "
    "kit, and the samples of every other installed adapter get no evidence above a file name; and no "
    "other adapter claims a case of this one.",
    fails="A magic of one or two octets; a pattern that fits any text with separators.",
    mend="Make the rule longer, or anchor it and ask for more of the header. Evidence SHAPE counts as a claim too.",
    claimed=reads,
    whole=_foreign,
)
