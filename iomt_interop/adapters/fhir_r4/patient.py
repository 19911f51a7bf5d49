"""Patient (FHIR R4; PHD guide, PhdPatient)."""

from __future__ import annotations

from typing import Any, Final

from ...model import Coding, Contact, Link, PersonName, Subject
from ...terminology.hl7tables import ADMINISTRATIVE_SEX
from .datatypes import ADDRESS, CODEABLE, CODING, IDENTIFIER, NAME, TELECOM, period_in, period_out
from .envelope import put_links, read_envelope, start, take_links
from .fields import (
    Complex,
    Emit,
    Many,
    Parse,
    Part,
    Row,
    build,
    emit_rows,
    extension,
    items,
    parse_rows,
    read_own,
    text_of,
)
from .jsontext import NumberText, Tree
from .observation import close
from .parties import ACTOR, NOTE, ORGANIZATION, PARTIES
from .scalars import BOOLEAN, CODE, DATE, DATE_TIME, STRING, Reference, fhir_datetime, fhir_text
from .tables import CORE, GENDER, OWN

__all__ = ["emit_patient", "put_gender", "read_patient", "take_gender"]

_TEXT_ADDRESS: Final = Part(
    "Address",
    lambda value, e, path: None if (text := fhir_text(value, e, path)) is None else {"text": text},
    lambda json, p: text_of(json, "text"),
)


class _Inner(Complex):
    """A concept as the one part of an extension."""

    def __init__(self, url: str) -> None:
        super().__init__(Contact, ())
        self.url = url

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the extension's content."""
        entry = CODEABLE.wrap(self.url, value, e, path)
        return None if entry is None else {"extension": [entry]}

    def into(self, json: Any, p: Parse) -> Any:
        """Return the concept."""
        return read_own(json, self.url, CODEABLE, p)


_ROWS: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("active", "active", BOOLEAN),
    Row("names", "name", Many(NAME)),
    Row("telecoms", "telecom", Many(TELECOM)),
)
_AFTER_SEX: Final = (
    Row("birth_date", "birthDate", DATE),
    Row("addresses", "address", Many(ADDRESS)),
    Row("marital_status", "maritalStatus", CODEABLE),
    Row("race", None, Many(CODEABLE), OWN + "race"),
    Row("ethnicity", None, Many(CODEABLE), OWN + "ethnicity"),
    Row("confidence", None, CODE, OWN + "identity-confidence", "certain"),
    Row("practitioners", "generalPractitioner", Many(ACTOR)),
    Row("religion", None, CODEABLE, CORE + "patient-religion"),
    Row("disability", None, CODEABLE, CORE + "patient-disability"),
    Row("congregations", None, Many(STRING), CORE + "patient-congregation"),
    Row("birth_place", None, _TEXT_ADDRESS, CORE + "patient-birthPlace"),
    Row("maiden_names", None, Many(NAME), OWN + "mothers-maiden-name"),
    Row("citizenships", None, Many(_Inner("code")), CORE + "patient-citizenship"),
    Row("nationality", None, _Inner("code"), CORE + "patient-nationality"),
    Row("notes", None, Many(NOTE), OWN + "note"),
    PARTIES,
)
_ANIMAL: Final = (Row("species", None, CODEABLE, "species"), Row("breed", None, CODEABLE, "breed"))
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})


def _gender(sex: Coding) -> str | None:
    if sex.code in _GENDERS:
        return sex.code
    row = ADMINISTRATIVE_SEX.get(sex.code or "")
    return row.fhir if row is not None else None


def put_gender(out: Tree, sex: Coding | None, e: Emit, path: str) -> None:
    """Set ``gender``, and the source's own code beside it."""
    if sex is None:
        return
    gender = _gender(sex)
    if gender is not None:
        out["gender"] = gender
    if sex != Coding(system=GENDER, code=gender):
        extension(out, OWN + "administrative-sex", CODING, sex, e, path)


def take_gender(tree: Tree, p: Parse) -> Coding | None:
    """Read ``gender``."""
    sex, gender = read_own(tree, OWN + "administrative-sex", CODING, p), text_of(tree, "gender")
    found: Coding | None = sex if sex is not None or gender is None else Coding(system=GENDER, code=gender)
    return found


# ---- Contacts

_CONTACT: Final = (
    Row("relationships", "relationship", Many(CODEABLE)),
    Row("telecoms", "telecom", Many(TELECOM)),
    Row("organization", "organization", ORGANIZATION),
)
_MORE_NAMES, _MORE_ADDRESSES = OWN + "further-name", OWN + "further-address"


def _contact_out(value: Contact, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_CONTACT, value, out, e, path + ".")
    for key, kind, values, url in (
        ("name", NAME, value.names, _MORE_NAMES),
        ("address", ADDRESS, value.addresses, _MORE_ADDRESSES),
    ):
        if values:
            kind.put(out, key, values[0], e, path)
            extension(out, url, Many(kind), values[1:], e, path)
    put_gender(out, value.sex, e, path + ".sex")
    period = period_out(value.start, value.end, e, path)
    if period:
        out["period"] = period
    if out and not out.keys() & {"name", "telecom", "address", "organization"}:  # pat-1
        out["organization"] = {"display": "unknown"}
    return out or None


