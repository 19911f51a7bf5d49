"""K9, K10, K11, K19: the same records in another world: zone, locale, hash seed, kernels, threads; and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ..._accel import implementation
from ..corpus import Case
from ..law import Law, NotApplicable, reads
from ..worker import ask

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["DETERMINISM", "THREADS", "THROUGHPUT", "TWINS"]

_WORLDS: Final = (
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2", "PYTHONUTF8": "0"},
    {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "3", "PYTHONOPTIMIZE": "2"},
)


def _determinism(kit: Kit) -> Iterator[str]:
    jobs = [{"do": "digest", "case": number} for number, _ in enumerate(kit.cases)]
    expected = [kit.whole(case).digest for case in kit.cases]
    for world in _WORLDS:
        for case, wanted, answer in zip(kit.cases, expected, ask(kit, jobs, world), strict=True):
            if answer["digest"] != wanted:
                yield f"{case.name}: other records under {', '.join(f'{k}={v}' for k, v in world.items())}"


DETERMINISM = Law(
    id="K9",
    name="determinism",
    title="The same input gives the same records everywhere",
    checks="Fresh interpreters read the cases in other time zones and locales, with other hash seeds, and with "
    "assertions and docstrings stripped; records, ids and errors are equal.",
    fails="A local time that was made with the machine's zone; `now()`; a set that was walked; a number "
    "formatted by the locale; work done inside an `assert`.",
    mend="Use `context.default_zone` and leave other local times local; make ids with `model.record_id`; sort.",
    claimed=reads,
    whole=_determinism,
)


def _twins(kit: Kit) -> Iterator[str]:
    if "compiled" not in implementation().values():
        compiled = ask(kit, [{"do": "build"}], {"IOMT_INTEROP_ACCEL": "auto"})[0]["build"]
        if "compiled" not in compiled:
            raise NotApplicable("no compiled kernels are installed here; the pure twins serve alone")
    jobs = [{"do": "variants", "case": number} for number, _ in enumerate(kit.cases)]
    fast = ask(kit, jobs, {"IOMT_INTEROP_ACCEL": "compiled"})
    slow = ask(kit, jobs, {"IOMT_INTEROP_ACCEL": "pure"})
    for case, one, other in zip(kit.cases, fast, slow, strict=True):
        wrong = [n for n, pair in enumerate(zip(one["digests"], other["digests"], strict=True)) if pair[0] != pair[1]]
        if wrong:
            yield f"{case.name}: {len(wrong)} of {len(one['digests'])} variants differ (the first is number {wrong[0]})"


TWINS = Law(
    id="K10",
    name="twins",
    title="Compiled and pure kernels give the same",
    checks="The cases, whole, cut off and damaged, are read by an interpreter with the compiled kernels and by "
    "one with the pure twins. Values, exceptions and spans are equal.",
    fails="A kernel that wraps around where Python counts on; a bound that is checked one octet later.",
    mend="An adapter that uses only this library's codecs gets this for nothing. With kernels of your own, let "
    "the pure one be the specification.",
    claimed=reads,
    whole=_twins,
)


def _threads(kit: Kit) -> Iterator[str]:
    work = [case for case in kit.cases for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda case: kit.read(case.members), work))
    wrong = {case.name for case, outcome in zip(work, outcomes, strict=True) if not outcome.same(kit.whole(case))}
    for name in sorted(wrong):
        yield f"{name}: other records when four threads read at once"
    for name in sorted(_interleaved(kit)):
        yield f"{name}: other records when two readers are fed by turns"


def _interleaved(kit: Kit) -> set[str]:
    wrong = set()
    for case in kit.cases:
        if len(case.members) != 1 or case.members[0].name is not None or kit.whole(case).error is not None:
            continue
        data = case.data
        pair = [kit.reader(), kit.reader()]
        records: list[list[object]] = [[], []]
        step = max(1, len(data) // 7)
        for start in range(0, len(data), step):
            for reader, found in zip(pair, records, strict=True):
                found.extend(reader.feed(data[start : start + step]))
        for reader, found in zip(pair, records, strict=True):
            found.extend(reader.finish())
        if any(tuple(found) != kit.whole(case).records for found in records):
            wrong.add(case.name)
    return wrong


THREADS = Law(
    id="K11",
    name="threads",
    title="Readers do not disturb each other",
    checks="Four threads read the cases at once, and two readers are fed by turns; the records are those of one "
    "reader alone.",
    fails="State in the module or the class instead of the reader: a buffer, a counter, a cache of the last patient.",
    mend="Keep all state in the object that `make_reader` returns.",
    claimed=reads,
    whole=_threads,
)


_ATTEMPTS: Final = 3
"""A machine that is busy with something else for a while must not fail a reader: it is slow when it is each time."""
_WAITING: Final = 8
"""Where others compute as well, so much more time may pass than the reader computes; one that sleeps takes longer."""


def _throughput(kit: Kit) -> Iterator[str]:
    cases = [case for case in kit.cases if case.data and kit.whole(case).error is None]
    if not cases:
        raise NotApplicable("no case can be read to its end")
    case = max(cases, key=lambda each: len(each.data))
    ratio = 0.0
    for _ in range(_ATTEMPTS):
        computed, passed = _per_octet(kit, case)
        ratio = max(ratio, _reference(case.data) / max(computed, passed / _WAITING))
        if ratio >= kit.options.throughput:
            break
    kit.measured["throughput"] = round(ratio, 5)
    if ratio < kit.options.throughput:
        yield f"reads at {ratio:.5f} of the reference loop's speed; at least {kit.options.throughput:.5f} is asked for"


def _per_octet(kit: Kit, case: Case) -> tuple[float, float]:
    """Return the seconds that the process computes for an octet, and those that pass."""
    size = sum(len(member.data) for member in case.members)
    computed = passed = float("inf")
    for _ in range(3):
        begin, start, count = time.perf_counter(), time.process_time(), 0
        while (elapsed := time.perf_counter() - begin) < 0.05 or not count:
            kit.read(case.members)
            count += 1
        passed = min(passed, elapsed / count / size)
        computed = min(computed, (time.process_time() - start) / count / size)
    return computed, passed


def _reference(data: bytes) -> float:
    """Return the seconds that a plain Python loop over octets computes for one of them."""
    best = float("inf")
    data = (data * (50_000 // len(data) + 1))[:50_000]
    for _ in range(5):
        begin, total = time.process_time(), 0
        for octet in data:
            total = (total * 31 + octet) & 0xFFFFFFFF
        best = min(best, (time.process_time() - begin) / len(data))
    return best


THROUGHPUT = Law(
    id="K19",
    name="throughput",
    title="The reader keeps pace",
    checks="The longest case is read again and again, and the octets per second are divided by those of a plain "
    "Python loop over octets on the same machine in the same run, by the time that the process computes. The "
    "ratio goes into the report; it must not be below `throughput` in `conformance.toml` (1/400 by default) in three "
    "measurements.",
    fails="The reader validates or looks up once for every sample; a table is built for each record; a sleep.",
    mend="Make tables at import, one record for a block of samples, and profile.",
    claimed=reads,
    whole=_throughput,
)
