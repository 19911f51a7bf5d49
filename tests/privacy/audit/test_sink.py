"""What an audit record takes and refuses, and that its text gives it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import InvalidRecord
from iomt_interop.privacy.audit import AuditRecord, AuditSink
from iomt_interop.privacy.audit.handles import SubjectHandles

TOKEN = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/#+@-]{0,20}", fullmatch=True)
HANDLE = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
DIGEST = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
TIME = st.datetimes().map(lambda t: t.isoformat(timespec="microseconds") + "Z")
OPERATIONS = ("create", "read", "search", "update", "delete", "execute", "erase", "export", "import", "disclose")
RECORDS = st.builds(
    AuditRecord,
    time=TIME,
    operation=st.sampled_from((*OPERATIONS, "break-glass", "consent", "policy", "key")),
    outcome=st.sampled_from(("success", "denied", "failed")),
    actor=TOKEN,
    client=st.none() | TOKEN,
    roles=st.lists(TOKEN, max_size=2).map(tuple),
    purpose=st.none() | st.sampled_from(("TREAT", "HRESCH")),
    reasons=st.lists(TOKEN, max_size=2).map(tuple),
    subjects=st.lists(HANDLE, max_size=3).map(tuple),
    kinds=st.lists(st.sampled_from(("observation", "device")), max_size=2).map(tuple),
    records=st.integers(0, 10**9),
    recipient=st.none() | TOKEN,
    authorizer=st.none() | TOKEN,
    break_glass=st.booleans(),
    labels=st.lists(TOKEN, max_size=2).map(tuple),
    parameters=st.lists(TOKEN, max_size=2).map(tuple),
    request=st.none() | TOKEN,
    store=st.none() | TOKEN,
    keys=st.lists(TOKEN, max_size=2).map(tuple),
    policies=st.lists(DIGEST, max_size=2).map(tuple),
    consents=st.lists(DIGEST, max_size=2).map(tuple),
)


@given(RECORDS)
def test_the_text_gives_the_record_back(record: AuditRecord) -> None:
    assert AuditRecord.from_json(record.to_json()) == record
    assert b"\n" not in record.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "Doe, John"},
        {"actor": "nurse 7\n"},
        {"purpose": "because he asked"},
        {"subjects": ("MRN-0012345",)},
        {"subjects": ("a" * 65,)},
        {"reasons": ("the patient's sister called",)},
        {"parameters": ("name=Smith",)},
        {"policies": ("a" * 63,)},
        {"time": "2026-11-24T10:00:00"},
        {"time": "2026-02-30T10:00:00Z"},
        {"time": "2026-11-24"},
        {"records": -1},
        {"outcome": "ok"},
        {"note": "free text"},
    ],
)
def test_no_sentence_and_no_identifier_fits_into_a_record(change: dict[str, object]) -> None:
    good: dict[str, object] = {"time": "2026-11-24T10:00:00Z", "operation": "read", "outcome": "success", "actor": "u7"}
    AuditRecord(**good)  # type: ignore[arg-type]
    with pytest.raises(ValidationError) as caught:
        AuditRecord(**(good | change))  # type: ignore[arg-type]
    assert str(next(iter(change.values()))) not in str(caught.value)


def test_a_text_that_is_none_is_one_of_our_errors() -> None:
    with pytest.raises(InvalidRecord):
        AuditRecord.from_json(b'{"time":"2026-11-24T10:00:00Z","secret":"Smith"}')


def test_handles_are_stable_under_one_key_and_fit_a_record() -> None:
    key = SigningKey("a.example", SecretKey(bytes(32)))
    handles = SubjectHandles(key.derive(SubjectHandles.LABEL))
    assert handles("p1") == handles("p1") != handles("p2")
    assert SubjectHandles(SigningKey.generate("a.example").derive(SubjectHandles.LABEL))("p1") != handles("p1")
    AuditRecord(
        time="2026-11-24T10:00:00Z", operation="read", outcome="success", actor="u7", subjects=(handles("\ud800"),)
    )
    assert repr(handles) == "SubjectHandles()"


def test_a_sink_is_told_by_its_one_method() -> None:
    class Sink:
        def record(self, event: AuditRecord, /) -> None: ...

    assert isinstance(Sink(), AuditSink)
