"""How reference ids of units are read as UCUM: our own reading, word by word. Data only.

``~`` in a template marks where a decimal prefix goes (for units whose reference id carries ``X_``).
"""

from __future__ import annotations

from typing import Final

PREFIX_WORDS: Final[dict[str, str]] = {
    "DECA": "da", "HECTO": "h", "KILO": "k", "MEGA": "M", "GIGA": "G", "TERA": "T", "DECI": "d", "CENTI": "c",
    "MILLI": "m", "MICRO": "u", "NANO": "n", "PICO": "p", "FEMTO": "f",
}  # fmt: skip

# Words of a reference id -> (UCUM, takes a prefix). The longest run of words wins.
ATOMS: Final[dict[str, tuple[str, bool]]] = {
    "M": ("m", True), "G": ("g", True), "L": ("L", True), "SEC": ("s", True), "MIN": ("min", False),
    "HR": ("h", False), "DAY": ("d", False), "WK": ("wk", False), "WEEKS": ("wk", False), "MO": ("mo", False),
    "MON": ("mo", False), "YR": ("a", False), "M_SQ": ("m2", False), "M2": ("m2", False), "M_CUBE": ("m3", False),
    "CM_CUBE": ("cm3", False), "SEC_SQ": ("s2", False), "L_SQ": ("L2", False), "CM": ("cm", False),
    "KG": ("kg", False), "MG": ("mg", False), "ML": ("mL", False), "DL": ("dL", False), "CL": ("cL", False),
    "LB": ("[lb_av]", False), "OZ": ("[oz_av]", False), "INCH": ("[in_i]", False), "FOOT": ("[ft_i]", False),
    "YARD": ("[yd_i]", False), "MOLE": ("mol", True), "EQUIV": ("eq", True), "OSM": ("osm", True),
    "INTL_UNIT": ("[iU]", True), "ARB_UNIT": ("[arb'U]", False), "G_FORCE": ("gf", True), "NEWTON": ("N", True),
    "DYNE": ("dyn", True), "PASCAL": ("Pa", True), "PA": ("Pa", True), "HPA": ("hPa", False), "BAR": ("bar", True),
    "MBAR": ("mbar", False), "MMHG": ("mm[Hg]", False), "MM_HG": ("mm[Hg]", False), "CM_H2O": ("cm[H2O]", False),
    "PSI": ("[psi]", False), "JOULES": ("J", True), "WATT": ("W", True), "EVOLT": ("eV", False), "CAL": ("cal", True),
    "AMPS": ("A", True), "AMP": ("A", True), "COULOMB": ("C", True), "VOLT": ("V", True), "OHM": ("Ohm", True),
    "FARAD": ("F", True), "TESLA": ("T", True), "HZ": ("Hz", True), "KELVIN": ("K", False), "DEGC": ("Cel", False),
    "FAHR": ("[degF]", False), "CANDELA": ("cd", True), "LUMEN": ("lm", True), "RAD": ("rad", True),
    "PERCENT": ("%", False), "VOL_PERCENT": ("%{vol}", False), "PCT_PCV": ("%{pcv}", False), "PH": ("[pH]", False),
    "DROP": ("[drp]", False), "DROPS": ("[drp]", False), "BEAT": ("{beat}", False), "BREATH": ("{breath}", False),
    "RBC": ("{rbc}", False), "CELL": ("{cell}", False), "COUGH": ("{cough}", False), "SIGH": ("{sigh}", False),
    "STEP": ("{step}", False), "TICK": ("{tick}", False), "EVT": ("{event}", False), "BIT": ("bit", False),
    "BYTE": ("By", False), "INR": ("{INR}", False), "CM5": ("cm5", False), "CM_5": ("cm5", False),
}  # fmt: skip

