"""Patient (FHIR R4; PHD guide, PhdPatient)."""

from __future__ import annotations

from typing import Any, Final

from ...model import Coding, Subject
from ...terminology.hl7tables import ADMINISTRATIVE_SEX
from .datatypes import ADDRESS, CODEABLE, CODING, IDENTIFIER, NAME, TELECOM
from .envelope import put_links, read_envelope, start, take_links
from .fields import Emit, Many, Parse, Row, emit_rows, extension, items, parse_rows, read_own, text_of
from .jsontext import Tree
from .observation import close
from .scalars import BOOLEAN, CODE, DATE, DATE_TIME
from .tables import GENDER, OWN

__all__ = ["emit_patient", "read_patient"]

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
)
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})


def _gender(sex: Coding) -> str | None:
    if sex.code in _GENDERS:
        return sex.code
    row = ADMINISTRATIVE_SEX.get(sex.code or "")
    return row.fhir if row is not None else None


def emit_patient(record: Subject, e: Emit) -> list[Tree]:
    """Write a subject."""
    out = start("Patient", record, e)
    emit_rows(_ROWS, record, out, e)
    if record.sex is not None:
        gender = _gender(record.sex)
        if gender is not None:
            out["gender"] = gender
        if record.sex != Coding(system=GENDER, code=gender):
            extension(out, OWN + "administrative-sex", CODING, record.sex, e, "sex")
    emit_rows(_AFTER_SEX, record, out, e)
    if isinstance(record.deceased, bool):
        out["deceasedBoolean"] = record.deceased
    elif record.deceased is not None:
        DATE_TIME.put(out, "deceasedDateTime", record.deceased, e, "deceased")
    languages = Many(CODEABLE).out(record.languages, e, "languages") or []
    if languages:
        out["communication"] = [{"language": language} for language in languages]
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_patient(tree: Tree, p: Parse) -> Tree:
    """Read a subject."""
    values: dict[str, Any] = read_envelope(tree, p) | parse_rows((*_ROWS, *_AFTER_SEX), tree, p)
    values["links"] = take_links(tree, p)
    sex, gender = read_own(tree, OWN + "administrative-sex", CODING, p), text_of(tree, "gender")
    if sex is None and gender is not None:
        sex = Coding(system=GENDER, code=gender)
    values["sex"] = sex
    deceased = BOOLEAN.get(tree, "deceasedBoolean", p)
    values["deceased"] = deceased if deceased is not None else DATE_TIME.get(tree, "deceasedDateTime", p)
    languages = (CODEABLE.get(entry, "language", p) for entry in items(tree, "communication"))
    values["languages"] = tuple(language for language in languages if language is not None)
    return values
