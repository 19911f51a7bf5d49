"""MDC look-ups, against published numbers and the rules of precedence."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.terminology import _mdc_table, mdc

# Numbers that the HL7 PHD and PoCD guides and IHE PCD-01 examples print beside the reference ids.
PUBLISHED = {
    150456: "MDC_PULS_OXIM_SAT_O2",
    149530: "MDC_PULS_OXIM_PULS_RATE",
    147842: "MDC_ECG_HEART_RATE",
    150020: "MDC_PRESS_BLD_NONINV",
    150021: "MDC_PRESS_BLD_NONINV_SYS",
    150022: "MDC_PRESS_BLD_NONINV_DIA",
    150023: "MDC_PRESS_BLD_NONINV_MEAN",
    150033: "MDC_PRESS_BLD_ART_SYS",
    150037: "MDC_PRESS_BLD_ART_ABP_SYS",
    150344: "MDC_TEMP",
    150364: "MDC_TEMP_BODY",
    150452: "MDC_PULS_OXIM_PLETH",
    151562: "MDC_RESP_RATE",
    151578: "MDC_TTHOR_RESP_RATE",
    131329: "MDC_ECG_ELEC_POTL_I",
    188736: "MDC_MASS_BODY_ACTUAL",
    69965: "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS",
    70686: "MDC_DEV_PRESS_BLD_NONINV_VMD",
    184327: "MDC_ECG_STAT_RHY",
    196616: "MDC_EVT_ALARM",
    69121: "MDC_OBS_WAVE_CTS",
    68480: "MDC_ATTR_ALERT_SOURCE",
    68485: "MDC_ATTR_ALERT_TYPE",
    65573: "MDC_MOC_VMS_MDS_SIMP",
    266016: "MDC_DIM_MMHG",
    262688: "MDC_DIM_PERCENT",
    67951: "MDC_ATTR_SCALE_SPECN_I16",
}


@pytest.mark.parametrize(("code", "refid"), PUBLISHED.items())
def test_published_pairs(code: int, refid: str) -> None:
    assert mdc.refid_of(code) == refid
    assert mdc.code_of(refid) == code


def test_alarm_state_is_not_metric_spec_small() -> None:
    """68166 is 65536 + 2630: an attribute of 20601, though some monitors send the alarm state under it."""
    assert mdc.refid_of(68166) == "MDC_ATTR_METRIC_SPEC_SMALL"
    assert mdc.code_of("MDC_ATTR_ALARM_STATE") == 68482
    assert mdc.codes_of("MDC_ATTR_ALARM_STATE") == (68482, 68166)
    assert "MDC_ATTR_ALARM_STATE" in mdc.refids_of(68166)
    assert mdc.provenance(68166, "MDC_ATTR_ALARM_STATE") == ("f",)


def test_a_misuse_alone_gives_no_code() -> None:
    assert mdc.codes_of("MDC_ATTR_ALERT_STATE") == (68166,)
    assert mdc.code_of("MDC_ATTR_ALERT_STATE") is None


def test_table_is_sorted_unique_and_grouped() -> None:
    pairs = [(code, refid) for code, refid, _ in _mdc_table.ROWS]
    assert len(set(pairs)) == len(pairs)
    assert [code for code, _ in pairs] == sorted(code for code, _ in pairs)
    assert len({code for code, _ in pairs}) >= 2410


def test_every_refid_with_several_codes_has_a_rule() -> None:
    codes: dict[str, set[int]] = {}
    for code, refid, _ in _mdc_table.ROWS:
        codes.setdefault(refid, set()).add(code)
    several = {refid for refid, own in codes.items() if len(own) > 1}
    assert several == set(_mdc_table.PREFERRED)
    assert all(_mdc_table.PREFERRED[refid] in codes[refid] for refid in several)


def test_every_row_names_a_known_source() -> None:
    assert {letter for _, _, letters in _mdc_table.ROWS for letter in letters} <= set(mdc.PROVENANCE)
    assert all(letters for _, _, letters in _mdc_table.ROWS)


def test_a_field_misuse_never_wins() -> None:
    for code in {code for code, _, letters in _mdc_table.ROWS if letters == "f"}:
        assert mdc.provenance(code, mdc.refids_of(code)[0]) != ("f",)


def test_private_codes() -> None:
    assert mdc.is_private(mdc.context_free(2, 0xF012))  # an Omron metric
    assert mdc.is_private(mdc.context_free(1025, 1))
    assert not mdc.is_private(150456)
    assert mdc.partition(150456) == 2
    assert mdc.term(150456) == 19384


@given(st.integers(min_value=0, max_value=0xFFFFFFFF))
def test_any_code_has_an_answer(code: int) -> None:
    assert mdc.context_free(mdc.partition(code), mdc.term(code)) == code
    refids = mdc.refids_of(code)
    assert mdc.refid_of(code) == (refids[0] if refids else None)
    assert all(code in mdc.codes_of(refid) for refid in refids)


def test_import_loads_no_table() -> None:
    program = (
        "import sys, iomt_interop.terminology as t; t.mdc; t.units; t.bits;"
        "print([m for m in sys.modules if m.startswith('iomt_interop.terminology._') and m.endswith('_table')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
