"""Unit atoms and prefixes of UCUM that devices use; exact numbers as text.

The numbers are those of the UCUM tables (case-sensitive symbols). A definition is written with atoms of this
table or of the base; the parser resolves it on first use.
"""

from __future__ import annotations

from typing import Final

PREFIXES: Final[dict[str, int]] = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

BINARY_PREFIXES: Final[dict[str, int]] = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}

# Each of these is a dimension of its own. First the base of UCUM. Then what UCUM derives from the pure number but
# what must never be exchanged for another count without a clinical fact (valence, molecular mass, assay), and the
# electronvolt, whose number differs between revisions of UCUM. Then arbitrary units. Last the logarithmic ones,
# linear only in themselves.
BASE: Final[tuple[str, ...]] = (
    "m", "s", "g", "rad", "K", "C", "cd",
    "mol", "eq", "osm", "bit", "eV",
    "[iU]", "[arb'U]", "[USP'U]", "[CFU]", "[PFU]", "[FFU]", "[anti'Xa'U]",
    "[pH]", "Np", "B", "B[SPL]", "B[V]", "B[mV]", "B[uV]", "B[10.nV]", "B[W]", "B[kW]",
)  # fmt: skip

# Symbol -> (number, term): one symbol is that many of the term.
DERIVED: Final[dict[str, tuple[str, str]]] = {
    # Pure numbers.
    "10*": ("10", "1"), "10^": ("10", "1"), "%": ("1/100", "1"), "[ppth]": ("1/1000", "1"),
    "[ppm]": ("1/1000000", "1"), "[ppb]": ("1/1000000000", "1"), "[pptr]": ("1/1000000000000", "1"),
    "[pi]": ("3.1415926535897932384626433832795028841971693993751058209749445923", "1"),
    # Plane and solid angle.
    "deg": ("2/360", "[pi].rad"), "'": ("1/60", "deg"), "''": ("1/3600", "deg"), "gon": ("9/10", "deg"),
    "circ": ("2", "[pi].rad"), "sr": ("1", "rad2"),
    # Time.
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"),
    "a_j": ("365.25", "d"), "a": ("365.25", "d"), "mo_j": ("1/12", "a_j"), "mo": ("1/12", "a_j"),
    # Length, area, volume.
    "[in_i]": ("2.54", "cm"), "[ft_i]": ("12", "[in_i]"), "[yd_i]": ("3", "[ft_i]"), "[mi_i]": ("5280", "[ft_i]"),
    "[nmi_i]": ("1852", "m"), "[sin_i]": ("1", "[in_i]2"), "[sft_i]": ("1", "[ft_i]2"), "[cin_i]": ("1", "[in_i]3"),
    "Ao": ("1/10", "nm"), "L": ("1", "dm3"), "l": ("1", "dm3"), "ar": ("100", "m2"), "st": ("1", "m3"),
    "[drp]": ("1/20", "mL"), "[gal_us]": ("231", "[in_i]3"), "[qt_us]": ("1/4", "[gal_us]"),
    "[pt_us]": ("1/2", "[qt_us]"), "[gil_us]": ("1/4", "[pt_us]"), "[foz_us]": ("1/4", "[gil_us]"),
    "[tbs_us]": ("1/2", "[foz_us]"), "[tsp_us]": ("1/3", "[tbs_us]"), "[cup_us]": ("16", "[tbs_us]"),
    # Mass.
    "t": ("1000", "kg"), "[gr]": ("64.79891", "mg"), "[lb_av]": ("7000", "[gr]"), "[oz_av]": ("1/16", "[lb_av]"),
    "[dr_av]": ("1/16", "[oz_av]"), "[stone_av]": ("14", "[lb_av]"),
    # Force, pressure, energy, power.
    "[g]": ("9.80665", "m/s2"), "N": ("1", "kg.m/s2"), "dyn": ("1", "g.cm/s2"), "gf": ("1", "g.[g]"),
    "[lbf_av]": ("1", "[lb_av].[g]"), "Pa": ("1", "N/m2"), "bar": ("100000", "Pa"), "atm": ("101325", "Pa"),
    "m[Hg]": ("133.322", "kPa"), "m[H2O]": ("9.80665", "kPa"), "[in_i'Hg]": ("0.0254", "m[Hg]"),
    "[in_i'H2O]": ("0.0254", "m[H2O]"), "[psi]": ("1", "[lbf_av]/[sin_i]"),
    "J": ("1", "N.m"), "erg": ("1", "dyn.cm"), "W": ("1", "J/s"), "cal": ("4.184", "J"), "cal_th": ("4.184", "J"),
    "cal_IT": ("4.1868", "J"), "[Cal]": ("1", "kcal"), "[HP]": ("550", "[ft_i].[lbf_av]/s"),
    "P": ("1", "dyn.s/cm2"), "St": ("1", "cm2/s"),
    "[PRU]": ("1", "mm[Hg].s/mL"), "[wood'U]": ("1", "mm[Hg].min/L"), "[MET]": ("3.5", "mL/min/kg"),
    # Electricity, light, radiation, frequency.
    "Hz": ("1", "/s"), "A": ("1", "C/s"), "V": ("1", "J/C"), "F": ("1", "C/V"), "Ohm": ("1", "V/A"), "S": ("1", "/Ohm"),
    "Wb": ("1", "V.s"), "T": ("1", "Wb/m2"), "G": ("1/10000", "T"), "H": ("1", "Wb/A"), "lm": ("1", "cd.sr"),
    "lx": ("1", "lm/m2"), "Bq": ("1", "/s"), "Gy": ("1", "J/kg"), "Sv": ("1", "J/kg"), "RAD": ("1/100", "J/kg"),
    "REM": ("1", "RAD"), "Ci": ("37000000000", "Bq"), "R": ("0.000258", "C/kg"),
    # Amount, activity, information.
    "kat": ("1", "mol/s"), "U": ("1", "umol/min"), "[IU]": ("1", "[iU]"), "By": ("8", "bit"),
    "[degR]": ("5/9", "K"),
}  # fmt: skip

# Symbol -> (scale, offset): kelvin = (value + offset) * scale. Such a unit stands alone, never in a product.
AFFINE: Final[dict[str, tuple[str, str]]] = {"Cel": ("1", "273.15"), "[degF]": ("5/9", "459.67")}

LOGARITHMIC: Final[frozenset[str]] = frozenset(
    symbol for symbol in BASE if symbol[0] == "B" or symbol in {"Np", "[pH]"}
)

# What takes a prefix; every other atom stands as it is.
METRIC: Final[frozenset[str]] = frozenset({
    "m", "s", "g", "rad", "K", "C", "cd", "mol", "eq", "osm", "bit", "eV", "[iU]", "[IU]", "Np", "B", "B[SPL]",
    "B[V]", "B[mV]", "B[uV]", "B[10.nV]", "B[W]", "B[kW]", "sr", "L", "l", "ar", "st", "t", "N", "dyn", "gf",
    "Pa", "bar", "m[Hg]", "m[H2O]", "J", "erg", "W", "cal", "cal_th", "cal_IT", "P", "St", "Hz", "A", "V", "F",
    "Ohm", "S", "Wb", "T", "G", "H", "lm", "lx", "Bq", "Gy", "Sv", "RAD", "REM", "Ci", "R", "kat", "U", "By",
    "Cel", "[g]",
})  # fmt: skip