# Whole reference ids (without MDC_DIM_) that the words do not explain. None: no UCUM, on purpose.
WHOLE: Final[dict[str, str | None]] = {
    # Rates that FHIR's vital signs state per minute, and their kin.
    "BEAT_PER_MIN": "/min", "PULS_PER_MIN": "/min", "RESP_PER_MIN": "/min", "BEAT_PER_MIN_PER_X_L": "/min/~L",
    "BREATHS_PER_MIN_PER_MILLI_L": "/min/mL", "SQUARE_BREATHS_PER_MIN_PER_L": "/min/L",
    "X_ROTATIONS_PER_MIN": "360.deg/min", "RPM": "360.deg/min",
    # Pure numbers and angles.
    "DIMLESS": "1", "BOOLEAN": "1", "ANG_DEG": "deg", "ANG_RAD": "rad", "PARTS_PER_10_TO_MINUS_3": "[ppth]",
    "PARTS_PER_10_TO_MINUS_6": "[ppm]", "PARTS_PER_10_TO_MINUS_9": "10*-9", "PARTS_PER_10_TO_MINUS_12": "10*-12",
    "PARTS_PER_10_TO_MINUS_15": "10*-15", "O2_SAT_PERCENT_SEC": "%.s",
    # Levels.
    "DECIBEL": "dB", "DECI_BEL": "dB", "X_BEL": "B", "DECIBEL_X_V": "dB[V]", "DECIBEL_X_MV": "dB[mV]",
    "DECIBEL_X_UV": "dB[uV]", "X_BEL_MV": "B[mV]", "DECIBEL_DECA_NV": "dB[10.nV]", "DECIBEL_10_NANO_VOLT": "dB[10.nV]",
    "NUTRI_CAL": "[Cal]", "X_NUTR_CAL": "[Cal]", "SQ_X_CM": "cm2",
    # Names that say something other than the unit they stand for.
    "CUBIC_X_L_PER_KG": "m3/kg", "X_L_PER_MIN_PER_ML_HG": "L/min/mm[Hg]", "X_AMP_HR": "~A.h",
    "DYNE_SEC_PER_M_SQ_PER_CM_5": "dyn.s/cm5/m2", "DYNE_SEC_M_SQ_PER_CM_5": "dyn.s.m2/cm5",
    # Not a unit, or not one that UCUM or the name can settle: the MDC code itself is what remains true.
    "NOS": None, "DIV": None, "TOD": None, "DATE": None, "DECIBEL_X_NV": None, "X_L_PER_MM_PA": None,
    "PER_HECTO_SEC_SQ": None, "PRIVATE_MMHG_BEAT_PER_MIN": None, "PRIVATE_MICRO_SIEMENS": None,
}  # fmt: skip

# Unit codes with two readings: the general table first, then the fitness profile of personal devices (11073-10441).
AMBIGUOUS: Final[dict[int, tuple[str, str]]] = {
    6688: ("X_RAD_PER_SEC", "FOOT_PER_MIN"),
    6720: ("X_LUMEN_PER_M_SQ", "INCH_PER_MIN"),
    6752: ("X_G_PER_LB_PER_HR", "STEP_PER_MIN"),
    6784: ("X_G_PER_LB_PER_MIN", "CAL"),
    6816: ("X_G_PER_M_SQ_PER_HR", "RPM"),
    6848: ("X_G_PER_M_SQ_PER_MIN", "TICK"),
}
# Kept out of the prefix rule: derived codes of these bases name other units, or the base is not a plain product.
UNPREFIXED: Final[frozenset[str]] = frozenset({"PER_X_SEC_SQ", "X_L_SQ_PER_SEC"})

# Which code to send for a UCUM text that several codes have.
REVERSE: Final[dict[str, int]] = {
    "/min": 2528, "1": 512, "dB": 6432, "kg/m2": 1952, "[Cal]": 8384, "{INR}": 6608, "dB[10.nV]": 7936,
    "kg": 1731, "/s": 2464,
}  # fmt: skip
