"""Who asks, what for, and under which policy: the options of every command that opens a vault."""

from __future__ import annotations

import glob
import inspect
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec

import typer

from ..crypto.signing import SigningKey
from ..errors import AccessDenied, AuditUnavailable, InvalidRequest
from ..guarded import GuardedVault, PolicySet, Terms, person_of
from ..privacy.access import Action, Actor, Claims, Request, TokenVerifier
from ..privacy.vocabulary import ACT_REASON, BREAK_GLASS, Code
from ..vault.audit_log import AuditLog
from .output import goes_to_stdout, refuse_to_replace

__all__ = ["AUDIT_KEY", "Asked", "asks"]

P = ParamSpec("P")

POLICY, AUDIT, AUDIT_KEY = "IOMT_POLICY", "IOMT_AUDIT", "IOMT_AUDIT_KEY"
AS, PURPOSE, TOKEN = "IOMT_AS", "IOMT_PURPOSE", "IOMT_TOKEN"
_PANEL: Final = "Guard"
_OUTPUTS: Final = {"output": "-o", "report": "--report", "receipt": "--receipt", "signing_key": "--signing-key"}
"""Arguments of commands that name a file to be written."""
_LONGEST: Final = 1 << 20
"""Octets of a policy file or a token."""


def _option(kind: Any, name: str, text: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(name, help=text, rich_help_panel=_PANEL, **more)]


_OPTIONS: Final[dict[str, tuple[Any, Any]]] = {
    "policy": (
        _option(list[Path] | None, "--policy", f"Policy files, repeatable; or {POLICY}, joined as in PATH."), None,
    ),
    "audit": (
        _option(Path | None, "--audit", "The audit log, which takes an event before anything is done.", envvar=AUDIT),
        None,
    ),
    "audit_key": (_option(Path | None, "--audit-key", "Key file that signs the audit log.", envvar=AUDIT_KEY), None),
    "who": (_option(str | None, "--as", "Who asks: USER/ROLE[,ROLE].", metavar="USER/ROLE", envvar=AS), None),
    "references": (_option(list[str] | None, "--reference", "By what consents call who asks; repeatable."), None),
    "token": (
        _option(Path | None, "--token", f"File with an access token that says who asks; or the token in {TOKEN}."),
        None,
    ),
    "purpose": (_option(str | None, "--purpose", "Purpose of use, HL7 v3: TREAT, HOPERAT.", envvar=PURPOSE), None),
    "break_glass": (_option(bool, "--break-glass", "Declare an emergency for the person; needs --reason."), False),
    "reason": (_option(str | None, "--reason", "Code of the reason of an emergency."), None),
}  # fmt: skip


