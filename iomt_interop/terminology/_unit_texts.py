"""Unit texts of messages and devices that are not UCUM, and the UCUM they stand for. Data only.

Sources: HL7 v2 messages (``ISO+`` and local texts), device exports, user interfaces. A text that could mean two
units (``C``, ``F``, ``a``) is absent on purpose.
"""

from __future__ import annotations

from typing import Final

# Characters that are the same to a reader; applied before the look-ups.
EQUIVALENT_CHARACTERS: Final[dict[int, str]] = str.maketrans(  # micro sign, Greek mu, superscripts, middle dots, ohm
    {"\u00b5": "u", "\u03bc": "u", "\u00b2": "2", "\u00b3": "3", "\u00b7": ".", "\u22c5": ".", "\u03a9": "Ohm",
     "\u2126": "Ohm", "\u00ba": "\u00b0", "\u2103": "\u00b0C", "\u2109": "\u00b0F"}
)  # fmt: skip

# Exact texts, case-sensitive: those where case tells units apart or where folding would be a guess.
EXACT: Final[dict[str, str]] = {
    "IU": "[iU]", "mIU": "m[iU]", "uIU": "u[iU]", "kIU": "k[iU]", "IU/L": "[iU]/L", "IU/l": "[iU]/L",
    "mIU/L": "m[iU]/L", "mIU/mL": "m[iU]/mL", "uIU/mL": "u[iU]/mL", "IU/mL": "[iU]/mL", "iU/mL": "[iU]/mL",
    "IU/h": "[iU]/h", "U/l": "U/L", "mmol/l": "mmol/L", "umol/l": "umol/L", "nmol/l": "nmol/L", "mol/l": "mol/L",
    "mEq": "meq", "mEq/L": "meq/L", "mEq/l": "meq/L", "mOsm/kg": "mosm/kg", "mOsm/L": "mosm/L",
    "mW": "mW", "MHz": "MHz", "mHz": "mHz", "Mohm": "MOhm", "mohm": "mOhm", "kohm": "kOhm", "mV/cm": "mV/cm",
    "kg/m^2": "kg/m2", "m^2": "m2", "m^3": "m3", "L/min/m^2": "L/min/m2", "m/s^2": "m/s2",
    "10^3/uL": "10*3/uL", "10^6/uL": "10*6/uL", "10^9/L": "10*9/L", "10^12/L": "10*12/L", "10e3/uL": "10*3/uL",
    "10e6/uL": "10*6/uL", "10e9/L": "10*9/L", "10e12/L": "10*12/L", "x10^9/L": "10*9/L", "x10^12/L": "10*12/L",
    "x10^3/uL": "10*3/uL", "x10^6/uL": "10*6/uL", "K/uL": "10*3/uL", "M/uL": "10*6/uL",
    "giga.l-1": "10*9/L", "tera.l-1": "10*12/L", "g.l-1": "g/L", "mmol.l-1": "mmol/L",
    "dB(SPL)": "dB[SPL]", "dB SPL": "dB[SPL]", "WU": "[wood'U]",
}  # fmt: skip

