"""Policies: versioned, validated, hashed; direct identifiers stay only with a reason; no purpose, no data."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest
from support.full import Planter, full_records
from support.records import SECRET, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.minimise import BUILT_IN, MinimisationPolicy, built_in, minimise, policy_for

OWN = """
version = 1
id = "quality"
title = "Quality assurance"
purposes = ["HQUALIMP"]

[fields.Envelope]
id = "id"
subject = "id"
provenance = "part"

[fields.Provenance]
adapter = "keep"
version = "keep"

[fields.Observation]
code = "part"
status = "keep"

[fields.Concept]
codings = "part"

[fields.Coding]
system = "system"
code = "code"
"""


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("TREAT", "treatment"),
        ("BTG", "treatment"),
        ("PATRQT", "treatment"),
        ("HPAYMT", "payment"),
        ("CLMATTCH", "payment"),
        ("HRESCH", "safe-harbor"),
        ("CLINTRCH", "safe-harbor"),
        ("HQUALIMP", "safe-harbor"),
    ],
)
def test_the_strictest_policy_that_serves_a_purpose_is_taken(purpose: str, expected: str) -> None:
    assert policy_for(purpose).id == expected


@pytest.mark.parametrize("purpose", ["HMARKT", "NONE", ""])
def test_a_purpose_that_no_policy_serves_gets_nothing(purpose: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        policy_for(purpose)
    assert caught.value.code == "PRV-302"


def test_an_operators_policy_goes_first() -> None:
    own = MinimisationPolicy.from_toml(OWN)
    assert policy_for("HQUALIMP", (own,)) is own
    assert policy_for("HRESCH", (own,)).id == "safe-harbor"
    kept = minimise(every_kind(), own)
    assert {record.kind for record in kept.records} == {"observation"}
    for record in kept.records:
        assert record.model_fields_set <= {"id", "subject", "provenance", "code", "status"}


def test_the_digest_is_of_the_file_and_of_what_it_is_based_on() -> None:
    texts = {name: files("iomt_interop.privacy.minimise") / "policies" / f"{name}.toml" for name in BUILT_IN}
    base = hashlib.sha256(texts["safe-harbor"].read_bytes())
    assert built_in("safe-harbor").digest == base.hexdigest()
    limited = hashlib.sha256(texts["limited"].read_bytes() + base.hexdigest().encode())
    assert built_in("limited").digest == limited.hexdigest()
    assert minimise([], built_in("limited"), as_of=2026).policy == limited.hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("version = 1", "version = 3", "version"),
        ('["HQUALIMP"]', '["SMITH"]', "purposes"),
        ('["HQUALIMP"]', "[]", "purposes"),
        ('status = "keep"', 'status = "show"', "fields.Observation.status"),
        ('status = "keep"', 'smith = "keep"', "fields.Observation.smith"),
        ("[fields.Concept]", "[fields.Smith]", "fields.Smith"),
        ('status = "keep"', 'status = "keep"\n[fields.PersonName]\nfamily = "keep"', "fields.PersonName.family"),
        ('status = "keep"', 'status = "keep"\n[fields.Identifier]\nvalue = "keep"', "fields.Identifier.value"),
        ('status = "keep"', 'status = "keep"\n[fields.Device]\nserial = "keep"', "fields.Device.serial"),
        ('status = "keep"', 'status = "keep"\n[fields.Residue]\nraw = "keep"', "fields.Residue.raw"),
        ('status = "keep"', 'status = "keep"\n[fields.Alert]\ntext = "keep"', "fields.Alert.text"),
        ('status = "keep"', 'status = "keep"\n[fields.Account]\nidentifiers = "keep"', "fields.Account.identifiers"),
        ('status = "keep"', 'status = "keep"\n[fields.CareTeam]\nmembers = "keep"', "fields.CareTeam.members"),
        ('status = "keep"', 'status = "keep"\n[fields.Coverage]\nparties = "keep"', "fields.Coverage.parties"),
        ('status = "keep"', 'status = "keep"\n[fields.Subject]\nnames = "keep"', "fields.Subject.names"),
        ('status = "keep"', 'status = "keep"\n[fields.Subject]\ncontacts = "keep"', "fields.Subject.contacts"),
        ('status = "keep"', 'status = "keep"\n[fields.Order]\nnotes = "keep"', "fields.Order.notes"),
        ('status = "keep"', 'status = "keep"\n[fields.Note]\ntext = "keep"', "fields.Note.text"),
        ('status = "keep"', 'status = "keep"\n[fields.PersonName]\nfamily = "date"', "fields.PersonName.family"),
        ('status = "keep"', 'status = "keep"\n[fields.PersonName]\nfamily = "state"', "fields.PersonName.family"),
        ('status = "keep"', 'status = "keep"\n[fields.Device]\nserial = "id"', "fields.Device.serial"),
        ('code = "code"', 'code = "keep"', "fields.Coding.code"),
        ('code = "code"', 'code = "code"\ndisplay = "keep"', "fields.Coding.display"),
        ("version = 1", "version = 1\neverything = true", "everything"),
        ("version = 1", 'version = 1\nbase = "nothing"', None),
        ("version = 1", "version =", None),
    ],
)
def test_a_policy_that_is_not_valid_is_refused_with_the_place(old: str, new: str, path: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MinimisationPolicy.from_toml(OWN.replace(old, new, 1))
    assert caught.value.code in ("PRV-301", "PRV-302")
    assert caught.value.path == path


def test_a_reason_lets_a_direct_identifier_stay() -> None:
    text = OWN.replace("version = 1", 'version = 1\ndirect_identifiers = "recall of devices"')
    policy = MinimisationPolicy.from_toml(text + '\n[fields.Device]\nserial = "keep"\n')
    (device,) = [r for r in minimise(every_kind(), policy).records if isinstance(r, m.Device)]
    assert device.serial == SECRET


def test_a_reason_lets_what_holds_them_stay() -> None:
    text = OWN.replace("version = 1", 'version = 1\ndirect_identifiers = "the payer asks for it"')
    policy = MinimisationPolicy.from_toml(text + '\n[fields.Account]\nidentifiers = "keep"\n')
    assert policy.fields["Account"]["identifiers"] == "keep"


def test_payment_tells_who_and_what_was_done_and_nothing_that_was_measured() -> None:
    planter = Planter()
    found = minimise(full_records(planter), built_in("payment"))
    assert {record.kind for record in found.records} == {"subject", "encounter", "order", "coverage", "procedure"}
    out = m.to_json(found.records).decode()
    shown = {path.split(".", 1)[1] for mark, path in planter.marks.items() if mark in out}
    assert {"names.family", "names.given"} <= {path for path in shown if path.startswith("names")}
    assert not {path for path in shown if "note" in path or "text" in path or "telecom" in path or "extension" in path}


def test_treatment_gets_everything() -> None:
    records = every_kind()
    assert minimise(records, built_in("treatment")).records == records


def test_records_that_go_wholly_are_counted() -> None:
    found = minimise([make(m.Residue, raw=b"x", reason="x"), make(m.Document)], built_in("safe-harbor"), as_of=2026)
    assert (found.records, dict(found.dropped)) == ([], {"residue": 1, "document": 1})
    assert "residue" not in repr(found)
