"""The kit as a test class: one test for each law and case, under plain pytest, with no conftest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..plugins import Registry, default_registry
from .corpus import Case
from .kit import Kit
from .law import Law, NotApplicable
from .runner import chosen_laws, trials, try_law

__all__ = ["adapter_suite"]


def adapter_suite(
    adapter_id: str,
    *,
    corpus: Path | str | None = None,
    registry: Registry | None = None,
    laws: tuple[str, ...] = (),
    thorough: bool = False,
) -> type:
    """Return a test class that holds an adapter to the laws.

    Parameters
    ----------
    adapter_id : str
        Id of an installed adapter.
    corpus : path, optional
        Folder of inputs; a relative path starts at the folder of the file that calls.
    registry : Registry, optional
        Where to look for adapters; by default all that are installed.
    laws : tuple of str
        Ids or names of laws; all by default.
    thorough : bool
        Try 16 times as many variants.

    Returns
    -------
    type
        A class with one test for each law and case. A suite that collects no case has one test, and that fails.

    Examples
    --------
    >>> from iomt_interop.testing import adapter_suite
    >>> TestConformance = adapter_suite("example")
    """
    import pytest  # noqa: PLC0415 - an optional dependency, needed here alone

    folder = None if corpus is None else Path(sys._getframe(1).f_code.co_filename).parent / corpus
    kit = Kit(adapter_id, folder, registry or default_registry(), thorough=thorough)
    plan = _plan(kit, laws)
    ids = [f"{law.id}-{law.name}" + (f"-{case.name}" if case else "") for law, case in plan]

    class TestConformance:
        """Laws of the conformance kit."""

        @pytest.mark.parametrize(("law", "case"), plan, ids=ids)
        def test_law(self, law: Law, case: Case | None) -> None:
            """Try one law on one case."""
            try:
                findings = list(try_law(kit, law, case))
            except NotApplicable as reason:
                pytest.skip(f"{law.id}: {reason}")
            open_ones = [f for f in findings if kit.options.waived(law.id, f.case) is None]
            if open_ones:
                listed = "\n".join(f"  {f.text}" for f in open_ones)
                pytest.fail(f"{law.id} {law.title}\n{listed}\nHow to mend it: {law.mend}", pytrace=False)
            if findings:
                waiver = kit.options.waived(law.id, findings[0].case)
                pytest.skip(f"{law.id} is waived until {waiver.until if waiver else ''}")

        def test_something_was_collected(self) -> None:
            """Fail a suite that tries nothing."""
            if not kit.cases and "read" in kit.manifest.directions:
                pytest.fail("no case was collected: neither a sample nor an input", pytrace=False)

    made: Any = TestConformance
    made.__module__ = sys._getframe(1).f_globals.get("__name__", __name__)
    return TestConformance


def _plan(kit: Kit, laws: tuple[str, ...]) -> list[tuple[Law, Case | None]]:
    wanted = chosen_laws(laws)
    try:
        return [(law, case) for law in wanted for case in trials(kit, law)]
    except InvalidRequest:
        # A corpus folder that does not exist: the suite has no case, and says so by failing.
        kit.corpus = None
        kit.__dict__["cases"] = []
        return []
