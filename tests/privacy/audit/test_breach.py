"""The scope of a breach, its clocks and the drafts, on cases worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.privacy.audit.breach import authority_notice, breach_scope, clocks, person_notice
from iomt_interop.privacy.audit.times import parse

FOUND = "2026-03-28T23:30:00+01:00"


def touched(day: int, person: int, **more: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "time": f"2026-03-{day:02}T12:00:00Z", "operation": "read", "outcome": "success", "actor": "dr-1",
        "subjects": (f"{person:032x}",), "kinds": ("observation",), "records": 2, "keys": ("kek-1",),
        "store": "a.vault",
    }  # fmt: skip
    return AuditRecord(**(values | more))


TRAIL = [
    touched(1, 1),
    touched(2, 2, keys=("kek-2",)),
    touched(3, 3, store="b.vault"),
    touched(4, 4, actor="dr-2"),
    touched(5, 5, outcome="denied", records=0),
    touched(6, 6, operation="export", recipient="lab-3", kinds=("waveform",)),
    touched(7, 1, outcome="failed"),
]


def people(**conditions: Any) -> list[int]:
    scope = breach_scope(TRAIL, discovered=FOUND, keys_exposed=True, **conditions)
    return [int(handle, 16) for handle in scope.subjects]


def test_who_is_affected() -> None:
    assert people() == [1, 2, 3, 4, 6]
    assert people(key="kek-1") == [1, 3, 4, 6]
    assert people(store="b.vault") == [3]
    assert people(actor="dr-2") == [4]
    assert people(recipient="lab-3") == [6]
    assert people(since=parse("2026-03-02T12:00:00Z"), until=parse("2026-03-03T12:00:00Z")) == [2, 3]
    assert people(key="kek-2", store="b.vault") == []
    scope = breach_scope(TRAIL, discovered=FOUND, keys_exposed=False, key="kek-1")
    assert (scope.records, scope.events, scope.kinds) == (10, 5, ("observation", "waveform"))
    assert (scope.first, scope.last) == ("2026-03-01T12:00:00Z", "2026-03-07T12:00:00Z")
    nothing = breach_scope([], discovered=FOUND, keys_exposed=False)
    assert (nothing.subjects, nothing.first, nothing.large) == ((), None, False)


def test_the_clocks() -> None:
    found = clocks(FOUND)
    assert found.authority == "2026-03-31T23:30:00+01:00"
    assert found.individuals == "2026-05-27T23:30:00+01:00"
    with pytest.raises(InvalidRequest):
        clocks("2026-03-28T23:30:00")


@pytest.mark.parametrize(("count", "large"), [(499, False), (500, True)])
@pytest.mark.parametrize("exposed", [True, False])
def test_the_drafts(count: int, large: bool, exposed: bool) -> None:
    trail = [touched(1, person) for person in range(count)] + [touched(1, 0)]
    scope = breach_scope(trail, discovered=FOUND, keys_exposed=exposed)
    assert (scope.large, scope.unsecured) == (large, exposed)
    text = authority_notice(scope, controller="Hospital | <b>", contact="dpo@hospital.example")
    assert f"| Individuals affected | {count}" in text
    assert "until 2026-03-31T23:30:00+01:00" in text
    assert ("Media" in text) == (large and exposed)
    assert ("yearly log" in text) == (not large and exposed)
    assert ("not unsecured" in text.replace("\n", " ")) == (not exposed)
    assert "<b>" not in text
    assert "Hospital \\| &lt;b&gt;" in text
    page = person_notice(scope, controller="Hospital <b>", contact="dpo@hospital.example")
    assert "<b>" not in page
    assert ("keys were exposed too" in page) == exposed
    for whole in (text, page):
        assert not any(handle in whole for handle in scope.subjects)
        assert "dr-1" not in whole
