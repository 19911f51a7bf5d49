"""What a run of the kit found, as data that a docs page or a hospital can read."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .. import __version__
from .._accel import implementation
from ..errors import AdapterError
from ..plugins import distribution_digest
from .kit import Kit

__all__ = ["FindingText", "LawResult", "Report", "make_report", "report_schema"]

Status = Literal["passed", "failed", "waived", "not applicable", "not claimed"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class FindingText(_Data):
    """One way in which the adapter broke the law."""

    case: str | None = None
    text: str
    """Places and counts, never a value of the input."""
    waived: str | None = None
    """The reason of the waiver that covers it."""


class LawResult(_Data):
    """What came of one law."""

    law: str
    name: str
    title: str
    status: Status
    cases: int
    """How often the law was tried."""
    reason: str | None = None
    """Why it was not tried."""
    findings: tuple[FindingText, ...] = ()


class Report(_Data):
    """One run of the conformance kit over one adapter."""

    schema_version: Literal[1] = 1
    adapter: str
    title: str
    version: str
    distribution: str
    library: str
    """Version of iomt_interop."""
    python: str
    platform: str
    kernels: dict[str, str]
    """Kernel to ``compiled`` or ``pure``."""
    medium: str
    directions: tuple[str, ...]
    lossless: str
    clock: str
    status: str
    passed: bool
    laws: tuple[LawResult, ...]
    records: dict[str, int]
    """Kind of record to how many of it the corpus gave."""
    claimed_records: tuple[str, ...]
    losses: dict[str, dict[str, int]]
    """Writer to lost path to count."""
    throughput: float | None
    """Octets a second as a ratio to the kit's reference loop."""
    inputs: int
    corpus: str
    """SHA-256 over the inputs."""
    wheel: str | None
    """Digest of the installed distribution, as an allow-list pins it; absent for an editable install."""
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256 over everything else in this report."""

    def to_json(self) -> bytes:
        """Return the report as JSON."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    def sealed(self) -> Report:
        """Return the report with its digest."""
        body = self.model_dump(mode="json", exclude={"digest"})
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return self.model_copy(update={"digest": sha256(text.encode()).hexdigest()})


def make_report(kit: Kit, laws: Iterable[LawResult]) -> Report:
    """Gather the facts about a run."""
    results = tuple(laws)
    kinds: dict[str, int] = {}
    if "read" in kit.manifest.directions:
        for case in kit.cases:
            for record in kit.whole(case).records:
                kinds[record.kind] = kinds.get(record.kind, 0) + 1
    losses, throughput = kit.measured.get("losses"), kit.measured.get("throughput")
    m = kit.manifest
    return Report(
        adapter=kit.adapter_id,
        title=m.title,
        version=kit.adapter.version,
        distribution=kit.adapter.distribution,
        library=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        kernels=dict(implementation()),
        medium=m.medium,
        directions=m.directions,
        lossless=m.lossless,
        clock=m.clock,
        status=m.status,
        passed=all(result.status != "failed" for result in results),
        laws=results,
        records=dict(sorted(kinds.items())),
        claimed_records=m.records,
        losses=losses if isinstance(losses, dict) else {},
        throughput=throughput if isinstance(throughput, float) else None,
        inputs=len(kit.cases),
        corpus=sha256("".join(f"{case.name}\0{case.digest}\n" for case in kit.cases).encode()).hexdigest(),
        wheel=_wheel(kit),
    ).sealed()


def _wheel(kit: Kit) -> str | None:
    if kit.adapter.dist is None:
        return None
    try:
        return distribution_digest(kit.adapter.dist)
    except AdapterError:
        return None


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report."""
    return Report.model_json_schema()
