"""Check what a wheel holds: the package, its manifests and samples; no kernel source, no test, no stray file."""

from __future__ import annotations

import sys
import zipfile

FORBIDDEN = (".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp")
REQUIRED = ("iomt_interop/py.typed", "iomt_interop/adapters/hl7v2_oru/adapter.toml")


def main(path: str) -> int:
    names = zipfile.ZipFile(path).namelist()
    wrong = [name for name in names if name.endswith(FORBIDDEN) or name.startswith(("tests/", "ext/", "fixtures/"))]
    wrong += [name for name in names if not name.startswith(("iomt_interop/", "iomt_interop-"))]
    missing = [name for name in REQUIRED if name not in names]
    for name in wrong:
        print(f"does not belong in the wheel: {name}")
    for name in missing:
        print(f"missing from the wheel: {name}")
    if not any("/samples/" in name for name in names):
        print("no sample in the wheel")
        return 1
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
