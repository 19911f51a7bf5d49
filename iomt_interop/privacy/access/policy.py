"""The access policy as data: roles, what each may do and see, who may break the glass, what holds without a consent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator

from ... import _toml as toml
from ...errors import InvalidRequest
from ...model.base import Model, model_error
from ...model.envelope import RecordKind
from ..consent import ImplicitPolicy
from ..vocabulary import ACT_REASON, CONFIDENTIALITIES, Code, is_purpose, is_sensitivity

__all__ = ["DISCLOSING", "AccessPolicy", "Action", "BreakGlassRule", "Role", "TokenRule"]

Action = Literal["read", "search", "export", "create", "update", "delete", "keep"]
"""What is asked for. ``delete`` is to erase a person; ``keep`` is what a store's keeper does: holds, keys, copies,
checks, counts."""

DISCLOSING: Final[frozenset[Action]] = frozenset({"read", "search", "export"})
"""Actions that show data to somebody; consent decides about these."""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Role(Model):
    """What everybody who has a role may do."""

    actions: tuple[Action, ...]
    purposes: tuple[str, ...]
    """Codes of HL7 v3 PurposeOfUse, each with those under it; or keys of the policy's own purposes."""
    kinds: tuple[RecordKind | Literal["*"], ...] = ("*",)
    clearance: Literal["U", "L", "M", "N", "R", "V"] = "N"
    """The highest confidentiality that the role may see."""
    sensitivities: tuple[str, ...] = ()
    """Sensitivities that the role may see, each with those under it; ``*`` for all."""
    treats: bool = False
    """Whether the role treats patients (implicit policy ``permit-treatment``)."""
    unattributed: bool = False
    """Whether the role may see records of which nobody knows whose they are."""

    @field_validator("sensitivities")
    @classmethod
    def _sensitive(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(code == "*" or is_sensitivity(code) for code in value):
            raise ValueError("not a sensitivity")
        return value


class BreakGlassRule(Model):
    """Who may declare an emergency, and for how long."""

    groups: tuple[str, ...] = ()
    """References of groups or roles' names; whoever is in one of them may."""
    minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 60
    """The longest time for which a declaration holds."""
    clearance: Literal["N", "R", "V"] = "R"
    """The confidentiality that a declared emergency opens, with all sensitivities."""
    reasons: tuple[_Name, ...] = ("emergency",)
    """Codes of the reasons that may be given."""


class TokenRule(Model):
    """Whose access tokens are taken, and what of them counts."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("ES256",)
    keys: tuple[dict[str, str], ...]
    """The issuer's JSON Web Keys; public ones."""
    roles: str = "roles"
    """The claim with the roles' names."""
    required: bool = False
    """Whether nobody may say by themselves who they are."""


class _Document(Model):
    version: Literal[1]
    id: _Name
    implicit_consent: ImplicitPolicy = "deny"
    zone_offset_minutes: Annotated[int, Field(ge=-12 * 60, le=14 * 60)] | None = None
    """Offset of dates and times without a zone; unknown when absent."""
    roles: dict[_Name, Role]
    break_glass: BreakGlassRule = BreakGlassRule()
    purposes: dict[_Name, tuple[str, str]] = Field(default_factory=dict)
    """Purposes of the policy's own: name to system and code."""
    tokens: TokenRule | None = None


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A validated policy file and its digest."""

    id: str
    digest: str
    """SHA-256 of the file, for the audit trail."""
    implicit_consent: ImplicitPolicy
    zone_offset_minutes: int | None
    roles: dict[str, Role] = field(repr=False)
    break_glass: BreakGlassRule = field(repr=False)
    purposes: dict[str, Code] = field(repr=False)
    tokens: TokenRule | None = field(default=None, repr=False)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a policy file.

        Raises
        ------
        InvalidRequest
            ``PRV-201`` when it is not valid; the path says where.
        """
        try:
            document = _Document.model_validate_json(_json(text))
        except ValidationError as error:
            found = model_error(error)
            raise InvalidRequest("PRV-201", path=found.path, hint=found.hint) from None
        except (ValueError, RecursionError):
            raise InvalidRequest("PRV-201", hint="not TOML") from None
        own = {name: (system, code) for name, (system, code) in document.purposes.items()}
        for name, role in document.roles.items():
            if not all(purpose in own or is_purpose(purpose) for purpose in role.purposes):
                raise InvalidRequest("PRV-201", path=f"roles.{name}.purposes", hint="not a purpose of use")
        return cls(
            id=document.id,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            implicit_consent=document.implicit_consent,
            zone_offset_minutes=document.zone_offset_minutes,
            roles=dict(document.roles),
            break_glass=document.break_glass,
            purposes=own,
            tokens=document.tokens,
        )

    def purpose(self, name: str) -> Code:
        """Return system and code of a purpose by the name that roles use."""
        return self.purposes.get(name, (ACT_REASON, name))

    def level(self, clearance: str) -> int:
        """Return the place of a confidentiality in their order."""
        return CONFIDENTIALITIES.index(clearance)


def _json(text: str) -> bytes:
    # JSON has the types that a strict model takes from text: arrays for tuples.
    return json.dumps(toml.loads(text), default=str).encode()