# Texts compared without regard to case and inner blanks.
FOLDED: Final[dict[str, str]] = {
    # Rates.
    "bpm": "/min", "b/min": "/min", "beats/min": "/min", "beat/min": "/min", "beats/minute": "/min",
    "beatsperminute": "/min", "{beat}/min": "/min", "{beats}/min": "/min", "rpm": "/min", "brpm": "/min",
    "breaths/min": "/min", "breath/min": "/min", "breaths/minute": "/min", "resp/min": "/min",
    "{breath}/min": "/min", "{breaths}/min": "/min", "{resp}/min": "/min", "{pulse}/min": "/min", "pulse/min": "/min",
    "pulses/min": "/min", "count/min": "/min", "counts/min": "/min", "1/min": "/min", "/minute": "/min",
    "min-1": "/min", "1/s": "/s", "1/h": "/h", "/hr": "/h", "1/hr": "/h", "{steps}/min": "{step}/min",
    "steps/min": "{step}/min",
    # Pressure.
    "mmhg": "mm[Hg]", "mm(hg)": "mm[Hg]", "mm[hg]": "mm[Hg]", "cmh2o": "cm[H2O]", "cm(h2o)": "cm[H2O]",
    "cm[h2o]": "cm[H2O]", "kpa": "kPa", "kpal": "kPa", "hpa": "hPa", "mbar": "mbar", "psi": "[psi]",
    "mmh2o": "mm[H2O]", "inhg": "[in_i'Hg]",
    # Temperature.
    "\u00b0c": "Cel", "degc": "Cel", "deg.c": "Cel", "degreesc": "Cel", "degreec": "Cel", "celsius": "Cel",
    "degreescelsius": "Cel", "degreecelsius": "Cel", "cel": "Cel", "degcelsius": "Cel",
    "\u00b0f": "[degF]", "degf": "[degF]", "deg.f": "[degF]", "degreesf": "[degF]", "degreef": "[degF]",
    "fahrenheit": "[degF]", "degreesfahrenheit": "[degF]", "[degf]": "[degF]", "kelvin": "K",
    # Parts and pure numbers.
    "percent": "%", "pct": "%", "vol%": "%{vol}", "ppm": "[ppm]", "ppb": "[ppb]", "ph": "[pH]", "inr": "{INR}",
    # Length, mass, area, volume.
    "cm": "cm", "mm": "mm", "meter": "m", "meters": "m", "metre": "m", "metres": "m", "inch": "[in_i]",
    "inches": "[in_i]", "in": "[in_i]", "[in_i]": "[in_i]", "ft": "[ft_i]", "feet": "[ft_i]", "foot": "[ft_i]",
    "mi": "[mi_i]", "mile": "[mi_i]", "miles": "[mi_i]", "km": "km",
    "kg": "kg", "kilogram": "kg", "kilograms": "kg", "gram": "g", "grams": "g", "gm": "g", "mcg": "ug",
    "microgram": "ug", "lb": "[lb_av]", "lbs": "[lb_av]", "pound": "[lb_av]", "pounds": "[lb_av]",
    "[lb_av]": "[lb_av]", "oz": "[oz_av]", "ounce": "[oz_av]", "ounces": "[oz_av]", "stone": "[stone_av]",
    "kg/m2": "kg/m2", "kg/m**2": "kg/m2", "ml": "mL", "cc": "mL", "dl": "dL", "liter": "L", "liters": "L",
    "litre": "L", "litres": "L", "gtt": "[drp]", "drops": "[drp]",
    # Time and frequency.
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "msec": "ms", "minute": "min", "minutes": "min",
    "mins": "min", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "wk",
    "weeks": "wk", "month": "mo", "months": "mo", "year": "a", "years": "a", "yr": "a", "yrs": "a",
    "hertz": "Hz", "hz": "Hz", "khz": "kHz",
    # Flow, dose, concentration.
    "ml/h": "mL/h", "ml/hr": "mL/h", "ml/hour": "mL/h", "ml/min": "mL/min", "l/min": "L/min", "lpm": "L/min",
    "l/s": "L/s", "l/sec": "L/s", "ml/kg": "mL/kg", "ml/beat": "mL/{beat}", "ml/m2": "mL/m2",
    "l/min/m2": "L/min/m2", "mcg/kg/min": "ug/kg/min", "ug/kg/min": "ug/kg/min", "mcg/min": "ug/min",
    "mcg/h": "ug/h", "mcg/hr": "ug/h", "ug/hr": "ug/h", "mcg/kg/h": "ug/kg/h", "mcg/kg/hr": "ug/kg/h",
    "mcg/ml": "ug/mL", "mcg/dl": "ug/dL", "ug/dl": "ug/dL", "ug/ml": "ug/mL", "ug/l": "ug/L", "ng/ml": "ng/mL",
    "pg/ml": "pg/mL", "mg/dl": "mg/dL", "mg/l": "mg/L", "mg/ml": "mg/mL", "mg/h": "mg/h", "mg/hr": "mg/h",
    "mmol/l": "mmol/L", "umol/l": "umol/L", "meq/l": "meq/L", "g/dl": "g/dL", "gm/dl": "g/dL",
    "g/l": "g/L", "ml/cmh2o": "mL/cm[H2O]",
    "ml/kg/min": "mL/kg/min", "cmh2o/l/s": "cm[H2O]/L/s", "cmh2o/l/sec": "cm[H2O]/L/s", "km/h": "km/h",
    # Electricity and energy.
    "millivolt": "mV", "millivolts": "mV", "microvolt": "uV", "volt": "V", "volts": "V", "ohm": "Ohm", "ohms": "Ohm",
    "watt": "W", "watts": "W", "joule": "J", "joules": "J", "kcal": "kcal", "kj": "kJ",
}  # fmt: skip

# One-letter UCUM units that a text without a coding system cannot mean otherwise.
PLAIN_LETTERS: Final[frozenset[str]] = frozenset("%gLsVWJ")
