"""Run the laws over an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import InvalidRequest, IomtError
from ..plugins import Registry, default_registry
from .corpus import Case
from .kit import Kit
from .law import Finding, Law, NotApplicable
from .laws import LAWS
from .report import FindingText, LawResult, Report, Status, make_report

__all__ = ["chosen_laws", "run_conformance", "trials", "try_law"]

Progress = Callable[[Law, Case | None, int, int], None]
"""Called before each trial with the law, the case, the number of the trial and how many there are."""


def run_conformance(
    adapter_id: str,
    *,
    corpus: Path | str | None = None,
    registry: Registry | None = None,
    laws: Sequence[str] = (),
    accept: bool = False,
    thorough: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Try an adapter by the laws that its manifest's claims call for.

    Parameters
    ----------
    adapter_id : str
        Id of an installed adapter.
    corpus : path, optional
        Folder of inputs, beside the samples that the manifest names.
    registry : Registry, optional
        Where to look for adapters; by default all that are installed.
    laws : sequence of str
        Ids or names of laws; all by default.
    accept : bool
        Write the golden files anew.
    thorough : bool
        Try 16 times as many variants.
    progress : callable, optional
        Told of each trial.

    Returns
    -------
    Report
        With ``passed`` false when a law was broken and no waiver covers it.

    Raises
    ------
    AdapterError
        When the adapter is not installed or cannot be used.
    InvalidRequest
        ``USE-001`` when there is no case to try, the corpus folder does not exist, or a law is unknown.
    """
    kit = Kit(adapter_id, None if corpus is None else Path(corpus), registry or default_registry(), accept, thorough)
    wanted = chosen_laws(laws)
    if not kit.cases and "read" in kit.manifest.directions:
        raise InvalidRequest("USE-001", path="corpus", hint="no case was collected: neither a sample nor an input")
    plan = [(law, case) for law in wanted for case in trials(kit, law)]
    found: dict[str, list[FindingText]] = {law.id: [] for law in wanted}
    reasons: dict[str, list[str]] = {law.id: [] for law in wanted}
    for number, (law, case) in enumerate(plan):
        if progress is not None:
            progress(law, case, number, len(plan))
        try:
            findings = list(try_law(kit, law, case))
        except NotApplicable as reason:
            reasons[law.id].append(str(reason))
            continue
        for finding in findings:
            waiver = kit.options.waived(law.id, finding.case)
            found[law.id].append(
                FindingText(case=finding.case, text=finding.text, waived=waiver.reason if waiver else None)
            )
    counts = {law.id: sum(each is law for each, _ in plan) for law in wanted}
    return make_report(kit, [_result(kit, law, counts[law.id], found[law.id], reasons[law.id]) for law in wanted])


def chosen_laws(names: Iterable[str]) -> list[Law]:
    """Return laws by id or name, in their order; all when no name is given."""
    wanted = {name.lower() for name in names}
    unknown = wanted - {each for law in LAWS for each in (law.id.lower(), law.name)}
    if unknown:
        raise InvalidRequest("USE-001", path="law", hint="known: " + ", ".join(f"{x.id} {x.name}" for x in LAWS))
    return [law for law in LAWS if not wanted or {law.id.lower(), law.name} & wanted]


def trials(kit: Kit, law: Law) -> Iterator[Case | None]:
    """Yield what a law is tried on: each case, once for the adapter (``None``), or nothing when it is not claimed."""
    if law.claimed(kit.manifest) is None:
        if law.each is not None:
            yield from kit.cases
        else:
            yield None


def try_law(kit: Kit, law: Law, case: Case | None) -> Iterator[Finding]:
    """Try one law once.

    Raises
    ------
    NotApplicable
        When it cannot be tried here.
    """
    try:
        if law.each is not None and case is not None:
            texts = list(law.each(kit, case))
        elif law.whole is not None:
            texts = list(law.whole(kit))
        else:
            texts = []
    except IomtError as error:
        texts = [f"the trial stopped: {error}"]
    for text in texts:
        yield Finding(law.id, case.name if case else None, text)


def _result(kit: Kit, law: Law, cases: int, found: list[FindingText], reasons: list[str]) -> LawResult:
    status: Status
    reason = law.claimed(kit.manifest)
    if reason is not None:
        status = "not claimed"
    elif any(finding.waived is None for finding in found):
        status = "failed"
    elif found:
        status = "waived"
    elif cases and len(reasons) == cases:
        status, reason = "not applicable", reasons[0]
    else:
        status = "passed"
    return LawResult(
        law=law.id, name=law.name, title=law.title, status=status, cases=cases - len(reasons), reason=reason,
        findings=tuple(found),
    )  # fmt: skip
