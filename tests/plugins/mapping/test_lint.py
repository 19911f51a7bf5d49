"""Lint: each finding provoked, and nothing to say of a good mapping."""

from __future__ import annotations

import pytest
from plugins.mapping.helpers import FOLDERS, HEAD, HR, texts

from iomt_interop.errors import CODES, AdapterContractError
from iomt_interop.plugins.mapping import lint, make_factory

RULE = '[[record]]\nkind = "observation"\n'
VALUE = 'value = { path = "v", unit = "/min" }\n'
GOOD = HEAD + RULE + HR + VALUE


def codes(text: str) -> set[tuple[str, str]]:
    return {(finding.code, finding.path) for finding in lint(text)}


@pytest.mark.parametrize("adapter", FOLDERS)
def test_the_examples_have_remarks_at_most(adapter: str) -> None:
    assert {finding.severity for finding in lint(texts(adapter)[0])} <= {"remark"}


def test_a_good_mapping_has_no_finding() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (GOOD + "extra = 1\n", "MAP-301", "record[0].extra"),
        (GOOD.replace("unit =", "untis ="), "MAP-301", "record[0].value.untis"),
        ("speed = 1\n" + GOOD, "MAP-301", "speed"),
        ("version = 2\n" + GOOD[12:], "MAP-302", "version"),
        (GOOD.replace('"observation"', '"observations"'), "MAP-302", "record[0].kind"),
        (GOOD.replace(VALUE, ""), "MAP-302", "record[0]"),
        (GOOD.replace('path = "v"', 'path = "v["'), "MAP-302", "record[0].value.path"),
        (GOOD.replace('"json"', '"yaml"'), "MAP-302", "source.framing"),
        (GOOD.replace('"json"', '"json"\nquote = "x"'), "MAP-302", "source"),
        (GOOD + 'status = "done"\n', "MAP-302", "record[0].status"),
        (GOOD + 'status = { path = "s", table = { d = "done" } }\n', "MAP-302", "record[0].status.table.d"),
        (GOOD + 'time = { path = "t", format = "%d.%m" }\n', "MAP-302", "record[0].time.format"),
        (GOOD + 'time = { path = "t", zone = "Mars/Base" }\n', "MAP-302", "record[0].time.zone"),
        (GOOD + 'time = { path = "t", zone = "UTC", offset = "Z" }\n', "MAP-302", "record[0].time"),
        (GOOD + 'handle = { path = "h", pattern = "x" }\n', "MAP-302", "record[0].handle.pattern"),
        (GOOD.replace("/min", "bpm"), "MAP-303", "record[0].value.unit"),
        (GOOD.replace('unit = "/min"', 'unit_path = "u", units = { b = "bpm" }'), "MAP-303", "record[0].value.units.b"),
        (GOOD.replace("147842, refid", "147999, refid"), "MAP-304", "record[0].code.code"),
        (GOOD.replace("code = 147842, ", "").replace("HEART_RATE", "HEART_RAT"), "MAP-304", "record[0].code.refid"),
        (GOOD.replace(HR, 'code = { system = "LOINC", code = "8867-5" }\n'), "MAP-304", "record[0].code.code"),
        (GOOD.replace("MDC_ECG_HEART_RATE", "MDC_PULS_OXIM_SAT_O2"), "MAP-305", "record[0].code.refid"),
        (
            GOOD.replace('RATE" }', 'RATE", codings = [{ system = "LOINC", code = "8310-5" }] }'),
            "MAP-305",
            "record[0].code",
        ),
        (GOOD.replace("/min", "Cel"), "MAP-306", "record[0].value.unit"),
        (GOOD.replace('unit = "/min"', 'unit_path = "u", units = { b = "kg" }'), "MAP-306", "record[0].value.units.b"),
        (GOOD + "stop = true\n" + RULE + HR + VALUE + 'handle = "2"\n', "MAP-307", "record[1]"),
        (
            GOOD + 'when = [{ path = "a", equals = "x" }, { path = "a", equals = "y" }]\n',
            "MAP-308",
            "record[0].when",
        ),
        (GOOD + 'when = [{ path = "a", exists = false }, { path = "a", in = ["x"] }]\n', "MAP-308", "record[0].when"),
        (GOOD + 'when = [{ path = "a", in = ["x"] }, { path = "a", matches = "y+" }]\n', "MAP-308", "record[0].when"),
        (GOOD + RULE + HR + VALUE, "MAP-309", "record[1]"),
        (GOOD + 'time = { path = "t", format = "%Y-%m-%d %H:%M" }\n', "MAP-310", "record[0].time"),
        (
            GOOD + 'time = { path = "t", format = "epoch-s", epoch = "2000-01-01T00:00:00" }\n',
            "MAP-310",
            "record[0].time",
        ),
        (GOOD + 'method = { path = "m", table = "none" }\n', "MAP-311", "record[0].method[0].table"),
        (GOOD + 'method = { path = "m", table = {} }\n', "MAP-311", "record[0].method[0].table"),
        (
            GOOD + 'when = [{ path = "m", equals = "b" }]\nmethod = { path = "m", table = { a = "A" } }\n',
            "MAP-311",
            "record[0].method[0].table",
        ),
        (GOOD + "[tables.idle]\na = 'A'\n", "MAP-312", "tables.idle"),
    ],
)
def test_each_finding(text: str, code: str, path: str) -> None:
    assert (code, path) in codes(text)


def test_findings_have_lines_and_texts() -> None:
    text = GOOD + '\n[[record]]\nkind = "event"\ncode = { text = "x" }\nspeed = 3\n'
    [finding] = lint(text)
    assert (finding.code, finding.severity, finding.path) == ("MAP-301", "error", "record[1].speed")
    assert text.splitlines()[(finding.line or 0) - 1] == "speed = 3"
    assert finding.message.startswith(CODES["MAP-301"])


@pytest.mark.parametrize("text", ["", "version =", "[" * 3000, "version = 1\nrecord = 3\nsource = 4\ntables = 5\n"])
def test_any_text_is_linted_and_refused(text: str) -> None:
    assert lint(text)
    with pytest.raises(AdapterContractError) as caught:
        make_factory(text, "x", "1")
    assert caught.value.code == "MAP-001"


def test_a_rule_with_stop_hides_only_what_it_would_take() -> None:
    other = RULE + 'code = { text = "other" }\nvalue = { path = "w" }\n'
    assert lint(GOOD + "stop = true\n" + other) == []
