"""A guarded vault that takes tokens: who asks is what the token says, and nobody says it by themselves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("joserfc", reason="the extra 'auth' is not installed")

from support.ward import ACCESS

from ..privacy.access import test_token as tokens
from ..privacy.access.test_token import ec_jwk, signed
from .test_guarded import KEEPER, PHYSICIAN, Ward

ISSUER = {"iss": "https://auth.example.org", "aud": "https://fhir.example.org"}


def toml(entry: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name} = "{value}"' for name, value in entry.items()) + "}"


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return a ward whose policy asks for tokens."""
    made = Ward(tmp_path)
    rules = (
        ACCESS
        + f"""
[roles.patient]
actions = ["read", "search", "export"]
purposes = ["PATRQT"]
clearance = "V"
sensitivities = ["*"]

[tokens]
issuer = "{ISSUER["iss"]}"
audience = "{ISSUER["aud"]}"
algorithms = ["ES256"]
keys = [{toml(ec_jwk("e"))}]
required = true
"""
    )
    (tmp_path / "tokens.toml").write_text(rules)
    new = ("--new-policy", tmp_path / "tokens.toml", "--new-policy", tmp_path / "register.toml")
    done = made.run("vault", "guard", made.vault, *made.policy(), *new, env=KEEPER)
    assert done.exit_code == 0, done.output
    return made


def token(**claims: Any) -> str:
    now = int(time.time())
    told = {"exp": now + 300, "iat": now, "scope": "user/*.rs", "patient": None, "roles": ["physician"], **claims}
    return signed(told, alg="ES256", kid="e")


def asked(ward: Ward, text: str | None, *more: object, env: dict[str, str] | None = None) -> Any:
    who = {"IOMT_TOKEN": text} if text is not None else {}
    return ward.run("vault", "query", ward.vault, *more, env={**who, **(env or {})})


def test_who_asks_is_what_the_token_says(ward: Ward, tmp_path: Path) -> None:
    done = asked(ward, token())
    assert done.exit_code == 0, done.output
    assert "EX-4711" in done.stdout
    event = ward.events()[-1]
    assert (event.actor, event.client, event.roles, event.purpose) == ("user-1", "app-1", ("physician",), "TREAT")
    (tmp_path / "token").write_text(token() + "\n")
    assert ward.run("vault", "query", ward.vault, "--token", tmp_path / "token", env={}).stdout == done.stdout
    # What is said beside it counts for nothing.
    assert asked(ward, token(roles=["clerk"]), env=PHYSICIAN).stdout == ""


def test_without_a_token_that_is_valid_nobody_is_served(ward: Ward) -> None:
    events = len(ward.events())
    now = int(time.time())
    wrong = [None, "nonsense", token(exp=now - 60), token(aud="another"), token(iss="another"), signed(alg="RS256")]
    for text in wrong:
        done = asked(ward, text, env=PHYSICIAN)
        assert (done.exit_code, done.stdout, "PRV-203" in done.stderr) == (1, "", True), done.output
    assert asked(ward, token(), "--purpose", "HRESCH").exit_code == 1  # the token is for treatment
    assert len(ward.events()) == events


def test_scopes_narrow_what_the_roles_allow(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in asked(ward, token(scope="user/Observation.rs")).stdout.splitlines()]
    assert {line["kind"] for line in lines} == {"observation", "waveform"}  # both are Observations of FHIR
    assert asked(ward, token(scope="openid")).stdout == ""
    keeper = {"roles": ["keeper"], "extensions": None}
    info = ("vault", "info", ward.vault, "--purpose", "HOPERAT")
    assert ward.run(*info, env={"IOMT_TOKEN": token(**keeper)}).exit_code == 1
    monkeypatch.delitem(tokens.CLAIMS, "scope")
    now = int(time.time())
    says_who = signed({"exp": now + 300, "iat": now, **keeper}, alg="ES256", kid="e")
    assert ward.run(*info, env={"IOMT_TOKEN": says_who}).exit_code == 0


def test_the_patient_sees_their_own(ward: Ward) -> None:
    mine = {"roles": ["patient"], "fhirUser": "Patient/EX-4711", "patient": "EX-4711", "scope": "patient/*.rs",
            "extensions": None}  # fmt: skip
    done = asked(ward, token(**mine), "--purpose", "PATRQT")
    assert done.exit_code == 0, done.output
    assert "EX-4711" in done.stdout
    assert ward.events()[-1].reasons == ("self-access",)
    other = {**mine, "fhirUser": "Patient/nobody", "patient": "nobody"}
    assert asked(ward, token(**other), "--purpose", "PATRQT").stdout == ""
