"""What a value and its quality become together: value, absence, interpretation, status (PHD guide, measurement status).

The same rules serve an Observation and each of its components.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from ...model import Absent, Quality, Quantity
from ...model.observation import QualityFlag
from ...terminology import systems
from .datatypes import CODEABLE
from .fields import (
    Emit,
    Many,
    Parse,
    Row,
    build,
    emit_rows,
    extension,
    items,
    nest,
    parse_rows,
    read_own,
    text_of,
    unnest,
)
from .jsontext import Tree
from .scalars import BOOLEAN, CODE, DECIMAL, LONG, STRING
from .tables import (
    ABSENT_DISPLAY,
    FLAG_ABSENCE,
    FLAG_CODES,
    FLAG_OF,
    FLAG_STATUS,
    MEASUREMENT_STATUS,
    OBSERVATION_STATUS,
    OWN,
)
from .values import put_absent, put_value, take_absent, take_value

__all__ = ["put_measured", "put_status", "take_measured", "take_status"]

_ORDER: Final = {flag: index for index, flag in enumerate(get_args(QualityFlag))}
_WITHHELD: Final = OWN + "withheld-value"
_FROM_QUALITY: Final = OWN + "from-quality"
_FLAGS: Final = Many(CODE)

_QUALITY_ROWS: Final = (
    Row("index", None, DECIMAL, OWN + "quality-index"),
    Row("mode", None, CODE, OWN + "quality-mode"),
    Row("status_bits", None, LONG, OWN + "measurement-status"),
    Row("native", None, Many(STRING), OWN + "native-quality"),
)


def put_measured(
    out: Tree, value: Any, quality: Quality | None, interpretation: tuple[Any, ...], e: Emit, prefix: str = ""
) -> None:
    """Write value, absence, interpretation and the facets of quality."""
    flags = quality.flags if quality is not None else ()
    absence = next((FLAG_ABSENCE[flag] for flag in flags if flag in FLAG_ABSENCE), None)
    special = isinstance(value, Quantity) and value.special is not None
    if isinstance(value, Absent):
        put_absent(out, value, e, prefix + "value")
    elif special or absence is not None:
        if value is not None:
            _withhold(out, value, e, prefix + "value")
        if special:
            put_absent(out, value, e, prefix + "value")
        else:
            out["dataAbsentReason"] = _absence_of_quality(absence or "unknown")
    elif value is not None:
        put_value(out, value, e, prefix + "value")
    found = Many(CODEABLE).out(interpretation, e, prefix + "interpretation") or []
    found += _flag_concepts(flags)
    if found:
        out["interpretation"] = found
    if quality is not None:
        if flags and _flags_of(found) != flags:
            extension(out, OWN + "quality-flag", _FLAGS, flags, e, prefix + "quality.flags")
        emit_rows(_QUALITY_ROWS, quality, out, e, prefix + "quality.")


def _withhold(out: Tree, value: Any, e: Emit, path: str) -> None:
    inner: Tree = {}
    put_value(inner, value, e, path)
    entry = nest(_WITHHELD, inner)
    if entry is not None:
        out.setdefault("extension", []).append(entry)


def _absence_of_quality(code: str) -> Tree:
    return {
        "extension": [{"url": _FROM_QUALITY, "valueBoolean": True}],
        "coding": [{"system": systems.ABSENT_REASON, "code": code, "display": ABSENT_DISPLAY[code]}],
    }


def _flag_concepts(flags: tuple[str, ...]) -> list[Tree]:
    codes = dict.fromkeys(FLAG_CODES[flag] for flag in flags if flag in FLAG_CODES)
    return [{"coding": [{"system": MEASUREMENT_STATUS, "code": code, "display": text}]} for code, text in codes]


def _flag(concept: Tree) -> str | None:
    """Return the quality flag that an interpretation is, if it is exactly one."""
    coding = items(concept, "coding")
    if set(concept) != {"coding"} or len(coding) != 1 or text_of(coding[0], "system") != MEASUREMENT_STATUS:
        return None
    return FLAG_OF.get(text_of(coding[0], "code") or "")


def _flags_of(concepts: list[Tree]) -> tuple[str, ...]:
    return tuple(sorted({flag for flag in map(_flag, concepts) if flag is not None}, key=_ORDER.__getitem__))


def take_measured(tree: Tree, p: Parse) -> dict[str, Any]:
    """Read value, quality and interpretation."""
    value = take_absent(tree, p)
    withheld = [entry for entry in items(tree, "extension") if entry.get("url") == _WITHHELD]
    if withheld:
        value = take_value(unnest(withheld[0]), p)
    elif value is None:
        value = take_value(tree, p)
    elif read_own(tree["dataAbsentReason"], _FROM_QUALITY, BOOLEAN, p):
        value = None
    concepts = items(tree, "interpretation")
    parsed = (CODEABLE.into(concept, p) for concept in concepts if _flag(concept) is None)
    facets = parse_rows(_QUALITY_ROWS, tree, p)
    flags = read_own(tree, OWN + "quality-flag", _FLAGS, p) or _flags_of(concepts)
    if flags:
        facets["flags"] = flags
    found = {
        "value": value,
        "interpretation": tuple(concept for concept in parsed if concept is not None),
        "quality": build(Quality, facets) if facets else None,
    }
    return {name: content for name, content in found.items() if content not in (None, ())}


def put_status(out: Tree, record: Any, flags: tuple[str, ...], e: Emit) -> None:
    """Write the status that flags and policy allow; the record's own beside it where it differs."""
    forced = next((FLAG_STATUS[flag] for flag in flags if flag in FLAG_STATUS), None)
    if forced == "preliminary" and record.status not in {"final", "unknown"}:
        forced = None
    if forced is None and record.status in {"unknown", "preliminary"} and record.native_status == "R":
        forced = e.raw_status
    out["status"] = forced or record.status
    if out["status"] != record.status:
        extension(out, OWN + "status", CODE, record.status, e, "status")


def take_status(tree: Tree, p: Parse) -> str:
    """Read the canonical status."""
    status = read_own(tree, OWN + "status", CODE, p) or text_of(tree, "status")
    return status if status in OBSERVATION_STATUS else "unknown"
