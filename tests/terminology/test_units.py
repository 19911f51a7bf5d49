"""MDC unit codes and unit texts as UCUM."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.terminology import _ucum_atoms as atoms
from iomt_interop.terminology import _unit_table, _unit_texts, loinc, mdc, ucum, units

# What FHIR's vital signs, the HL7 PHD examples and the IHE PCD examples write for these codes.
PUBLISHED = {
    262688: "%", 264864: "/min", 264928: "/min", 266016: "mm[Hg]", 268192: "Cel", 266560: "[degF]", 263875: "kg",
    263904: "[lb_av]", 264274: "mg/dL", 266866: "mmol/L", 266418: "mV", 265987: "kPa", 263441: "cm", 264096: "kg/m2",
    265266: "mL/h", 264640: "Hz", 262656: "1", 264338: "ms", 263762: "mL", 265986: "hPa", 264608: "/s",
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), PUBLISHED.items())
def test_published_units(code: int, expected: str) -> None:
    assert units.ucum_of(code) == expected
    assert units.ucum_of(code & 0xFFFF) == expected
    unit = units.unit_of(code)
    assert unit is not None
    assert not unit.derived


def test_other_partitions_are_not_units() -> None:
    assert units.unit_of(150456) is None
    assert units.unit_of(-1) is None
    assert units.unit_of(1 << 40) is None


@pytest.mark.parametrize(
    ("base", "index", "expected"),
    [
        (4256, 19, "uV"),
        (4704, 21, "pmol/L"),
        (1280, 3, "km"),
        (1472, 17, "cm2"),
        (6336, 18, "mm[Hg]/mL"),
        (4544, 21, "pmol"),
    ],
)
def test_prefix_rule(base: int, index: int, expected: str) -> None:
    unit = units.unit_of(base + index)
    assert unit is not None
    assert unit.ucum == expected
    assert unit.derived == (unit.refid is None)


@pytest.mark.parametrize(("number", "expected"), [(3850, "hPa/s"), (4724, "mg/dL/min"), (4728, "mmol/L/min")])
def test_table_rows_beat_the_prefix_rule(number: int, expected: str) -> None:
    unit = units.unit_of(number)
    assert unit is not None
    assert (unit.ucum, unit.derived) == (expected, False)


def test_two_readings_are_not_guessed() -> None:
    plain, fitness = units.unit_of(268896), units.unit_of(268896, fitness=True)
    assert plain is not None
    assert fitness is not None
    assert plain.ucum is None
    assert {refid for refid, _ in plain.readings} == {"MDC_DIM_X_G_PER_LB_PER_HR", "MDC_DIM_STEP_PER_MIN"}
    assert (fitness.refid, fitness.ucum) == ("MDC_DIM_STEP_PER_MIN", "{step}/min")
    assert units.ucum_of(264864, fitness=True) == "/min"


def test_no_unit_without_ucum_is_invented() -> None:
    for number in (0, 2, 2400, 2432):  # unspecified, divisions, time of day, date
        unit = units.unit_of(number)
        assert unit is not None
        assert unit.ucum is None


@pytest.mark.parametrize("ucum_text", sorted(set(_unit_table.UCUM.values())))
def test_reverse(ucum_text: str) -> None:
    code = units.mdc_unit_of(ucum_text)
    assert code is not None
    assert units.ucum_of(code) == ucum_text
    assert code in units.mdc_units_of(ucum_text)


def test_reverse_prefers_the_plain_code() -> None:
    assert units.mdc_unit_of("/min") == 264672
    assert 264864 in units.mdc_units_of("/min")
    assert units.mdc_unit_of("parsec") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("bpm", "/min"), ("rpm", "/min"), ("mmHg", "mm[Hg]"), ("mm(hg)", "mm[Hg]"), ("MM(HG)", "mm[Hg]"), ("°C", "Cel"),
     ("deg C", "Cel"), ("{beat}/min", "/min"), ("{beats}/min", "/min"), ("beats/min", "/min"), ("mL/h", "mL/h"),
     ("ml/hr", "mL/h"), ("\u00b5mol/L", "umol/L"), ("\u03bcg/L", "ug/L"), ("mg/dl", "mg/dL"), ("%", "%"), ("mW", "mW"),
     ("kg/m\u00b2", "kg/m2"), ("IU", "[iU]"), ("in", "[in_i]"), ("dB(SPL)", "dB[SPL]"), (" kg ", "kg")],
)  # fmt: skip
def test_texts(text: str, expected: str) -> None:
    assert units.ucum_of_text(text) == expected


@pytest.mark.parametrize("text", ["", " ", "C", "F", "a", "10.mV/4096", "units", "MW?", "wheelchair pushes"])
def test_texts_that_are_not_guessed(text: str) -> None:
    assert units.ucum_of_text(text) is None


@given(st.text(max_size=30))
def test_any_text_has_an_answer(text: str) -> None:
    found = units.ucum_of_text(text)
    assert found is None or units.is_valid_ucum(found)


@given(st.integers(0, 0xFFFF))
def test_any_unit_term_has_an_answer(number: int) -> None:
    unit = units.unit_of(number)
    if unit is not None:
        assert unit.code == mdc.context_free(4, number)
        assert unit.ucum is None or units.is_valid_ucum(unit.ucum)


def _all_texts() -> list[str]:
    derived = [units.ucum_of(base + index) for base in _unit_table.BASES for index in range(1, 32)]
    both = [text for pair in _unit_table.AMBIGUOUS.values() for _, text in pair]
    vital = [unit for row in loinc.VITAL_SIGNS for unit in row.units]
    every = [
        *_unit_table.UCUM.values(),
        *both,
        *derived,
        *vital,
        *_unit_texts.EXACT.values(),
        *_unit_texts.FOLDED.values(),
    ]
    return sorted({text for text in every if text})


def test_every_table_entry_is_ucum() -> None:
    assert [text for text in _all_texts() if not units.is_valid_ucum(text)] == []


SCRIPT = """
const u = require('@lhncbc/ucum-lhc').UcumLhcUtils.getInstance();
const rows = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(rows.map(r => r.length === 1
  ? u.validateUnitString(r[0]).status : u.convertUnitTo(r[0], r[1], r[2]).toVal)));
