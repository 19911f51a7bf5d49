"""The extension table, and nothing else; the rest of the packaging is in pyproject.toml.

``IOMT_INTEROP_BUILD`` chooses: ``auto`` (compile where a compiler works, else install the pure twins),
``pure`` (do not compile), ``require`` (fail when a kernel does not compile).
"""

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = {
    "iomt_interop._accel._er7": ["ext/er7.pyx"],
    "iomt_interop._accel._mder": ["ext/mder.pyx"],
    "iomt_interop._accel._fhirjson": ["ext/fhirjson.pyx"],
    "iomt_interop._accel._document": ["ext/document.pyx"],
    "iomt_interop._accel._mould": ["ext/mould.pyx"],
    "iomt_interop._accel._lines": ["ext/lines.pyx"],
}
DIRECTIVES = {"language_level": 3, "embedsignature": False, "freethreading_compatible": True}
MODE = os.environ.get("IOMT_INTEROP_BUILD", "auto")
if MODE not in {"auto", "pure", "require"}:
    raise SystemExit("IOMT_INTEROP_BUILD must be auto, pure or require")


class OptionalBuild(build_ext):
    """Compile the kernels; without a compiler fall back to their pure twins, and say so."""

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            if MODE == "require":
                raise
            print(
                f"iomt_interop: {ext.name} not compiled ({type(error).__name__}); its pure twin serves", file=sys.stderr
            )

    def copy_extensions_to_source(self) -> None:
        self.extensions = [e for e in self.extensions if os.path.exists(self.get_ext_fullpath_built(e))]
        super().copy_extensions_to_source()

    def get_ext_fullpath_built(self, ext: Extension) -> str:
        return os.path.join(self.build_lib, self.get_ext_filename(self.get_ext_fullname(ext.name)))


def extensions() -> list[Extension]:
    if MODE == "pure":
        return []
    from Cython.Build import cythonize

    flags = [] if sys.platform == "win32" else ["-O3"]
    shared = {"extra_compile_args": flags, "include_dirs": ["ext"], "depends": ["ext/er7_scan.h", "ext/text.pxi"]}
    table = [Extension(name, files, **shared) for name, files in KERNELS.items()]
    return cythonize(table, compiler_directives=DIRECTIVES, build_dir="build/cython")


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuild})
