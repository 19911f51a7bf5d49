"""K4, K5, K6: any cuts, any bytes, any end."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from ...errors import AdapterContractError, InputError
from ...plugins import DirectoryReader, Limits, ReadContext, guarded
from ..compare import differences
from ..corpus import Case, Member
from ..foreign import foreign_inputs
from ..kit import Outcome
from ..law import Law, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["CHUNKS", "TOTALITY", "TRUNCATION"]

_SMALL: Final = 1 << 16
"""A case up to this length is also fed octet by octet."""

_UNIT: Final = 1 << 18
"""The limit of a unit's length when the limits are tried."""

_MEMORY: Final = 8 << 20
"""Octets of memory that a reader may hold while it is fed without end, at that limit."""

_GROWTH: Final = 32.0
"""Eight times the input may take so much more time; work that grows with the square takes 64 times as much."""

_LEAST: Final = 0.02
"""Seconds below which a time says nothing."""


def _chunks(kit: Kit, case: Case) -> Iterator[str]:
    whole = kit.whole(case)
    size = max((len(member.data) for member in case.members), default=0)
    for label, cuts in _ways(kit, case, size):
        other = kit.read(case.members, cuts)
        if whole.same(other):
            continue
        if whole.failure != other.failure:
            yield f"{label}: the error is another ({_code(whole)}, {_code(other)})"
            continue
        where = [each.path for each in differences(other.records, whole.records)[:3]]
        yield f"{label}: {len(other.records)} records and not {len(whole.records)}, first at {', '.join(where)}"


