"""The policy file: who is responsible, who may receive data and under which agreement, what for, and for how long.

It is data, a TOML file under version control; its SHA-256 goes into the audit record of every decision it took part
in. What it does not say is not permitted, and a key that is not known makes it invalid as a whole.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from ... import _toml as toml
from ...errors import InvalidRequest
from ...model.base import Model, model_error
from ...model.envelope import RecordKind
from ..audit.sink import Digest, Handle, Token

__all__ = [
    "Agreement",
    "AgreementKind",
    "Contact",
    "Controller",
    "Hold",
    "Policy",
    "Purpose",
    "Recipient",
    "Retention",
    "load_policy",
]

AgreementKind = Literal["baa", "processing", "joint-control", "data-use", "transfer"]
"""Business associate agreement (164.504(e)), GDPR Articles 28 and 26, data use agreement (164.514(e)), Article 46."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Contact(Model):
    """Whom to ask."""

    name: Text
    email: Text | None = None
    phone: Text | None = None
    address: Text | None = None

    def line(self) -> str:
        """Return it in one line."""
        return ", ".join(part for part in (self.name, self.address, self.email, self.phone) if part)


class Controller(Model):
    """Who is responsible (GDPR Article 30(1)(a))."""

    contact: Contact
    dpo: Contact
    """The data protection officer, or the privacy official of 164.530(a)."""
    representative: Contact | None = None
    joint: tuple[Contact, ...] = ()
    authority: Text | None = None
    """The supervisory authority with which a complaint is lodged."""
    area: tuple[Country, ...] = ()
    """Countries to which a transfer needs no safeguard."""


class Recipient(Model):
    """Somebody to whom data may go."""

    id: Token
    name: Text
    role: Literal["processor", "controller", "business-associate", "provider", "payer", "authority", "individual"]
    country: Country
    contact: Contact | None = None
    exempt: Text | None = None
    """Why no agreement is needed, with its clause: a provider for treatment (164.502(e)(1)(ii)(A))."""
    exempt_purposes: tuple[Token, ...] = ()
    """For which purposes that holds."""
    blocked: bool = False
    """No data at all, whatever else is said: a processor after a breach."""

    @model_validator(mode="after")
    def _exempt_for_something(self) -> Self:
        if bool(self.exempt) != bool(self.exempt_purposes):
            raise ValueError("exempt and exempt_purposes go together")
        return self


class Agreement(Model):
    """An agreement with a recipient."""

    id: Token
    recipient: Token
    kind: AgreementKind
    valid_from: date
    valid_until: date | None = None
    """Its last day."""
    terminated: date | None = None
    """The first day on which it no longer holds."""
    purposes: tuple[Token, ...]
    kinds: tuple[RecordKind, ...] = ()
    """Kinds of records that it covers; all when none is named."""
    document: Digest | None = None
    """SHA-256 of the signed document."""

    def in_force(self, day: date) -> bool:
        """Tell whether it holds on a day."""
        over = self.terminated is not None and day >= self.terminated
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until) and not over


class Purpose(Model):
    """A processing activity (Article 30(1)(b) to (g))."""

    code: Token
    """Of HL7 v3 PurposeOfUse."""
    description: Text
    basis: Text
    """Article 6(1), and 9(2) for health data; or the paragraph of 164.506, 164.508, 164.512."""
    persons: tuple[Text, ...] = ("patients",)
    kinds: tuple[RecordKind, ...]
    recipients: tuple[Token, ...] = ()
    adapters: tuple[Token, ...] = ()
    """Interfaces that are used for it; all that are installed when none is named."""
    security: Text = "encrypted at rest with a key per person, access decided per purpose and audited"


class Retention(Model):
    """How long records of some kinds are kept after they were made."""

    kinds: tuple[RecordKind, ...]
    years: Annotated[int, Field(ge=0, le=200)] = 0
    days: Annotated[int, Field(ge=0, le=100_000)] = 0
    basis: Text

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if not self.years + self.days:
            raise ValueError("years or days")
        return self


class Hold(Model):
    """A legal hold: nothing of the person is erased while it lasts."""

    id: Token
    subjects: tuple[Handle, ...] = ()
    """Handles; everybody when none is named."""
    reason: Text
    since: date
    until: date | None = None

    def covers(self, subject: str, day: date) -> bool:
        """Tell whether a person's data are held on a day."""
        lasts = self.since <= day and (self.until is None or day <= self.until)
        return lasts and (not self.subjects or subject in self.subjects)


class Policy(Model):
    """The whole file."""

    version: Literal[1]
    id: Token
    issued: date
    controller: Controller
    recipients: tuple[Recipient, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    retention: tuple[Retention, ...] = ()
    holds: tuple[Hold, ...] = ()
    digest: Digest
    """SHA-256 of the file's octets."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = [recipient.id for recipient in self.recipients]
        agreed = [agreement.id for agreement in self.agreements]
        codes = [purpose.code for purpose in self.purposes]
        if any(len(set(ids)) != len(ids) for ids in (known, agreed, codes)):
            raise ValueError("an id stands twice")
        named = {agreement.recipient for agreement in self.agreements}
        named.update(recipient for purpose in self.purposes for recipient in purpose.recipients)
        if not named <= set(known):
            raise ValueError("a recipient is named that is not there")
        used = {purpose for agreement in self.agreements for purpose in agreement.purposes}
        used.update(purpose for recipient in self.recipients for purpose in recipient.exempt_purposes)
        if not used <= set(codes):
            raise ValueError("a purpose is named that is not there")
        return self

    def recipient(self, name: str) -> Recipient | None:
        """Return a recipient."""
        return next((recipient for recipient in self.recipients if recipient.id == name), None)


def load_policy(data: bytes) -> Policy:
    """Read a policy file.

    Parameters
    ----------
    data : bytes
        TOML.

    Raises
    ------
    InvalidRequest
        ``AGR-001``, with the path of the first thing that is wrong.
    """
    try:
        tree = toml.loads(data.decode("utf-8"))
    except ValueError:
        raise InvalidRequest("AGR-001", hint="not TOML") from None
    if "digest" in tree:
        raise InvalidRequest("AGR-001", path="digest", hint="computed, not written")
    tree["digest"] = sha256(data).hexdigest()
    try:
        return Policy.model_validate_json(json.dumps(tree, default=_plain))
    except ValidationError as error:
        found = model_error(error)
        raise InvalidRequest("AGR-001", path=found.path, hint=found.hint) from None


def _plain(value: object) -> str:
    # TOML has dates and times of its own; a time where a date belongs is refused by the model.
    return value.isoformat() if isinstance(value, date | datetime) else ""
