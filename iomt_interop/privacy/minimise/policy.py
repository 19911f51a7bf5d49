"""Minimisation policies as data: for which purposes, and what becomes of each field; what is not listed goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin

from pydantic import Field, StringConstraints, ValidationError

from ... import _toml as toml
from ... import model
from ...errors import InvalidRequest
from ...model.base import Model, model_error
from ..identifiers import _FIELDS as IDENTIFYING
from ..vocabulary import ACT_REASON, covered_by, is_purpose

__all__ = ["BUILT_IN", "MinimisationPolicy", "Treatment", "built_in", "policy_for"]

Treatment = Literal[
    "keep", "drop", "part", "id", "date", "birth", "time-of-day", "system", "code", "refid", "version", "unit",
    "zip3", "state", "country",
]  # fmt: skip
"""What becomes of a field.

``part`` treats what is inside by its own table; ``id`` is a record's id; the last ones keep a text where it is one of
known ones.
"""

BUILT_IN: Final = ("treatment", "payment", "limited", "safe-harbor")
"""Policies that come with this library, the most generous first."""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

# Text and octets that say nothing of anybody: what an adapter calls itself, and samples.
_HARMLESS: Final = frozenset(
    {("Provenance", "adapter"), ("Provenance", "version"), ("Segment", "data"), ("Segment", "marks")}
)

# Treatments that let a text pass by its form alone are for the fields of that form.
_FORMS: Final[dict[str, frozenset[tuple[str, str]]]] = {
    "date": frozenset({("Instant", "value"), ("Day", "value")}),
    "birth": frozenset({("Subject", "birth_date"), ("RelatedPerson", "birth_date")}),
    "unit": frozenset({("Quantity", "unit"), ("Channel", "unit")}),
    "time-of-day": frozenset({("TimeOfDayValue", "value")}),
    "zip3": frozenset({("Address", "postal_code")}),
    "state": frozenset({("Address", "state")}),
    "country": frozenset({("Address", "country")}),
    "system": frozenset({("Coding", "system")}),
    "code": frozenset({("Coding", "code")}),
    "refid": frozenset({("Coding", "refid")}),
    "version": frozenset({("Coding", "version")}),
}


class _Document(Model):
    version: Literal[1]
    id: _Name
    title: str
    base: _Name | None = None
    purposes: tuple[str, ...]
    everything: bool = False
    kinds: tuple[str, ...] | None = None
    dates: Literal["keep", "shift", "year"] | None = None
    oldest: Annotated[int, Field(ge=0, le=150)] | None = None
    ids: Literal["keep", "pseudonym"] | None = None
    direct_identifiers: str | None = None
    fields: dict[str, dict[str, Treatment]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MinimisationPolicy:
    """A validated policy file and its digest."""

    id: str
    title: str
    digest: str
    """SHA-256 over the file, and the one that it is based on; for the audit trail."""
    purposes: tuple[str, ...]
    everything: bool
    kinds: tuple[str, ...] | None
    """Kinds of records that stay at all; ``None`` for all that the tables name."""
    dates: Literal["keep", "shift", "year"]
    oldest: int
    """The highest age that is told; 0 for any."""
    ids: Literal["keep", "pseudonym"]
    direct_identifiers: str | None
    """Why direct identifiers stay; ``None`` where none does."""
    fields: Mapping[str, Mapping[str, Treatment]] = field(repr=False)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a policy file.

        Raises
        ------
        InvalidRequest
            ``PRV-301`` when it is not valid: a field that the model does not have, a treatment that is for another
            field, or a text that may name somebody and stays although ``direct_identifiers`` gives no reason. The path
            says where.
        """
        document = _read(text)
        base = None if document.base is None else built_in(document.base)
        digest = hashlib.sha256(text.encode())
        if base is not None:
            digest.update(base.digest.encode())
        tables: dict[str, dict[str, Treatment]] = {} if base is None else {n: dict(t) for n, t in base.fields.items()}
        for name, table in document.fields.items():
            tables.setdefault(name, {}).update(table)
        found = cls(
            id=document.id,
            title=document.title,
            digest=digest.hexdigest(),
            purposes=document.purposes,
            everything=document.everything,
            kinds=document.kinds,
            dates=document.dates or (base.dates if base else "keep"),
            oldest=document.oldest if document.oldest is not None else (base.oldest if base else 0),
            ids=document.ids or (base.ids if base else "keep"),
            direct_identifiers=document.direct_identifiers,
            fields=tables,
        )
        for path, hint in _problems(found):
            raise InvalidRequest("PRV-301", path=path, hint=hint)
        return found

    def serves(self, purpose: str) -> bool:
        """Tell whether the policy is for a purpose of use, or one that this is a kind of."""
        return any((ACT_REASON, general) in covered_by((ACT_REASON, purpose)) for general in self.purposes)