def _ways(kit: Kit, case: Case, size: int) -> Iterator[tuple[str, list[int]]]:
    if size <= _SMALL * (16 if kit.thorough else 1):
        yield "octet by octet", list(range(1, size))
    for step in (2, 3, 7, 64, 1021, 4096):
        if step < size <= step * 200_000:
            yield f"chunks of {step}", list(range(step, size, step))
    yield "with empty chunks", [0, 0, size // 2, size // 2, size]
    random = kit.random("chunks", case.name)
    for number in range(64 if kit.thorough else 12):
        yield f"random cuts {number}", sorted(random.choices(range(size + 1), k=random.randrange(1, 12)))


CHUNKS = Law(
    id="K4",
    name="chunks",
    title="The records do not depend on how the bytes were cut",
    checks="Each case is fed whole, octet by octet, in chunks of several sizes, with empty chunks, and with "
    "random cuts. Records and error must be equal every time. The chunks are memory views, and their "
    "buffer is overwritten as soon as `feed` returns, as a socket's buffer is.",
    fails="A unit's mark (a CR LF, a sync word, a UTF-8 character) is looked for in one chunk only; a view of "
    "the chunk is kept instead of a copy; an offset counts chunks and not octets.",
    mend="Collect octets in a `bytearray`, cut whole units off its front, and decode only whole units.",
    claimed=reads,
    each=_chunks,
)


def _totality(kit: Kit) -> Iterator[str]:
    seen = set()
    for label, members in _hostile(kit):
        problem = _acceptable(kit.read(members))
        if problem and (label.split(":")[0], problem) not in seen:
            seen.add((label.split(":")[0], problem))
            yield f"{label}: {problem}"
    yield from _bounded(kit)
    yield from _linear(kit)


def _acceptable(outcome: Outcome) -> str | None:
    error = outcome.error
    if error is None or isinstance(error, InputError):
        return None
    if isinstance(error, AdapterContractError):
        return f"the reader raised {error.hint}"
    return f"the reader raised {type(error).__name__}, which is no InputError"


def _hostile(kit: Kit) -> Iterator[tuple[str, tuple[Member, ...]]]:
    names = [member.name for case in kit.cases for member in case.members] or [None]
    random = kit.random("totality")

    def one(data: bytes) -> tuple[Member, ...]:
        return (Member(names[random.randrange(len(names))], data),)

    yield "no bytes", one(b"")
    for octet in range(256):
        yield f"one octet: {octet:#04x}", one(bytes([octet]))
    for name, data in foreign_inputs():
        yield f"foreign: {name}", one(data)
    for token in (b"[", b"{", b"<a>", b'{"a":', b"(", b"\xff", b"0", b"\\", b'"', b"&", b"\n", b"\r\n", b"\x0b", b" "):
        yield f"repeated {token!r}: 50,000 times", one(token * 50_000)
    for case in kit.cases:
        for number, member in enumerate(case.members):
            variants = _broken(member.data[:_SMALL], kit.random("totality", case.name, number))
            for label, data in variants:
                yield f"{case.name}, {label}", case.replaced(number, data)


def _broken(data: bytes, random: Random) -> Iterator[tuple[str, bytes]]:

    size = len(data)
    if not size:
        return
    for number in range(40):
        changed = bytearray(data)
        for _ in range(random.randrange(1, 9)):
            changed[random.randrange(size)] = random.randrange(256)
        yield f"octets changed: {number}", bytes(changed)
    for number in range(20):
        a, b = sorted((random.randrange(size), random.randrange(size)))
        yield f"a piece left out: {number}", data[:a] + data[b:]
        yield f"a piece doubled: {number}", data[:b] + data[a:]
        yield f"noise put in: {number}", data[:a] + random.randbytes(random.randrange(1, 40)) + data[a:]
    yield "twice", data + data
    yield "backwards", data[::-1]


def _tight(kit: Kit) -> Limits:
    return Limits(max_unit=_UNIT, max_depth=kit.context.limits.max_depth)


def _endless(kit: Kit) -> Iterator[tuple[str, str | None, bytes, bytes]]:
    """Yield a label, a member's name, a beginning, and what follows it without end."""
    yield "noise without end", _name(kit), b"", b"A" * 4096
    for case in kit.cases[:4]:
        member = case.members[0]
        if member.data:
            half = member.data[: max(1, len(member.data) // 2)][:_SMALL]
            yield f"{case.name} cut in the middle, then one octet without end", member.name, half, b"0" * 4096


def _name(kit: Kit) -> str | None:
    return next((member.name for case in kit.cases for member in case.members), None)


def _bounded(kit: Kit) -> Iterator[str]:
    context = replace(kit.context, limits=_tight(kit))
    for label, name, start, more in _endless(kit):
        gc.collect()
        tracemalloc.start()
        try:
            peak = _fed(kit, context, name, start, more)
        finally:
            tracemalloc.stop()
        if isinstance(peak, str):
            yield f"{label}: {peak}"
        elif peak > _MEMORY:
            yield f"{label}: the reader holds {peak >> 20} MiB where a unit may have {_UNIT >> 10} KiB"


def _fed(kit: Kit, context: ReadContext, name: str | None, start: bytes, more: bytes) -> int | str:
    """Feed 16 MiB without keeping any record; return the peak of memory, or what went wrong."""
    base = tracemalloc.get_traced_memory()[0]
    try:
        reader = kit.reader(context)
        if isinstance(reader, DirectoryReader):
            guarded(kit.adapter_id, reader.member, name or "x")
        guarded(kit.adapter_id, reader.feed, start)
        for _ in range((16 << 20) // len(more)):
            guarded(kit.adapter_id, reader.feed, more)
        guarded(kit.adapter_id, reader.finish)
    except InputError:
        pass
    except AdapterContractError as error:
        return f"the reader raised {error.hint}"
    return tracemalloc.get_traced_memory()[1] - base


def _linear(kit: Kit) -> Iterator[str]:
    probes: list[tuple[str, Callable[[int], tuple[Member, ...]], int]] = [
        ("one octet repeated", lambda n: (Member(_name(kit), b"A" * n),), 256),
    ]
    for case in kit.cases:
        if 0 < len(case.members[0].data) <= _SMALL:
            probes.append((f"{case.name} over and over", _again(case), 4096))
            probes.append((f"the beginning of {case.name}, then one octet repeated", _tail(case), 256))
            break
    for label, make, step in probes:
        # A busy machine can look like that once, and twice; work that grows with the square looks so every time.
        ratio, tries = _growth(kit, make, step), 1
        while ratio > _GROWTH and tries < 3:
            ratio, tries = min(ratio, _growth(kit, make, step)), tries + 1
        if ratio > _GROWTH:
            yield f"{label}: eight times the input takes {ratio:.0f} times the time"


def _again(case: Case) -> Callable[[int], tuple[Member, ...]]:
    data = case.members[0].data
    return lambda n: case.replaced(0, data * max(1, n // len(data)))


def _tail(case: Case) -> Callable[[int], tuple[Member, ...]]:
    data = case.members[0].data
    return lambda n: case.replaced(0, data[: -(-len(data) // 2)] + b"0" * n)


def _growth(kit: Kit, make: Callable[[int], tuple[Member, ...]], step: int) -> float:
    """Return how much longer eight times the input takes, at a size where it takes long enough to tell."""
    size = 1 << 13
    seconds = 0.0
    while size < 1 << 19:
        seconds = _seconds(kit, make(size), step)
        if seconds > _LEAST:
            break
        size *= 2
    if seconds <= _LEAST / 4:
        return 1.0
    return _seconds(kit, make(size * 8), step) / max(seconds, _LEAST)


def _seconds(kit: Kit, members: tuple[Member, ...], step: int) -> float:
    longest = max(len(member.data) for member in members)
    best = float("inf")
    for _ in range(2):
        begin = time.process_time()
        kit.read(members, range(step, longest, step))
        best = min(best, time.process_time() - begin)
    return best


TOTALITY = Law(
    id="K5",
    name="totality",
    title="Any bytes give records or an InputError, within the limits of time and memory",
    checks="No bytes, each single octet, foreign inputs, deep nesting, the cases with octets changed, left out, "
    "doubled and put in: records or an InputError come out. Fed without end inside a unit, the reader "
    "stops with an error or keeps its memory near `limits.max_unit`. Eight times the input takes about "
    "eight times the time.",
    fails="A struct, Unicode, index or recursion error escapes; a buffer grows without a limit; the whole "
    "buffer is searched or copied again for every chunk.",
    mend="Check lengths before you unpack. Raise `LimitExceeded` when an unfinished unit is longer than "
    "`context.limits.max_unit`. Remember how far you searched, and use a `bytearray`.",
    claimed=reads,
    whole=_totality,
)


def _truncation(kit: Kit, case: Case) -> Iterator[str]:
    whole = kit.whole(case)
    for number, member in enumerate(case.members):
        wrong = 0
        for offset in kit.offsets(len(member.data)):
            members = (*case.members[:number], Member(member.name, member.data[:offset]))
            before = kit.read(members, end=False)
            problem = _prefix(before, whole) or _acceptable(kit.read(members))
            if problem and wrong < 3:
                wrong += 1
                yield f"cut at octet {offset}{f' of {member.name}' if member.name else ''}: {problem}"


def _prefix(part: Outcome, whole: Outcome) -> str | None:
    for number, record in enumerate(part.records):
        if number >= len(whole.records) or record != whole.records[number]:
            return f"before the end is known the reader gives a record [{number}] that the whole input does not give"
    if part.error is not None and part.failure != whole.failure:
        return f"the reader raises {part.error.code} before the end is known; the whole input does not"
    return None


def _code(outcome: Outcome) -> str:
    return outcome.error.code if outcome.error else "none"


TRUNCATION = Law(
    id="K6",
    name="truncation",
    title="A cut-off input gives what was whole, and then says so",
    checks="Each case is cut off at every offset (at an even spread of them where it is long). What `feed` has "
    "given by then is the beginning of what the whole input gives; `finish` gives records or an "
    "InputError.",
    fails="A record is given before its unit is whole and is wrong; `finish` decodes half a unit and an "
    "exception escapes.",
    mend="Give a record only when its unit is whole; in `finish`, raise `TruncatedInput` where the format can "
    "tell that something is missing.",
    claimed=reads,
    each=_truncation,
)
