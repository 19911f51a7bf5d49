"""The accounting of disclosures equals what happened, in simulated years."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.privacy.audit.accounting import Disclosure, access_report, accounting
from iomt_interop.privacy.audit.times import parse, years_before
from iomt_interop.vault.audit_log import AuditLog

PEOPLE = [f"{number:032x}" for number in range(4)]
RECIPIENTS = ("registry-1", "insurer-2", "lab-3")
# Whether a disclosure for the purpose must be accounted for (45 CFR 164.528(a)(1)(i) to (ix)).
PURPOSES = {
    "TREAT": False, "ETREAT": False, "HPAYMT": False, "HOPERAT": False, "PATRQT": False,
    "HRESCH": True, "PUBHLTH": True, "HLEGAL": True, None: True,
}  # fmt: skip
END = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=1)))


class World:
    """What happens, told twice: as records to the trail, and as the truth about each person."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.trail: list[AuditRecord] = []
        self.truth: dict[str, list[tuple[datetime, str, str | None, int]]] = {person: [] for person in PEOPLE}

    def happen(self, age: timedelta) -> None:
        pick = self.random
        zone = timezone(timedelta(minutes=pick.choice((-480, 0, 60, 345))))
        when = (END - age).astimezone(zone)
        whose = pick.sample(PEOPLE, pick.choice((1, 1, 1, 2)))
        what = pick.choice(("read", "search", "create", "update", "export", "disclose", "disclose", "erase"))
        outcome = pick.choice(("success", "success", "success", "denied", "failed"))
        purpose, count = pick.choice(list(PURPOSES)), pick.randint(0, 50)
        recipient = pick.choice(RECIPIENTS) if what in ("export", "disclose") and pick.random() < 0.9 else None
        self.trail.append(
            AuditRecord(
                time=when.isoformat(),
                operation=what,  # type: ignore[arg-type]
                outcome=outcome,  # type: ignore[arg-type]
                actor="user-1",
                purpose=purpose,
                subjects=tuple(whose),
                records=count,
                recipient=recipient,
            )
        )
        left_the_house = what in ("export", "disclose") and outcome == "success"
        if left_the_house and PURPOSES[purpose] and when <= END and when >= END.replace(year=END.year - 6):
            for person in whose:
                self.truth[person].append((when, recipient or "user-1", purpose, count))


def check(world: World, trail: list[AuditRecord]) -> None:
    for person in PEOPLE:
        found = accounting(trail, person, END)
        lines = [(datetime.fromisoformat(d.time), d.recipient, d.purpose, d.records) for d in found]
        assert lines == sorted(world.truth[person], key=lambda line: line[0])


@given(st.randoms(use_true_random=False), st.lists(st.integers(-86_400, 8 * 366 * 86_400), max_size=60))
def test_the_accounting_equals_the_ground_truth(random: Random, ages: list[int]) -> None:
    world = World(random)
    for age in ages:
        world.happen(timedelta(seconds=age))
    check(world, world.trail)


def test_a_simulated_year_through_the_log_on_disk(tmp_path: Path) -> None:
    world = World(Random(20261124))
    for day in range(365):
        for _ in range(world.random.randint(0, 3)):
            world.happen(timedelta(days=365 - day, seconds=world.random.randint(0, 86_399)))
    with AuditLog(tmp_path / "audit.log", SigningKey.generate("a.example")) as log:
        for record in world.trail:
            log.record(record)
    assert sum(map(len, world.truth.values())) > 50
    check(world, list(AuditLog.events(tmp_path / "audit.log")))


def test_six_years_and_not_a_second_more() -> None:
    def disclosed(time: str) -> AuditRecord:
        return AuditRecord(time=time, operation="disclose", outcome="success", actor="u", subjects=(PEOPLE[0],))

    edge, before = disclosed("2020-11-24T11:00:00Z"), disclosed("2020-11-24T10:59:59Z")
    assert accounting([before, edge], PEOPLE[0], END) == [Disclosure(edge.time, "u", None, (), 0)]
    since = parse("2026-01-01T00:00:00Z")
    assert accounting([edge], PEOPLE[0], END, since=since) == []
    assert len(accounting([edge], PEOPLE[0], END, since=parse("2000-01-01T00:00:00Z"))) == 1
    assert years_before(parse("2028-02-29T00:00:00Z"), 6) == parse("2022-02-28T00:00:00Z")
    assert accounting([edge], PEOPLE[0], END, exempt=lambda record: True) == []


def test_treatment_over_a_broken_glass_is_accounted_for() -> None:
    shown = AuditRecord(
        time="2026-11-01T00:00:00Z", operation="disclose", outcome="success", actor="u", purpose="ETREAT",
        subjects=(PEOPLE[0],), break_glass=True,
    )  # fmt: skip
    assert len(accounting([shown], PEOPLE[0], END)) == 1


@pytest.mark.parametrize("text", ["2026-11-24T10:00:00", "2026-11-24", "yesterday", ""])
def test_a_time_without_offset_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)


def test_the_access_report_says_who_saw_what_for_which_purpose() -> None:
    def seen(time: str, **more: object) -> AuditRecord:
        values = {"operation": "read", "outcome": "success", "actor": "dr-1", "purpose": "TREAT", "records": 2}
        return AuditRecord(time=time, **({"subjects": (PEOPLE[0],), **values} | more))  # type: ignore[arg-type]

    report = access_report(
        [
            seen("2026-11-02T10:00:00Z", consents=("ab" * 32,)),
            seen("2026-11-01T10:00:00Z"),
            seen("2026-11-03T10:00:00Z", actor="dr-2", break_glass=True, purpose="ETREAT"),
            seen("2026-11-04T10:00:00Z", operation="disclose", recipient="lab-3", purpose="HRESCH"),
            seen("2026-11-05T10:00:00Z", outcome="denied", records=0),
            seen("2026-11-06T10:00:00Z", subjects=(PEOPLE[1],)),
            seen("2026-11-07T10:00:00Z", operation="create"),
        ],
        PEOPLE[0],
    )
    assert [(a.actor, a.times, a.records, a.first[:10], a.last[:10]) for a in report.accesses] == [
        ("dr-1", 2, 4, "2026-11-01", "2026-11-02"),
        ("dr-2", 1, 2, "2026-11-03", "2026-11-03"),
        ("dr-1", 1, 2, "2026-11-04", "2026-11-04"),
    ]
    assert report.denied == 1
    assert report.purposes == ("ETREAT", "HRESCH", "TREAT")
    assert report.recipients == ("lab-3",)
    assert report.consents == ("ab" * 32,)
    assert report.accesses[1].break_glass
