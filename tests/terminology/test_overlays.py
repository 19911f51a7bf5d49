"""Loaders of user-supplied tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop import errors
from iomt_interop.terminology import overlays

ROSETTA = """REFID;Description;CF_CODE10;UOM_UCUM
MDC_INVENTED_RATE;own text; 159990 ;
MDC_ECG_HEART_RATE;own text;147842;
MDC_ATTR_ALARM_STATE;own text;68166;
MDC_NO_CODE;own text;;
MDC_PART_ZERO;own text;770;
MDC_DIM_INVENTED;own text;274400;g/L|rubbish unit
MDC_DIM_MMHG;own text;266016;mm[Hg]
"""

MAPPING = """LOINC_NUM,LOINC_LONG_COMMON_NAME,IEEE_CF_CODE10,IEEE_REFID,EQUIVALENCE
"8867-4","own, text",147842,MDC_ECG_HEART_RATE,equivalent
"60842-2","own text",151586,MDC_VENT_RESP_RATE,narrower
"60842-2","own text",,MDC_NONE,narrower
"""


def test_rtmms() -> None:
    overlay = overlays.load_rtmms(ROSETTA)
    assert overlay.refid_of(159990) == "MDC_INVENTED_RATE"
    assert overlay.code_of("MDC_INVENTED_RATE") == 159990
    assert overlay.code_of("MDC_ATTR_ALARM_STATE") == 68482
    assert overlay.refid_of(68166) == "MDC_ATTR_METRIC_SPEC_SMALL"
    assert overlay.ucum_of(274400) == "g/L"
    assert overlay.ucum_of(266016) == "mm[Hg]"
    assert overlay.ucum_of(266418) == "mV"
    assert overlay.skipped == 2
    assert overlay.conflicts == ()
    assert "INVENTED" not in repr(overlay)


def test_conflicts_are_named() -> None:
    overlay = overlays.load_rtmms("refid,cf_code10\nMDC_SOMETHING_ELSE,147842\n")
    assert overlay.conflicts == (147842,)
    assert overlay.refid_of(147842) == "MDC_ECG_HEART_RATE"


def test_overlays_cannot_be_changed() -> None:
    overlay = overlays.load_rtmms(ROSETTA)
    with pytest.raises(TypeError):
        overlay.refids[1] = ("MDC_X",)  # type: ignore[index]


def test_loinc_ieee() -> None:
    overlay = overlays.load_loinc_ieee("\ufeff" + MAPPING)
    assert overlay.loinc_of(147842) == ("8867-4",)
    assert overlay.by_mdc[151586] == (("60842-2", "narrower"),)
    assert overlay.mdc_of("60842-2") == 151586
    assert overlay.mdc_of("8867-4") == 147842
    assert overlay.skipped == 1


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "refid\nMDC_X\n", '"' + "x" * 200_000 + "\n"])
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(errors.MalformedInput) as caught:
        overlays.load_rtmms(text)
    assert caught.value.code == "TRM-001"


def test_too_many_rows() -> None:
    with pytest.raises(errors.LimitExceeded):
        overlays.load_rtmms("refid,cf_code10\n" + "x,1\n" * 200_001)


@given(st.text(max_size=300).map(lambda rest: "refid,cf_code10,ucum\n" + rest) | st.text(max_size=100))
def test_any_text_gives_an_overlay_or_an_input_error(text: str) -> None:
    for load in (overlays.load_rtmms, overlays.load_loinc_ieee):
        try:
            load(text)
        except errors.InputError:
            continue