def _read(text: str) -> _Document:
    try:
        return _Document.model_validate_json(json.dumps(toml.loads(text), default=str))
    except ValidationError as error:
        found = model_error(error)
        raise InvalidRequest("PRV-301", path=found.path, hint=found.hint) from None
    except (ValueError, RecursionError):
        raise InvalidRequest("PRV-301", hint="not TOML") from None


def _classes() -> dict[str, type[Model]]:
    found: dict[str, type[Model]] = {}
    todo: list[type[Model]] = [Model]
    while todo:
        for each in todo.pop().__subclasses__():
            todo.append(each)
            if each.__module__.startswith(f"{model.__name__}."):
                found[each.__name__] = each
    return found


def _problems(policy: MinimisationPolicy) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a policy."""
    if not policy.purposes or not all(map(is_purpose, policy.purposes)):
        yield "purposes", "not a purpose of use"
    if policy.everything and policy.direct_identifiers is None:
        yield "everything", "direct identifiers stay without a reason"
    classes = _classes()
    for name, table in policy.fields.items():
        if name not in classes:
            yield f"fields.{name}", "the model has no such part"
            continue
        for attribute, treatment in table.items():
            path = f"fields.{name}.{attribute}"
            if attribute not in classes[name].model_fields:
                yield path, "the model has no such field"
            elif (name, attribute) not in _FORMS.get(treatment, {(name, attribute)}):
                yield path, "the treatment is for another field"
            elif policy.direct_identifiers is None and _may_name(classes[name], attribute, treatment):
                yield path, "a text that may name somebody stays without a reason"


def _may_name(kind: type[Model], attribute: str, treatment: Treatment) -> bool:
    """Tell whether a treatment lets a free text pass."""
    passes = treatment == "keep" or (treatment == "id" and attribute in IDENTIFYING.get(kind, ()))
    return passes and (kind.__name__, attribute) not in _HARMLESS and _is_text(kind.model_fields[attribute].annotation)


def _is_text(annotation: object, seen: frozenset[type[Model]] = frozenset()) -> bool:
    """Tell whether a field can hold text or octets of a source, at any depth; one of fixed words cannot."""
    if get_origin(annotation) is Literal:
        return False
    if isinstance(annotation, type) and issubclass(annotation, Model):
        inner = seen | {annotation}
        return annotation not in seen and any(
            _is_text(each.annotation, inner)
            for name, each in annotation.model_fields.items()
            if (annotation.__name__, name) not in _HARMLESS
        )
    return annotation in (str, bytes) or any(_is_text(each, seen) for each in get_args(annotation))


@cache
def built_in(name: str) -> MinimisationPolicy:
    """Return a policy that comes with this library.

    Raises
    ------
    InvalidRequest
        ``PRV-302`` when there is none of that name.
    """
    if name not in BUILT_IN:
        raise InvalidRequest("PRV-302", hint=", ".join(BUILT_IN))
    text = files(__package__).joinpath("policies", f"{name}.toml").read_text(encoding="utf-8")
    return MinimisationPolicy.from_toml(text)


def policy_for(purpose: str, policies: tuple[MinimisationPolicy, ...] = ()) -> MinimisationPolicy:
    """Return the policy for a purpose of use: the last of those given, else of those built in, that serves it.

    Raises
    ------
    InvalidRequest
        ``PRV-302`` when none does: nothing may leave for that purpose.
    """
    for candidates in (policies, tuple(map(built_in, BUILT_IN))):
        for policy in reversed(candidates):
            if policy.serves(purpose):
                return policy
    raise InvalidRequest("PRV-302")


@cache
def tables() -> dict[str, Any]:
    """Return the tables of what may stay in a text field."""
    found: dict[str, Any] = toml.loads(files(__package__).joinpath("tables.toml").read_text(encoding="utf-8"))
    return found
