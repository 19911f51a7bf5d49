"""A mapping's text to rules: checked whole, every problem with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from ... import _toml as toml
from ...errors import AdapterContractError
from .fields import FIELDS, NEEDS, choices, form_adapter
from .lines import ENCODINGS
from .paths import Framing, Path, PathSyntaxError, parse_path
from .specs import Condition, Entry, IdentifierSpec, PathText, Spec, TimeSpec

__all__ = ["PATH_KEYS", "Mapping", "Problem", "Rule", "SourceSpec", "check_mapping", "parse_mapping", "walk"]

PATH_KEYS: Final = frozenset({"path", "unit_path", "zone_path", "offset_path", "period_path", "rate_path", "each"})
_FRAMING_OPTIONS: Final[dict[str, frozenset[str]]] = {
    "csv": frozenset({"delimiter", "quote", "header", "comment", "skip", "encoding", "final_newline", "rows"}),
    "xml": frozenset({"namespaces", "rows"}),
    "json": frozenset({"rows"}),
    "ndjson": frozenset({"rows", "final_newline"}),
}


class SourceSpec(Spec):
    """How the source is written."""

    framing: Framing
    rows: str = "."
    """Where the rows are, for rules that do not say."""
    decimal: Literal[".", ","] = "."
    delimiter: str = ","
    quote: str = '"'
    """Empty when no cell is quoted."""
    header: bool | tuple[str, ...] = True
    """Whether the first line names the columns; or their names, when no line does."""
    comment: str = ""
    """What a line begins with that is no row."""
    skip: int = Field(0, ge=0, le=10_000)
    """Lines before the header."""
    encoding: str = "utf-8"
    final_newline: bool = False
    """Whether each row ends with a line end, so that one without it was cut off."""
    namespaces: dict[str, str] = Field(default_factory=dict)
    """Prefix to URI; the empty prefix is that of names without one."""

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_octet(cls, value: str) -> str:
        if len(value) > 1 or not value.isascii() or value in {"\n", "\r"}:
            raise ValueError("one ASCII character")
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        if value.lower() not in ENCODINGS:
            raise ValueError("not an encoding that can be cut into lines")
        return value.lower()

    @model_validator(mode="after")
    def _fits(self) -> SourceSpec:
        allowed = _FRAMING_OPTIONS[self.framing] | {"framing", "decimal"}
        if self.model_fields_set - allowed or not self.delimiter or self.delimiter == self.quote:
            raise ValueError("an option of another framing")
        return self


class _RuleHead(Spec):
    name: str | None = None
    each: str | None = None
    when: tuple[Condition, ...] = ()
    stop: bool = False
    key: tuple[PathText, ...] = ()
    subject: IdentifierSpec | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``[[record]]``."""

    index: int
    label: str
    kind: str
    each: str
    when: tuple[Condition, ...]
    stop: bool
    key: tuple[PathText, ...]
    subject: IdentifierSpec | None
    fields: dict[str, Any]
    """Field of the canonical model to what the rule says of it."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A whole mapping."""

    source: SourceSpec
    rules: tuple[Rule, ...]
    tables: dict[str, dict[str, Entry]]
    paths: dict[PathText, Path]
    cache: dict[object, Any] = field(default_factory=dict)
    """What fixed parts of the rules became, by the identity of their spec."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What makes a mapping invalid; ``path`` is a place in the mapping."""

    code: str
    path: str
    detail: str


def parse_mapping(text: str) -> Mapping:
    """Read a mapping.

    Raises
    ------
    AdapterContractError
        ``MAP-001`` with the place of the first problem.
    """
    mapping, problems = check_mapping(text)
    if mapping is None or problems:
        first = problems[0]
        raise AdapterContractError("MAP-001", path=first.path or None, hint=first.detail)
    return mapping


def check_mapping(text: str) -> tuple[Mapping | None, list[Problem]]:
    """Read a mapping and list everything that is wrong with it; the mapping is ``None`` when it has no source."""
    try:
        raw = _tuples(toml.loads(text))
    except toml.NotTomlError:
        return None, [Problem("MAP-302", "", "not TOML")]
    return _Checker(cast("dict[str, Any]", raw)).run()


