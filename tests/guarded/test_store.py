"""The guarded vault: each operation asks, is written down for each person, and shows no more than it may."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.consents import consent_json
from support.guards import observation
from support.ward import ACCESS, CLERK, KEEPER, NURSE, PHYSICIAN, STEWARD, Sink, VaultOf, ask, handle, policies

from iomt_interop import model as m
from iomt_interop.crypto.hpke import RecipientSecret
from iomt_interop.errors import AccessDenied, AuditUnavailable, InvalidRequest, IomtError, LegalHold, VaultLocked
from iomt_interop.guarded import GuardedVault, PolicySet
from iomt_interop.portability import open_portable
from iomt_interop.privacy.audit import AuditRecord, accounting
from iomt_interop.privacy.audit.balp import to_fhir
from iomt_interop.privacy.audit.times import parse
from iomt_interop.privacy.reasons import REASONS
from iomt_interop.vault import KeyFile, Vault

IN_FORCE = 1_777_000_000 * 10**9  # 2026-04-24
OVER = 1_800_000_000 * 10**9  # 2027-01-15
SECRET = RecipientSecret.generate()


@pytest.fixture
def ward(tmp_path: Path) -> VaultOf:
    return VaultOf(tmp_path)


def by_person(sink: Sink) -> dict[str, AuditRecord]:
    return {bytes.fromhex(e.subjects[0]).decode().rstrip("\0") if e.subjects else "": e for e in sink.events}


def test_each_person_of_an_answer_has_an_event_of_one_operation(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        page = vault.query(ask(PHYSICIAN))
    assert page.total == len(page.records) == 6
    assert "V" not in {label.code for record in page.records for label in record.labels}
    events = by_person(sink)
    assert {name: (e.outcome, e.records) for name, e in events.items()} == {
        "ann": ("success", 3), "bea": ("success", 2), "cleo": ("denied", 0), "": ("success", 1),
    }  # fmt: skip
    assert len({e.request for e in sink.events}) == 1
    assert sink.events[0].request is not None
    assert {e.operation for e in sink.events} == {"search"}
    assert all(set(e.reasons) <= set(REASONS) for e in sink.events)
    for event in sink.events:
        tree = to_fhir(event, site="ward")
        assert [e for e in tree["entity"] if e.get("type", {}).get("code") == "XrequestId"]  # type: ignore[attr-defined]


def test_a_whole_ward_can_be_asked_for_page_by_page_and_no_page_tells_of_what_is_hidden(ward: VaultOf) -> None:
    with ward.open() as vault:
        whole = vault.query(ask(PHYSICIAN))
        pages = [vault.query(ask(PHYSICIAN), offset=at, limit=2) for at in range(0, 8, 2)]
    assert [record for page in pages for record in page.records] == list(whole.records)
    assert {page.total for page in pages} == {whole.total}


# What others got wrong: protected values that a search, a total, an export or a history tells.


def answers(vault: GuardedVault, name: str) -> list[Any]:
    """Return what a physician can learn about somebody, by every way there is."""

    def tried(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except IomtError as error:
            return type(error), str(error)

    asked = ask(PHYSICIAN)
    return [
        tried(lambda: vault.query(asked, name)).records,
        tried(lambda: vault.query(asked, name)).total,
        tried(lambda: vault.query(asked, f"MRN-{name}")).total,
        tried(lambda: vault.query(asked, name, {"observation"}, versions="all")).total,
        tried(lambda: vault.find(asked, f"MRN-{name}")),
        tried(lambda: vault.history(asked, name)),
        tried(lambda: vault.history(asked, name, name)),
        tried(lambda: vault.export(asked, subject=name)),
        tried(lambda: vault.portable(asked, name, SECRET.public)),
        tried(lambda: vault.portable(asked, f"MRN-{name}", SECRET.public)),
        tried(lambda: vault.consents(asked, name)),
        [record.id for record in tried(lambda: vault.subjects(asked))],
    ]


def test_who_is_hidden_and_who_is_not_there_cannot_be_told_apart(ward: VaultOf) -> None:
    """Totals that count what is hidden, look-ups that fail differently, exports that skip the check."""
    with ward.open() as vault:
        assert answers(vault, "cleo") == answers(vault, "nobody")
        assert answers(vault, "ann") != answers(vault, "nobody")


def test_a_search_by_a_hidden_value_finds_nobody(ward: VaultOf) -> None:
    """A search through a chain must run over what may be seen: an identifier of a hidden record is no way in."""
    with ward.open() as vault:
        page = vault.query(ask(PHYSICIAN))
        assert vault.find(ask(PHYSICIAN), "MRN-bea") == ["bea"]
        assert vault.find(ask(PHYSICIAN), "MRN-cleo") == []
        assert "cleo" not in m.to_json(page.records).decode()


def test_hidden_versions_are_hidden_in_the_history_and_in_the_merged_record(ward: VaultOf) -> None:
    with ward.open() as vault:
        ann = next(record for record in ward.records if record.id == "ann")
        assert isinstance(ann, m.Subject)
        secret = ann.replace(names=(m.PersonName(family="Hidden"),), labels=observation("V").labels)
        vault.put(ask(PHYSICIAN.__class__("dr-9", roles=frozenset({"physician"}))), [ann.replace(sex=None)])
        with pytest.raises(AccessDenied):
            vault.put(ask(PHYSICIAN), [secret])
        vault._vault.put([secret])
        history = vault.history(ask(PHYSICIAN), "ann")
        assert [record.labels for record in history] == [()] * len(history)
        assert "Hidden" not in m.to_json(vault.query(ask(PHYSICIAN), versions="all").records).decode()
        assert [record.id for record in vault.subjects(ask(PHYSICIAN))] == ["bea"]


def test_a_bulk_export_asks_for_every_record(ward: VaultOf) -> None:
    with ward.open() as vault:
        exported = vault.export(ask(PHYSICIAN))
        assert exported == list(vault.query(ask(PHYSICIAN)).records)
        assert vault.export(ask(NURSE)) == []


def test_a_refusal_holds_for_exports_searches_and_counts_alike(ward: VaultOf) -> None:
    with ward.open() as vault:
        vault.consent(ask(PHYSICIAN), "ann", consent_json('{"type": "deny"}'))
        assert answers(vault, "ann") == answers(vault, "nobody")
        vault.consent(ask(PHYSICIAN), "ann", consent_json('{"type": "permit"}'))
        assert vault.query(ask(PHYSICIAN), "ann").total == 4  # the consents are a record, too


def test_a_whole_vault_leaves_person_by_person_as_it_would_at_once(ward: VaultOf) -> None:
    sink = Sink()
    links = tuple(m.Link(relation="derived_from", target=r.id) for r in ward.records if r.subject == "cleo")
    mother = next(r for r in ward.records if r.subject == "ann").replace(id="linked", links=links)
    with ward.open(sink) as vault:
        vault.put(ask(PHYSICIAN), [mother])
        whole = vault.export(ask(PHYSICIAN))
        sink.events.clear()
        told: dict[str, int] = {}
        for record in vault.export_each(ask(PHYSICIAN)):
            owner = record.id if record.kind == "subject" else record.subject or ""
            told[owner] = told.get(owner, 0) + 1
            # The event was there before the record.
            assert by_person(sink)[owner].records >= told[owner]
            assert record in whole
        assert sum(told.values()) == len(whole)
        assert {name: event.records for name, event in by_person(sink).items()} == told | {"cleo": 0}
        assert len({event.request for event in sink.events}) == 1
        assert [r.links for r in vault.export_each(ask(PHYSICIAN)) if r.id == "linked"] == [()]
        found: list[m.Record] = []
        sink.events.clear()
        leaving = vault.export_each(ask(PHYSICIAN))
        while not found or found[-1].id != "ann":
            found.append(next(leaving))
        sink.fail()
        with pytest.raises(AuditUnavailable):
            found.extend(leaving)
        assert {r.subject for r in found if r.kind != "subject"} <= {None, "ann"}
        sink.failure = None
        sink.events.clear()
        assert list(vault.export_each(ask(CLERK))) == []
        assert {(e.outcome, e.records) for e in sink.events} == {("denied", 0)}
        with pytest.raises(AccessDenied):
            list(vault.export_each(ask(STEWARD, at=OVER), recipient="registry"))


def test_an_empty_vault_leaves_an_event(tmp_path: Path) -> None:
    keys, sink = KeyFile.create(tmp_path / "key"), Sink()
    Vault.create(tmp_path / "v", keys=keys).close()
    with GuardedVault.open(tmp_path / "v", policies(), sink, keys=keys) as vault:
        assert list(vault.export_each(ask(PHYSICIAN))) == []
    assert [(e.operation, e.records) for e in sink.events] == [("export", 0)]


# Purposes and recipients.


def test_research_sees_what_it_needs_and_nobody_by_name(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        for name in ("ann", "bea"):
            vault.consent(ask(PHYSICIAN), name, consent_json('{"type": "permit"}'))
        sink.events.clear()
        page = vault.query(ask(STEWARD, at=IN_FORCE), kinds={"subject", "observation"})
        text = m.to_json(page.records).decode()
        assert page.total == 5
        assert not any(word in text for word in ('"ann"', '"bea"', "MRN"))
        assert sum(event.records for event in sink.events) == page.total
        asked = ask(STEWARD, at=IN_FORCE)
        assert vault.find(asked, "MRN-ann") == []
        assert vault.query(asked, "ann").total == vault.query(asked, "MRN-ann").total == 0
        for name in ("ann", "cleo", "nobody"):
            with pytest.raises(AccessDenied) as caught:
                vault.history(asked, name)
            assert caught.value.code == "PRV-204"


def test_a_purpose_that_no_policy_serves_gets_nothing_and_is_written_down(ward: VaultOf) -> None:
    sink = Sink()
    billing = ACCESS.replace('purposes = ["TREAT"]', 'purposes = ["TREAT", "HMARKT"]', 1)
    with ward.open(sink, policies=PolicySet.of([billing.encode()])) as vault:
        for call in (vault.query, vault.export):
            with pytest.raises(AccessDenied) as caught:
                call(ask(PHYSICIAN, "HMARKT"))
            assert caught.value.code == "PRV-302"
    assert [(e.outcome, e.reasons) for e in sink.events] == [("denied", ("purpose-unserved",))] * 2


def test_a_recipient_gets_data_under_an_agreement_in_force_alone(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        for name in ("ann", "bea"):
            vault.consent(ask(PHYSICIAN), name, consent_json('{"type": "permit"}'))
        sink.events.clear()
        given = vault.export(ask(STEWARD, at=IN_FORCE), recipient="registry", kinds={"observation"})
        assert len(given) == 3
        assert {(e.operation, e.outcome, e.recipient) for e in sink.events} == {
            ("disclose", "success", "registry"), ("disclose", "denied", "registry"),
        }  # fmt: skip
        trail = sink.events.copy()
        found = accounting(trail, handle("ann"), parse("2026-06-01T00:00:00Z"))
        assert [(one.recipient, one.records) for one in found] == [("registry", 2)]
        assert accounting(trail, handle("cleo"), parse("2026-06-01T00:00:00Z")) == []
        for more in ({"at": OVER}, {"recipient": "nobody"}, {"kinds": {"subject"}}):
            sink.events.clear()
            arguments: dict[str, Any] = {"recipient": "registry", "kinds": {"observation"}, **more}
            asked = ask(STEWARD, at=arguments.pop("at", IN_FORCE))
            with pytest.raises(AccessDenied) as caught:
                vault.export(asked, **arguments)
            assert caught.value.code == "AGR-003"
            assert sink.events
            assert {(e.outcome, e.records) for e in sink.events} == {("denied", 0)}
    sink.events.clear()
    with ward.open(sink, policies=PolicySet.of([ACCESS.encode()])) as vault, pytest.raises(AccessDenied):
        vault.export(ask(STEWARD, at=IN_FORCE), recipient="registry")
    assert [e.outcome for e in sink.events] == ["denied"]


def test_a_refused_recipient_tells_of_nobody(ward: VaultOf) -> None:
    """A refusal that comes only where there are records would tell who is there."""
    sink = Sink()
    told = set()
    with ward.open(sink) as vault:
        for name in ("ann", "MRN-ann", "cleo", "MRN-cleo", "nobody"):
            for call in (
                lambda who: vault.export(ask(STEWARD, at=IN_FORCE), recipient="stranger", subject=who),
                lambda who: vault.portable(ask(STEWARD, at=IN_FORCE), who, SECRET.public, recipient="stranger"),
            ):
                with pytest.raises(AccessDenied) as caught:
                    call(name)
                told.add(str(caught.value))
        assert vault.export(ask(STEWARD, at=IN_FORCE), recipient="registry", subject="cleo") == []
        assert vault.export(ask(STEWARD, at=IN_FORCE), recipient="registry", subject="nobody") == []
    assert len(told) == 1
    assert {(e.operation, e.outcome, e.subjects, e.recipient) for e in sink.events[:10]} == {
        ("disclose", "denied", (), "stranger")
    }


def test_a_person_is_handed_over_sealed_with_what_may_be_seen(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        found = open_portable(vault.portable(ask(PHYSICIAN), "MRN-bea", SECRET.public), SECRET)
    assert len(found.records) == 2
    assert found.fhir.count(b'"resourceType":"Observation"') == 1
    assert [(e.operation, e.outcome, e.records) for e in sink.events] == [("export", "success", 2)]


# What is stored, held, erased.


def test_who_may_not_store_stores_nothing_of_it(ward: VaultOf) -> None:
    sink = Sink()
    batch = [observation(subject="ann"), observation("V", subject="bea")]
    with ward.open(sink) as vault:
        for actor, records in ((NURSE, batch[:1]), (PHYSICIAN, batch), (CLERK, batch)):
            with pytest.raises(AccessDenied) as caught:
                vault.put(ask(actor), records)
            assert caught.value.code == "PRV-202"
        assert {e.outcome for e in sink.events} == {"denied"}
        before = vault._vault.info()["records"]
        assert vault.put(ask(PHYSICIAN), batch[:1]).stored == 1
        assert vault._vault.info()["records"] == int(before) + 1
    assert (sink.events[-1].operation, sink.events[-1].outcome, sink.events[-1].records) == ("create", "success", 1)


def test_erasing_and_holding(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        vault.hold(ask(KEEPER), "MRN-ann", "a court asks")
        with pytest.raises(LegalHold):
            vault.erase(ask(KEEPER), "ann", at="2026-11-24T08:00:00Z")
        assert vault.release(ask(KEEPER), "ann")
        receipt = vault.erase(ask(KEEPER), "ann", at="2026-11-24T08:00:00Z")
        assert receipt.versions == 3
        assert answers(vault, "ann") == answers(vault, "nobody")
    told = [(e.operation, e.outcome, e.reasons, e.subjects) for e in sink.events[:4]]
    ann = (handle("ann"),)
    assert told == [
        ("update", "success", ("not-consent-governed",), ann),
        ("erase", "denied", ("legal-hold",), ann),
        ("update", "success", ("not-consent-governed",), ann),
        ("erase", "success", ("not-consent-governed",), ann),
    ]


def test_the_registers_own_hold_stops_erasure(ward: VaultOf) -> None:
    with ward.open() as vault:
        held = policies().agreements
        assert held is not None
        open_ended = held.holds[0].replace(subjects=(handle("ann"),), since=held.issued)
        vault.policies = PolicySet(vault.policies.access, held.replace(holds=(open_ended,)))
        with pytest.raises(LegalHold):
            vault.erase(ask(KEEPER, at=IN_FORCE), "ann", at="2026-11-24T08:00:00Z")


def test_who_may_keep_nothing_learns_nothing_by_trying(ward: VaultOf) -> None:
    sink = Sink()
    told = []
    with ward.open(sink) as vault:
        for name in ("ann", "MRN-ann", "nobody"):
            for call in (
                lambda who: vault.erase(ask(PHYSICIAN), who, at="2026-11-24T08:00:00Z"),
                lambda who: vault.hold(ask(PHYSICIAN), who, "why not"),
                lambda who: vault.break_glass(NURSE, who, reason="unconscious", minutes=5, at=IN_FORCE),
            ):
                with pytest.raises(AccessDenied) as caught:
                    call(name)
                told.append((type(caught.value), str(caught.value)))
    assert set(told[:3]) == set(told[3:6]) == set(told[6:])
    assert len(sink.events) == 9
    assert {e.outcome for e in sink.events} == {"denied"}


def test_breaking_the_glass_is_written_down_before_it_opens(ward: VaultOf) -> None:
    sink = Sink()
    with ward.open(sink) as vault:
        emergency = vault.break_glass(PHYSICIAN, "MRN-cleo", reason="unconscious", minutes=5, at=IN_FORCE)
        assert [(e.operation, e.outcome, e.break_glass) for e in sink.events] == [("break-glass", "success", True)]
        glass = ask(PHYSICIAN, "BTG", IN_FORCE, emergency=emergency)
        assert vault.query(glass, "cleo").total == 2
        assert sink.events[-1].break_glass
        sink.fail()
        with pytest.raises(AuditUnavailable):
            vault.break_glass(PHYSICIAN, "cleo", reason="unconscious", minutes=5, at=IN_FORCE)


def test_a_change_that_the_store_does_not_take_is_told_as_failed(
    ward: VaultOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    with ward.open(sink) as vault:

        def refuse(_: object) -> None:
            raise VaultLocked("SEC-003")

        monkeypatch.setattr(vault._vault, "put", refuse)
        with pytest.raises(VaultLocked):
            vault.put(ask(PHYSICIAN), [observation(subject="ann")])
    first, second = sink.events
    assert (first.outcome, second.outcome, second.reasons) == ("success", "failed", ("store-failed",))
    assert first.subjects == second.subjects


# One operation, one event; no trail, nothing happens.

OPERATIONS: dict[str, Callable[[GuardedVault], object]] = {
    "query": lambda v: v.query(ask(PHYSICIAN), "ann"),
    "query-denied": lambda v: v.query(ask(CLERK), "ann"),
    "query-nobody": lambda v: v.query(ask(PHYSICIAN), "nobody"),
    "query-named": lambda v: v.query(ask(PHYSICIAN), "MRN-ann"),
    "query-hidden-name": lambda v: v.query(ask(PHYSICIAN), "MRN-cleo"),
    "history": lambda v: v.history(ask(PHYSICIAN), "ann"),
    "history-nobody": lambda v: v.history(ask(PHYSICIAN), "nobody"),
    "find": lambda v: v.find(ask(PHYSICIAN), "MRN-ann"),
    "export": lambda v: v.export(ask(PHYSICIAN), subject="ann"),
    "export-denied": lambda v: v.export(ask(NURSE), subject="ann"),
    "disclose-refused": lambda v: v.export(ask(STEWARD), subject="ann", recipient="registry"),
    "portable": lambda v: v.portable(ask(PHYSICIAN), "ann", SECRET.public),
    "put": lambda v: v.put(ask(PHYSICIAN), [observation(subject="ann")]),
    "put-denied": lambda v: v.put(ask(NURSE), [observation(subject="ann")]),
    "receive": lambda v: v.receive(ask(PHYSICIAN), [observation(subject="ann")]),
    "consent": lambda v: v.consent(ask(PHYSICIAN), "ann", consent_json('{"type": "deny"}')),
    "withdraw": lambda v: v.withdraw(ask(PHYSICIAN), "bea", "a-consent"),
    "consents": lambda v: v.consents(ask(PHYSICIAN), "bea"),
    "hold": lambda v: v.hold(ask(KEEPER), "ann", "a court asks"),
    "hold-denied": lambda v: v.hold(ask(NURSE), "ann", "a court asks"),
    "release": lambda v: v.release(ask(KEEPER), "ann"),
    "erase": lambda v: v.erase(ask(KEEPER), "ann", at="2026-11-24T08:00:00Z"),
    "erase-nobody": lambda v: v.erase(ask(KEEPER), "nobody", at="2026-11-24T08:00:00Z"),
    "due": lambda v: v.due(ask(KEEPER)),
    "keeping": lambda v: v.keeping(ask(KEEPER), "info").__enter__(),
    "keeping-denied": lambda v: v.keeping(ask(NURSE), "info").__enter__(),
    "bind": lambda v: v.bind(ask(KEEPER), None),
    "break-glass": lambda v: v.break_glass(PHYSICIAN, "ann", reason="unconscious", minutes=5, at=IN_FORCE),
    "break-glass-nobody": lambda v: v.break_glass(PHYSICIAN, "nobody", reason="unconscious", minutes=5, at=IN_FORCE),
}


@pytest.fixture
def consented(ward: VaultOf) -> VaultOf:
    with ward.open() as vault:
        vault.consent(ask(PHYSICIAN), "bea", consent_json('{"type": "permit"}'))
    return ward


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_one_event_and_without_a_trail_it_does_not_take_place(consented: VaultOf, name: str) -> None:
    sink = Sink()
    with consented.open(sink) as vault:
        before = list(vault._vault.records(versions="all")), vault._vault.holds(), vault._vault.extent()
        for failure in (AuditUnavailable("AUD-001"), OSError("full")):
            sink.fail(failure)
            with pytest.raises(AuditUnavailable):
                OPERATIONS[name](vault)
        assert (list(vault._vault.records(versions="all")), vault._vault.holds(), vault._vault.extent()) == before
        sink.failure = None
        try:
            OPERATIONS[name](vault)
            done = True
        except (AccessDenied, InvalidRequest):
            done = False
    assert len(sink.events) == 1, [e.reasons for e in sink.events]
    if not done:
        assert sink.events[0].outcome != "success" or sink.events[0].records == 0
    assert len({e.subjects for e in sink.events}) == 1


def test_every_public_method_is_among_the_operations() -> None:
    """A new way to the records must be counted above."""
    public = {name for name in dir(GuardedVault) if not name.startswith("_") and callable(getattr(GuardedVault, name))}
    counted = {name.partition("-")[0] for name in OPERATIONS} | {"break_glass"}
    assert public - counted == {"open", "close", "terms", "subjects", "export_each"}


def test_what_is_no_record_is_refused(ward: VaultOf) -> None:
    with ward.open() as vault, pytest.raises(InvalidRequest):
        vault.put(ask(PHYSICIAN), ["no record"])  # type: ignore[list-item]


class Fallible(Sink):
    """Fails when it is told to, and counts how often it was asked to take something."""

    def __init__(self, failures: list[bool]) -> None:
        super().__init__()
        self._failures = failures
        self.failed = False

    def record_all(self, events: list[AuditRecord], /) -> None:
        self.failed = bool(self._failures) and self._failures.pop()
        if self.failed:
            raise OSError("full")
        self.events.extend(events)


@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_as_many_operations_as_events_however_the_trail_fails(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ward = VaultOf(tmp_path_factory.mktemp("ward"))
    names = data.draw(st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=25))
    sink = Fallible(data.draw(st.lists(st.booleans(), max_size=30)))
    took_place = 0
    with ward.open(sink) as vault:
        for name in names:
            before, events = vault._vault.extent(), len(sink.events)
            try:
                OPERATIONS[name](vault)
            except AuditUnavailable:
                assert sink.failed
                assert vault._vault.extent() == before
                assert len(sink.events) == events
                continue
            except IomtError:
                pass
            took_place += 1
            assert len(sink.events) == events + 1, name
    assert len(sink.events) == took_place