def _contact_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_CONTACT, json, p) | period_in(json.get("period"), p)
    name, address = NAME.get(json, "name", p), ADDRESS.get(json, "address", p)
    values["names"] = (() if name is None else (name,)) + read_own(json, _MORE_NAMES, Many(NAME), p)
    values["addresses"] = (() if address is None else (address,)) + read_own(json, _MORE_ADDRESSES, Many(ADDRESS), p)
    values["sex"] = take_gender(json, p)
    return build(Contact, values)


_CONTACTS: Final = Many(Part("", _contact_out, _contact_in))


# ---- The resource

_LINK_TYPES: Final = {"replaces": "replaces"}


def _births_out(record: Subject, out: Tree, e: Emit) -> None:
    """Write ``multipleBirth[x]``: the order where it is known."""
    if record.birth_order is not None:
        if abs(record.birth_order) < 1 << 31:
            out["multipleBirthInteger"] = NumberText(record.birth_order)
        else:
            e.loss("birth_order", "not a FHIR integer")
    if record.multiple_birth is not None:
        if "multipleBirthInteger" in out:
            extension(out, OWN + "multiple-birth", BOOLEAN, record.multiple_birth, e, "multiple_birth")
        else:
            out["multipleBirthBoolean"] = record.multiple_birth


def _more_out(record: Subject, out: Tree, e: Emit) -> None:
    """Write what no row says: births, animals, contacts, other records of the same person."""
    _births_out(record, out, e)
    animal: Tree = {}
    emit_rows(_ANIMAL, record, animal, e)
    if animal:
        out["extension"].append({"url": CORE + "patient-animal", **animal})
    for index, name in enumerate(record.maiden_names):
        text = _whole_name(name)
        entry = STRING.wrap(CORE + "patient-mothersMaidenName", text, e, f"maiden_names[{index}]") if text else None
        out["extension"] += [] if entry is None else [entry]
    _CONTACTS.put(out, "contact", record.contacts, e, "contacts")
    links: list[Tree] = [
        {"other": _PATIENT.out(link.target, e, "links"), "type": _LINK_TYPES[link.relation]}
        for link in record.links
        if link.relation in _LINK_TYPES
    ]
    for json in _DUPLICATES.out(record.duplicates, e, "duplicates") or ():
        links.append({"other": {"identifier": json}, "type": "seealso"})
    if links:
        out["link"] = links


_DUPLICATES: Final = Many(IDENTIFIER)
_PATIENT: Final = Reference("Patient")


def _whole_name(name: PersonName) -> str:
    return name.text or " ".join((*name.prefix, *name.given, name.family or "", *name.suffix)).strip()


def emit_patient(record: Subject, e: Emit) -> list[Tree]:
    """Write a subject."""
    out = start("Patient", record, e)
    emit_rows(_ROWS, record, out, e)
    put_gender(out, record.sex, e, "sex")
    emit_rows(_AFTER_SEX, record, out, e)
    if record.birth_date is not None and "T" in record.birth_date.value:
        known, _ = fhir_datetime(record.birth_date.value)
        if known is not None and "T" in known:
            out.setdefault("_birthDate", {}).setdefault("extension", []).append(
                {"url": CORE + "patient-birthTime", "valueDateTime": known}
            )
    if isinstance(record.deceased, bool):
        out["deceasedBoolean"] = record.deceased
    elif record.deceased is not None:
        DATE_TIME.put(out, "deceasedDateTime", record.deceased, e, "deceased")
    languages = Many(CODEABLE).out(record.languages, e, "languages") or []
    if languages:
        out["communication"] = [{"language": language} for language in languages]
    _more_out(record, out, e)
    put_links(out, tuple(link for link in record.links if link.relation not in _LINK_TYPES), e, elements=False)
    if record.subject is not None:
        e.loss("subject", "person that a person is of")
    return [close(out)]


def read_patient(tree: Tree, p: Parse) -> Tree:
    """Read a subject."""
    values: dict[str, Any] = read_envelope(tree, p) | parse_rows((*_ROWS, *_AFTER_SEX), tree, p)
    links, duplicates = [*take_links(tree, p)], []
    for entry in items(tree, "link"):
        other = entry.get("other")
        if isinstance(other, dict) and "identifier" in other and text_of(entry, "type") == "seealso":
            duplicates.append(IDENTIFIER.get(other, "identifier", p))
        elif text_of(entry, "type") == "replaces":
            target = _PATIENT.into(other, p)
            links += [] if target is None else [Link(relation="replaces", target=target)]
    values["links"] = tuple(links)
    values["duplicates"] = tuple(one for one in duplicates if one is not None)
    values["sex"] = take_gender(tree, p)
    deceased = BOOLEAN.get(tree, "deceasedBoolean", p)
    values["deceased"] = deceased if deceased is not None else DATE_TIME.get(tree, "deceasedDateTime", p)
    order = tree.get("multipleBirthInteger")
    if isinstance(order, NumberText) and order.lstrip("-").isdigit() and len(order) < 12:
        values["birth_order"] = int(order)
    multiple = BOOLEAN.get(tree, "multipleBirthBoolean", p)
    values["multiple_birth"] = multiple if multiple is not None else read_own(tree, OWN + "multiple-birth", BOOLEAN, p)
    for animal in items(tree, "extension"):
        if animal.get("url") == CORE + "patient-animal":
            values |= parse_rows(_ANIMAL, animal, p)
    values["contacts"] = _CONTACTS.get(tree, "contact", p) or ()
    languages = (CODEABLE.get(entry, "language", p) for entry in items(tree, "communication"))
    values["languages"] = tuple(language for language in languages if language is not None)
    return values