class _Checker:
    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self._problems: list[Problem] = []

    def run(self) -> tuple[Mapping | None, list[Problem]]:
        raw = self._raw
        for key in sorted(raw.keys() - {"version", "source", "tables", "record"}):
            self._say("MAP-301", key, "unknown key")
        version = raw.get("version")
        if type(version) is not int or version != 1:
            self._say("MAP-302", "version", "version = 1")
        source = self._checked(TypeAdapter(SourceSpec), raw.get("source", {}), "source")
        tables = self._checked(TypeAdapter(dict[str, dict[str, Entry]]), raw.get("tables", {}), "tables")
        records = raw.get("record", ())
        if not isinstance(records, tuple) or not records or not all(isinstance(each, dict) for each in records):
            self._say("MAP-302", "record", "at least one [[record]]")
            records = ()
        rules = [self._rule(number, record, source) for number, record in enumerate(records)]
        if source is None:
            return None, self._problems
        mapping = Mapping(source, tuple(rule for rule in rules if rule is not None), tables or {}, {})
        self._paths(mapping)
        return mapping, self._problems

    def _rule(self, number: int, record: dict[str, Any], source: SourceSpec | None) -> Rule | None:
        place = f"record[{number}]"
        kind = record.get("kind")
        if not isinstance(kind, str) or kind not in FIELDS:
            self._say("MAP-302", f"{place}.kind", "a kind of record")
            return None
        head_keys = _RuleHead.model_fields.keys()
        known = FIELDS[kind]
        for key in sorted(record.keys() - head_keys - known.keys() - {"kind"}):
            self._say("MAP-301", f"{place}.{key}", "unknown key")
        head = self._checked(TypeAdapter(_RuleHead), {k: record[k] for k in record if k in head_keys}, place)
        fields: dict[str, Any] = {}
        for name, form in known.items():
            if name in record:
                found = self._field(kind, name, form, record[name], f"{place}.{name}")
                if found is not None:
                    fields[name] = found
        for group in NEEDS[kind]:
            if not any(name in record for name in group):
                self._say("MAP-302", place, "needs " + " or ".join(group))
        if head is None:
            return None
        each = head.each if head.each is not None else source.rows if source is not None else "."
        label = head.name or f"{number + 1} ({kind})"
        return Rule(number, label, kind, each, head.when, head.stop, head.key, head.subject, fields)

    def _field(self, kind: str, name: str, form: str, value: Any, place: str) -> Any:
        if FORM_IS_TUPLE[form] and not isinstance(value, tuple):
            value = (value,)
        found = self._checked(form_adapter(form), value, place)
        if form == "choice" and isinstance(found, str) and found not in choices(kind, name):
            self._say("MAP-302", place, "one of " + ", ".join(sorted(choices(kind, name))))
            return None
        return found

    def _checked(self, adapter: TypeAdapter[Any], value: Any, place: str) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            seen: set[tuple[str, str]] = set()
            for each in error.errors(include_input=False, include_url=False, include_context=False):
                code = "MAP-301" if each["type"] == "extra_forbidden" else "MAP-302"
                where = place + _place(each["loc"], value)
                if (code, where) not in seen:
                    seen.add((code, where))
                    self._say(code, where, "unknown key" if code == "MAP-301" else _plain(each["msg"]))
        return None

    def _paths(self, mapping: Mapping) -> None:
        source = mapping.source
        texts: list[tuple[str, PathText]] = [(f"record[{rule.index}].each", rule.each) for rule in mapping.rules]
        for rule in mapping.rules:
            texts += _rule_paths(rule)
            if source.framing == "csv" and rule.each != ".":
                self._say("MAP-302", f"record[{rule.index}].each", "the rows of a table are its lines")
            self._tables(mapping, rule)
        for place, text in texts:
            try:
                mapping.paths[text] = parse_path(text, source.framing, source.namespaces)
            except PathSyntaxError as error:
                self._say("MAP-302", place, str(error))

    def _tables(self, mapping: Mapping, rule: Rule) -> None:
        for place, spec in walk(rule.fields, f"record[{rule.index}]"):
            for key in ("table", "units"):
                name = getattr(spec, key, None)
                if isinstance(name, str) and name not in mapping.tables:
                    self._say("MAP-311", f"{place}.{key}", "no such table")

    def _say(self, code: str, path: str, detail: str) -> None:
        self._problems.append(Problem(code, path, detail))


FORM_IS_TUPLE: Final[dict[str, bool]] = {
    form: form in {"texts", "concepts", "identifiers", "names", "notes", "versions", "components", "ranges",
                   "channels", "stages", "totals"}
    for form in (*{form for fields in FIELDS.values() for form in fields.values()},)
}  # fmt: skip
"""Forms that are lists; a single table stands for a list of one."""


def _rule_paths(rule: Rule) -> Iterator[tuple[str, PathText]]:
    place = f"record[{rule.index}]"
    for number, key in enumerate(rule.key):
        yield f"{place}.key[{number}]", key
    parts: dict[str, Any] = {"when": rule.when, "subject": rule.subject, **rule.fields}
    for where, spec in walk(parts, place):
        for key in PATH_KEYS & type(spec).model_fields.keys():
            value = getattr(spec, key)
            if isinstance(value, tuple):
                yield from ((f"{where}.{key}[{n}]", each) for n, each in enumerate(value))
            elif value is not None:
                yield f"{where}.{key}", value


def walk(value: Any, place: str) -> Iterator[tuple[str, Spec]]:
    """Yield every spec inside a value, with its place in the mapping."""
    if isinstance(value, Spec):
        yield place, value
        for name, info in type(value).model_fields.items():
            # A time with a path of its own is written without its "at".
            inner = place if isinstance(value, TimeSpec) and name == "at" else f"{place}.{info.alias or name}"
            yield from walk(getattr(value, name), inner)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from walk(each, f"{place}.{name}")
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from walk(each, f"{place}[{number}]")


def _place(loc: tuple[int | str, ...], value: Any) -> str:
    """Write where a problem is; what pydantic adds of its own (a union's member) is left out."""
    place = ""
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        if isinstance(part, int) and isinstance(value, tuple) and part < len(value):
            place, value = f"{place}[{part}]", value[part]
        elif isinstance(part, str) and isinstance(value, dict) and (part in value or (last and part not in _TYPES)):
            place, value = f"{place}.{part}", value.get(part)
    return place


_TYPES: Final = frozenset({"str", "int", "bool", "at"})


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").lower()


def _tuples(value: object) -> object:
    """TOML has arrays, the strict frozen models have tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
