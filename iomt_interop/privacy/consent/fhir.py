"""FHIR R4 Consent, JSON, in and out: elements by table; whatever no row takes is kept and doubted where it may matter.

Profile: IHE ITI PCF 1.1.0 (Privacy Consent on FHIR), content profiles Basic, Intermediate and Advanced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from pydantic import ValidationError

from ...errors import LimitExceeded, MalformedInput
from ...model import Coding, Concept, Extension, Instant, Interval
from .model import Consent, ConsentActor, ConsentData, Provision

__all__ = ["MAX_CONSENT", "consent_from_fhir", "consent_to_fhir"]

MAX_CONSENT: Final = 1 << 20
"""The longest Consent, in octets."""
_MAX_DEPTH: Final = 64

Tree = dict[str, Any]

NAMESPACE: Final = "fhir-r4"
_STATUS: Final = ("draft", "proposed", "active", "rejected", "inactive", "entered-in-error")
_MEANINGS: Final = ("instance", "related", "dependents", "authoredby")

# Elements that no rule needs and whose presence changes none. ``identifier`` has no defined use in PCF.
_HARMLESS: Final = frozenset({"id", "meta", "language", "text", "extension", "identifier", "contained", "resourceType"})
# What the profile does not use, or no rule here covers, makes the consent doubtful (PCF, "Not allowed", "not used").
_MODIFIERS: Final = frozenset({"modifierExtension", "implicitRules"})


class _Reader:
    """Takes the elements of one Consent, and keeps what is left over with its path."""

    def __init__(self) -> None:
        self.extras: list[Extension] = []
        self.doubts: list[str] = []

    def doubt(self, reason: str) -> None:
        if reason not in self.doubts:
            self.doubts.append(reason)

    def leave(self, tree: Tree, path: str) -> None:
        """Keep what is left of an element."""
        for name in sorted(tree):
            if name == "resourceType" and path == "Consent":
                continue
            place = f"{path}.{_escape(name)}"
            self.extras.append(Extension(namespace=NAMESPACE, path=place, value=_text(tree[name])))
            if name.removeprefix("_") in _MODIFIERS or _has_modifier(tree[name]):
                self.doubt("consent-modifier")
            elif name not in _HARMLESS:
                self.doubt("consent-element")

    def many(self, tree: Tree, name: str) -> list[Tree]:
        """Take a list of objects; anything else stays where it is, and is kept and doubted with what is left.

        An empty list is not JSON of FHIR, and must not be taken for the absence of a condition.
        """
        found = tree.get(name)
        if isinstance(found, list) and found and all(isinstance(item, dict) for item in found):
            return [dict(item) for item in tree.pop(name)]
        return []

    def one(self, tree: Tree, name: str) -> Tree | None:
        """Take an object."""
        return dict(tree.pop(name)) if isinstance(tree.get(name), dict) else None

    def text(self, tree: Tree, name: str) -> str | None:
        found = tree.get(name)
        return tree.pop(name) if isinstance(found, str) else None

    def coding(self, tree: Tree, path: str) -> Coding:
        found = Coding(
            system=self.text(tree, "system"),
            code=self.text(tree, "code"),
            display=self.text(tree, "display"),
            version=self.text(tree, "version"),
        )
        self.leave(tree, path)
        return found

    def concept(self, tree: Tree, path: str) -> Concept:
        codings = tuple(self.coding(each, f"{path}.coding[{i}]") for i, each in enumerate(self.many(tree, "coding")))
        found = Concept(codings=codings, text=self.text(tree, "text"))
        self.leave(tree, path)
        return found

    def reference(self, tree: Tree | None, path: str, *, decides: bool = False) -> str:
        """Return the literal reference; one that only has an identifier cannot be compared."""
        tree = {} if tree is None else tree
        found = self.text(tree, "reference")
        for name in ("type", "display", "identifier"):
            if name in tree:
                value = _text(tree.pop(name))
                self.extras.append(Extension(namespace=NAMESPACE, path=f"{path}.{name}", value=value))
        self.leave(tree, path)
        if not found or found.startswith("#"):
            if decides:
                self.doubt("consent-reference")
            return found or ""
        return found

    def instant(self, tree: Tree, name: str) -> Instant | None:
        text = tree.get(name)
        try:
            found = Instant(value=text, origin="stated") if isinstance(text, str) else None
        except ValidationError:
            return None
        if found is not None:
            del tree[name]
        return found

    def period(self, tree: Tree, name: str, path: str) -> Interval | None:
        inner = self.one(tree, name)
        if inner is None:
            if name in tree:
                self.doubt("consent-period")
            return None
        found = Interval(start=self.instant(inner, "start"), end=self.instant(inner, "end"))
        if inner or (found.start is None and found.end is None):
            self.doubt("consent-period")
        self.leave(inner, f"{path}.{name}")
        return found

    def provision(self, tree: Tree, path: str, depth: int) -> Provision:
        kind = self.text(tree, "type") if tree.get("type") in ("permit", "deny") else None
        if kind is None:
            self.doubt("consent-type")
        if depth > 1:
            self.doubt("consent-nesting")
        inner = self.many(tree, "provision")
        if depth >= _MAX_DEPTH and inner:
            raise LimitExceeded("PRV-103", path="Consent.provision")
        found = Provision(
            type=kind,  # type: ignore[arg-type]  # one of the two, or none
            period=self.period(tree, "period", path),
            actors=tuple(self._actor(a, f"{path}.actor[{i}]") for i, a in enumerate(self.many(tree, "actor"))),
            purposes=self._codings(tree, "purpose", path),
            labels=self._codings(tree, "securityLabel", path),
            data_period=self.period(tree, "dataPeriod", path),
            data=tuple(self._data(d, f"{path}.data[{i}]") for i, d in enumerate(self.many(tree, "data"))),
            exceptions=tuple(self.provision(p, f"{path}.provision[{i}]", depth + 1) for i, p in enumerate(inner)),
        )
        self.leave(tree, path)
        return found

    def _codings(self, tree: Tree, name: str, path: str) -> tuple[Coding, ...]:
        found = tuple(self.coding(each, f"{path}.{name}[{i}]") for i, each in enumerate(self.many(tree, name)))
        if any(not coding.code for coding in found):
            self.doubt("consent-label")
        return found

    def _actor(self, tree: Tree, path: str) -> ConsentActor:
        concept = self.concept(self.one(tree, "role") or {}, f"{path}.role")
        role = concept.codings[0] if len(concept.codings) == 1 else None
        if role is None or concept.text is not None:
            self.extras.append(Extension(namespace=NAMESPACE, path=f"{path}.role", value=_text(_concept_out(concept))))
        found = ConsentActor(
            role=role, reference=self.reference(self.one(tree, "reference"), f"{path}.reference", decides=True)
        )
        self.leave(tree, path)
        return found

    def _data(self, tree: Tree, path: str) -> ConsentData:
        meaning = self.text(tree, "meaning") if tree.get("meaning") in _MEANINGS else None
        if meaning is None:
            self.doubt("consent-meaning")
        found = ConsentData(
            meaning=meaning or "unknown",  # type: ignore[arg-type]  # one of the table
            reference=self.reference(self.one(tree, "reference"), f"{path}.reference", decides=True),
        )
        self.leave(tree, path)
        return found


def consent_from_fhir(data: bytes | str | Mapping[str, Any]) -> Consent:
    """Read a FHIR R4 Consent.

    Whatever is not understood is kept in :attr:`Consent.extras`, and named in :attr:`Consent.doubts` where it could
    change what the patient meant.

    Parameters
    ----------
    data : bytes, str or mapping
        The resource: JSON, or a parsed JSON object.

    Raises
    ------
    MalformedInput
        ``PRV-101`` when it is no JSON, ``PRV-102`` when it is no Consent.
    LimitExceeded
        ``PRV-103`` when it is longer than :data:`MAX_CONSENT` or nests too deep.
    """
    tree = dict(data) if isinstance(data, Mapping) else _parse(data)
    if tree.get("resourceType") != "Consent":
        raise MalformedInput("PRV-102", path="resourceType")
    try:
        digest = sha256(_text(tree).encode()).hexdigest()
    except (TypeError, ValueError):  # not JSON: other types, circles, half a surrogate pair
        raise MalformedInput("PRV-101") from None
    r = _Reader()
    status = r.text(tree, "status") if tree.get("status") in _STATUS else None
    if status is None:
        r.doubt("consent-status")
    policies = []
    for i, part in enumerate(r.many(tree, "policy")):
        policies.append(r.text(part, "uri") or "")
        r.leave(part, f"Consent.policy[{i}]")
    if not all(policies) or not policies:
        r.doubt("consent-policy")
    given, rule, source = r.instant(tree, "dateTime"), r.one(tree, "provision"), r.one(tree, "sourceReference")
    scope = r.one(tree, "scope")
    if given is None:
        r.doubt("consent-date")
    if rule is None:
        r.doubt("consent-type")
    for name in ("sourceAttachment",):  # the signed paper itself: proof, not rule
        if name in tree:
            r.extras.append(Extension(namespace=NAMESPACE, path=f"Consent.{name}", value=_text(tree.pop(name))))
    found = Consent(
        id=digest,
        name=r.text(tree, "id"),
        status=status or "unknown",  # type: ignore[arg-type]  # one of the table
        scope=None if scope is None else r.concept(scope, "Consent.scope"),
        categories=tuple(r.concept(each, f"Consent.category[{i}]") for i, each in enumerate(r.many(tree, "category"))),
        patient=r.reference(r.one(tree, "patient"), "Consent.patient", decides=True) or None,
        time=given,
        performers=_references(r, tree, "performer"),
        organizations=_references(r, tree, "organization"),
        source=None if source is None else r.reference(source, "Consent.sourceReference"),
        policies=tuple(policies),
        provision=None if rule is None else r.provision(rule, "Consent.provision", 0),
    )
    r.leave(tree, "Consent")
    return found.replace(extras=tuple(r.extras), doubts=tuple(r.doubts))


def _references(r: _Reader, tree: Tree, name: str) -> tuple[str, ...]:
    return tuple(r.reference(each, f"Consent.{name}[{i}]") for i, each in enumerate(r.many(tree, name)))


def _parse(data: bytes | str) -> Tree:
    if len(data) > MAX_CONSENT:
        raise LimitExceeded("PRV-103")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        tree = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse)
    except RecursionError:
        raise LimitExceeded("PRV-103") from None
    except ValueError:
        raise MalformedInput("PRV-101") from None
    if not isinstance(tree, dict):
        raise MalformedInput("PRV-102")
    return tree


def _pairs(pairs: list[tuple[str, Any]]) -> Tree:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError
    return tree


def _refuse(_: str) -> None:
    raise ValueError


def _has_modifier(value: Any) -> bool:
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            if "modifierExtension" in part:
                return True
            todo += part.values()
        elif isinstance(part, list):
            todo += part
    return False


def _text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise LimitExceeded("PRV-103") from None


def consent_to_fhir(consent: Consent) -> bytes:
    """Write a Consent as FHIR R4 JSON; reading it back gives an equal one, doubts and all but the id."""
    tree: Tree = {"resourceType": "Consent"}
    plain: dict[str, Any] = {
        "id": consent.name,
        "status": None if consent.status == "unknown" else consent.status,
        "scope": None if consent.scope is None else _concept_out(consent.scope),
        "category": [_concept_out(each) for each in consent.categories],
        "patient": {"reference": consent.patient} if consent.patient else None,
        "dateTime": consent.time.value if consent.time else None,
        "performer": [{"reference": each} if each else {} for each in consent.performers],
        "organization": [{"reference": each} if each else {} for each in consent.organizations],
        "sourceReference": None if consent.source is None else {"reference": consent.source} if consent.source else {},
        "policy": [{"uri": uri} if uri else {} for uri in consent.policies],
        "provision": None if consent.provision is None else _provision_out(consent.provision),
    }
    tree |= {name: value for name, value in plain.items() if value not in (None, [])}
    for extra in consent.extras:
        if extra.namespace == NAMESPACE and extra.value is not None:
            _put(tree, extra.path.split(".")[1:], json.loads(extra.value))
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def _concept_out(concept: Concept) -> Tree:
    tree: Tree = {}
    if concept.codings:
        tree["coding"] = [_coding_out(coding) for coding in concept.codings]
    if concept.text is not None:
        tree["text"] = concept.text
    return tree


def _coding_out(coding: Coding) -> Tree:
    names = ("system", "version", "code", "display")
    return {name: value for name in names if (value := getattr(coding, name)) is not None}


def _period_out(period: Interval) -> Tree:
    ends = (("start", period.start), ("end", period.end))
    return {name: end.value for name, end in ends if end is not None}


def _provision_out(rule: Provision) -> Tree:
    tree = {
        "type": rule.type,
        "period": None if rule.period is None else _period_out(rule.period),
        "actor": [
            ({"role": {"coding": [_coding_out(actor.role)]}} if actor.role else {})
            | ({"reference": {"reference": actor.reference}} if actor.reference else {})
            for actor in rule.actors
        ],
        "purpose": [_coding_out(coding) for coding in rule.purposes],
        "securityLabel": [_coding_out(coding) for coding in rule.labels],
        "dataPeriod": None if rule.data_period is None else _period_out(rule.data_period),
        "data": [
            ({} if data.meaning == "unknown" else {"meaning": data.meaning})
            | ({"reference": {"reference": data.reference}} if data.reference else {})
            for data in rule.data
        ],
        "provision": [_provision_out(inner) for inner in rule.exceptions],
    }
    return {name: value for name, value in tree.items() if value not in (None, [])}


def _escape(name: str) -> str:
    """Write an element's name so that it cannot be taken for a part of the path."""
    return name.replace("~", "~0").replace(".", "~1").replace("[", "~2")


def _steps(path: list[str]) -> Iterator[str | int]:
    for step in path:
        name, bracket, index = step.partition("[")
        yield name.replace("~2", "[").replace("~1", ".").replace("~0", "~")
        if bracket:
            yield int(index[:-1])


def _put(tree: Any, path: list[str], value: Any) -> None:
    """Set a value where it stood; lists grow as needed."""
    *way, last = _steps(path)
    steps = [*way, last]
    for step, following in pairwise(steps):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            tree.extend({} for _ in range(step + 1 - len(tree)))
            tree = tree[step]
        else:
            tree = tree.setdefault(step, empty)
    if isinstance(last, int):
        tree.extend({} for _ in range(last + 1 - len(tree)))
        tree[last] = value
    else:
        tree[last] = value
