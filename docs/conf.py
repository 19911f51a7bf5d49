"""Sphinx configuration: no network, nitpicky, everything that can be generated is."""

from __future__ import annotations

import sys
from pathlib import Path

import iomt_interop

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

project = "iomt_interop"
author = "The iomt_interop developers"
copyright = "The iomt_interop developers, Apache-2.0"
release = version = iomt_interop.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "numpydoc",
    "myst_parser",
    "iomt_directives",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "changes"]
nitpicky = True
# Parts of a union's own representation, which have no page.
nitpick_ignore = [("py:class", "FieldInfo"), ("py:class", "NoneType")]
# Of other projects, whose pages are not asked for.
nitpick_ignore_regex = [("py:class", r"pyarrow\..*")]
# Short names in the signatures of decorated functions and of modules in a circle, which two packages have.
suppress_warnings = ["ref.python"]

# The manifest's and the model's own words are in the generated tables; signatures carry the types.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
autosummary_generate = False
# A union of many types is named in signatures, not written out.
autodoc_type_aliases = {
    name: f"iomt_interop.model.{name}" for name in ("Record", "Time", "Value", "ObservationStatus", "AbsentReason")
} | {"Source": "iomt_interop.facade.Source", "Strictness": "iomt_interop.plugins.Strictness"}

numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# Codes of numpydoc's validator: a summary that is one sentence with a full stop, parameters in
# the signature's order and with a description, no unknown section, sections in order.
numpydoc_validation_checks = {"GL06", "GL07", "SS03", "SS04", "PR02", "PR03", "PR07", "RT03"}
numpydoc_validation_overrides = {"SS03": [r"^Alias for field number"]}  # Python's own text of a named tuple's field

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

doctest_test_doctest_blocks = "default"
doctest_global_setup = "import iomt_interop as iomt"
doctest_path = [str(HERE / "examples")]

html_theme = "furo"
html_title = f"iomt_interop {release}"
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
html_static_path: list[str] = []