@dataclass(slots=True, repr=False)
class Asked:
    """What the options say of who asks."""

    policy: list[Path] | None = None
    audit: Path | None = None
    audit_key: Path | None = None
    who: str | None = None
    references: list[str] | None = None
    token: Path | None = None
    purpose: str | None = None
    break_glass: bool = False
    reason: str | None = None
    log: AuditLog | None = field(default=None, init=False)
    """The audit log, once it is open."""
    outputs: dict[str, str | Path] = field(default_factory=dict, init=False)
    """What the command will write, by the option's name."""
    _claims: Claims | None = field(default=None, init=False)
    _given: list[Path] = field(default_factory=list, init=False)
    """The policy files that were read."""

    def __repr__(self) -> str:
        return "Asked()"

    @property
    def guards(self) -> bool:
        """Whether a vault that is not bound is to be guarded all the same."""
        return bool(self.policy or os.environ.get(POLICY))

    @property
    def files(self) -> dict[str, Path | None]:
        """What no output may replace."""
        named = {f"the policy file {number}": path for number, path in enumerate(self._paths(None), 1)}
        return {
            **named,
            "the guard's audit log": self.audit,
            "the guard's audit key": self.audit_key,
            "the token": self.token,
        }

    def supply(self, terms: Terms | None) -> tuple[PolicySet, AuditLog] | None:
        """Return policies and audit log for a vault with these terms; nothing for one that has none and needs none.

        Raises
        ------
        AccessDenied
            ``PRV-205`` when the vault is bound and something is missing, or is not where it was.
        """
        paths = self._paths(terms)
        if terms is None and not paths:
            return None
        if not paths:
            raise AccessDenied("PRV-205", hint=f"give --policy, or {POLICY}")
        self._given = paths
        policies = PolicySet.of([_octets(path, "--policy") for path in paths])
        kept = None if terms is None else terms.places.get("audit")
        audit = self.audit if kept is None else self._kept_log(Path(kept))
        self._spare(paths, audit)
        if audit is None or self.audit_key is None:
            error = AccessDenied("PRV-205", hint=f"give --audit and --audit-key, or {AUDIT} and {AUDIT_KEY}")
            raise error if terms is not None else InvalidRequest("USE-001", path="--audit", hint="with --audit-key")
        self.log = AuditLog(audit, SigningKey.load(self.audit_key), shared=True)
        return policies, self.log

    def _spare(self, policies: list[Path], audit: Path | None) -> None:
        """Refuse an output that is a file which the vault is bound to; it names them itself, no option does."""
        parts = [] if audit is None else [audit, *sorted(audit.parent.glob(f"{glob.escape(audit.name)}.*"))]
        keep: dict[str, str | Path | None] = {f"the policy file {n}": path for n, path in enumerate(policies, 1)}
        keep |= {f"part {n} of the guard's audit log": path for n, path in enumerate(parts, 1)}
        for option, target in self.outputs.items():
            if not goes_to_stdout(target):
                refuse_to_replace(option, target, keep)

    def _kept_log(self, kept: Path) -> Path:
        """Return the log that a vault is bound to, which must be there, and be the one that was named, if any was."""
        if self.audit is not None and os.path.realpath(self.audit) != os.path.realpath(kept):
            raise AccessDenied("PRV-205", hint="--audit is not the log that the vault is bound to")
        if not kept.exists():
            raise AuditUnavailable("AUD-001", hint="the audit log that the vault is bound to is gone")
        return kept

    def terms(self, policies: PolicySet, paths: list[Path] | None = None, log: AuditLog | None = None) -> Terms:
        """Return the terms by which a vault is bound to what was given."""
        log = self.log if log is None else log
        assert log is not None
        found = {}
        for path in paths or self._given:
            found[PolicySet.digest_of(_octets(path, "--policy"))] = os.path.realpath(path)
        return Terms(policies.digests, str(log.verify_key), {**found, "audit": os.path.realpath(log.path)})

    def request(self, vault: GuardedVault, action: Action, subject: str | None = None) -> Request:
        """Return the request that the options make; a declared emergency is recorded first.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when it is not said who asks, or what for.
        AccessDenied
            ``PRV-203`` when the token is not valid, or there has to be one and is none.
        """
        at = time.time_ns()
        actor, more = self._actor(vault, at)
        if self.break_glass:
            if subject is None or self.reason is None:
                raise InvalidRequest(
                    "USE-001", path="--break-glass", hint="for one person: give --subject, and --reason"
                )
            minutes = vault.access.break_glass.minutes
            emergency = vault.break_glass(actor, subject, reason=self.reason, minutes=minutes, at=at)
            return Request(actor, action, (ACT_REASON, BREAK_GLASS), at, emergency=emergency, **more)
        return Request(actor, action, self._purpose(vault), at, **more)

    def check(self, vault: GuardedVault) -> None:
        """Find out before anything is done whether it is said who asks, and what for.

        Raises
        ------
        InvalidRequest, AccessDenied
            As :meth:`request` does.
        """
        self._actor(vault, time.time_ns())
        if not self.break_glass:
            self._purpose(vault)

    def _purpose(self, vault: GuardedVault) -> Code:
        claims = self._claims
        if self.purpose is None and claims is not None and len(claims.purposes) == 1:
            return claims.purposes[0]
        if self.purpose is None:
            raise InvalidRequest("USE-001", path="--purpose", hint=f"a purpose of use; or {PURPOSE}")
        purpose = vault.access.purpose(self.purpose)
        if claims is not None and claims.purposes and purpose not in claims.purposes:
            raise AccessDenied("PRV-203", hint="purpose")
        return purpose

    def _actor(self, vault: GuardedVault, at: int) -> tuple[Actor, dict[str, Any]]:
        rule = vault.access.tokens
        text = os.environ.get(TOKEN)
        if self.token is not None:
            text = _octets(self.token, "--token").decode("ascii", "replace").strip()
        if text is None:
            if rule is not None and rule.required:
                raise AccessDenied("PRV-203", hint="the policy asks for one: give --token")
            name, _, roles = (self.who or "").partition("/")
            if not name or not roles:
                raise InvalidRequest("USE-001", path="--as", hint=f"USER/ROLE; or {AS}")
            named = frozenset(role for role in roles.split(",") if role)
            return Actor(name, named, frozenset(self.references or ()), client="iomt"), {}
        if rule is None:
            raise AccessDenied("PRV-203", hint="the policy takes none")
        keys = {"keys": [dict(key) for key in rule.keys]}
        verifier = TokenVerifier(rule.issuer, rule.audience, keys, algorithms=rule.algorithms)
        claims = self._claims = verifier.verify(text, now=at // 10**9)
        held = claims.raw.get(rule.roles)
        roles_held = (
            frozenset(role for role in held if isinstance(role, str)) if isinstance(held, list) else frozenset()
        )
        references = frozenset() if claims.user is None else frozenset({claims.user})
        mine = None if claims.user is None or not claims.user.startswith("Patient/") else claims.user[len("Patient/") :]
        actor = Actor(
            claims.subject,
            roles_held,
            references,
            subject=None if mine is None else person_of(vault, mine),
            client=claims.client,
        )
        # A token without scopes says who asks; with them, it also says how much of what the roles allow.
        scopes = claims.scopes if "scope" in claims.raw else None
        about = None if claims.patient is None else person_of(vault, claims.patient)
        return actor, {"scopes": scopes, "scope_subject": about}

    def _paths(self, terms: Terms | None) -> list[Path]:
        if self.policy:
            return self.policy
        named = os.environ.get(POLICY)
        if named:
            return [Path(one) for one in named.split(os.pathsep) if one]
        return [] if terms is None else [Path(place) for name, place in terms.places.items() if name != "audit"]


def _octets(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as stream:
            found = stream.read(_LONGEST + 1)
    except OSError:
        raise InvalidRequest("USE-002", path=option, hint="the file cannot be read") from None
    if len(found) > _LONGEST:
        raise InvalidRequest("USE-002", path=option, hint="the file is too long")
    return found


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of who asks; it gets them together, as its argument ``asked``."""
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "asked"]
    assert len(own) + 1 == len(signature.parameters), "the command takes `asked`"
    added = {name: option for name, option in _OPTIONS.items() if name not in signature.parameters}

    @wraps(command)
    def asking(**given: Any) -> None:
        said: dict[str, Any] = {name: given.pop(name) if name in added else given.get(name) for name in _OPTIONS}
        asked = Asked(**said)
        asked.outputs = {option: given[name] for name, option in _OUTPUTS.items() if given.get(name) is not None}
        command(**given, asked=asked)

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in added.items()
    ]
    del asking.__wrapped__  # what is read is the signature below
    asking.__signature__ = inspect.Signature([each.replace(kind=each.KEYWORD_ONLY) for each in own] + more)  # type: ignore[attr-defined]
    asking.__annotations__ = {each.name: each.annotation for each in (*own, *more)}
    return asking