"""


@pytest.fixture(scope="module")
def ucum_lhc() -> Path:
    """Return the folder of npm packages that holds @lhncbc/ucum-lhc, or skip."""
    folder = os.environ.get("IOMT_NODE_MODULES")
    if shutil.which("node") is None:
        pytest.skip("no node: the ucum-lhc witness cannot run")
    if not folder or not (Path(folder) / "@lhncbc" / "ucum-lhc").is_dir():
        pytest.skip("IOMT_NODE_MODULES names no folder with @lhncbc/ucum-lhc")
    return Path(folder)


def _ask(folder: Path, rows: list[list[object]]) -> list[object]:
    done = subprocess.run(
        ["node", "-e", SCRIPT],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NODE_PATH": str(folder)},
    )
    answers: list[object] = json.loads(done.stdout)
    return answers


def test_ucum_lhc_finds_every_entry_valid(ucum_lhc: Path) -> None:
    texts = _all_texts()
    answers = _ask(ucum_lhc, [[text] for text in texts])
    assert [text for text, answer in zip(texts, answers, strict=True) if answer != "valid"] == []


def test_ucum_lhc_agrees_on_every_number(ucum_lhc: Path) -> None:
    """Convert 7 of each unit to its base units; the peer converts to no arbitrary or logarithmic base."""
    closed = {symbol for symbol in atoms.BASE if "[" in symbol} | atoms.LOGARITHMIC
    rows: list[list[object]] = []
    ours: list[Fraction] = []
    for text in [*_all_texts(), *atoms.DERIVED, *atoms.AFFINE]:
        unit = ucum.parse_ucum(text)
        if any(symbol in closed for symbol, _ in unit.dimension):
            continue
        base = ".".join(f"{symbol}{power}" for symbol, power in unit.dimension) or "1"
        rows.append([text, 7, base])
        ours.append(units.convert(7, text, base))
    answers = _ask(ucum_lhc, rows)
    wrong = [
        (row[0], answer)
        for row, answer, own in zip(rows, answers, ours, strict=True)
        if not isinstance(answer, (int, float)) or abs(Fraction(answer) - own) > abs(own) / 10**12
    ]
    assert wrong == []
    assert len(rows) > 1500
