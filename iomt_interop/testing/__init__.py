"""The conformance kit: hold an adapter to the laws of this library, in a test or from the shell.

In a test file of the adapter::

    from iomt_interop.testing import adapter_suite

    TestConformance = adapter_suite("acme_x200", corpus="fixtures")

From the shell, without writing a test: ``iomt conformance acme_x200 --corpus fixtures --report conformance.json``.
"""

from __future__ import annotations

from .canaries import Canary, Surfaces, plant, surfaces
from .compare import Difference, assert_records_equal, differences
from .corpus import Case, Member, load_corpus
from .foreign import foreign_inputs
from .kit import Kit, Outcome
from .law import Finding, Law, NotApplicable
from .laws import LAWS
from .options import Options, Reading, Waiver, load_options
from .report import FindingText, LawResult, Report, report_schema
from .runner import run_conformance
from .suite import adapter_suite

__all__ = [
    "LAWS",
    "Canary",
    "Case",
    "Difference",
    "Finding",
    "FindingText",
    "Kit",
    "Law",
    "LawResult",
    "Member",
    "NotApplicable",
    "Options",
    "Outcome",
    "Reading",
    "Report",
    "Surfaces",
    "Waiver",
    "adapter_suite",
    "assert_records_equal",
    "differences",
    "foreign_inputs",
    "load_corpus",
    "load_options",
    "plant",
    "report_schema",
    "run_conformance",
    "surfaces",
]
