"""The ``iomt`` command."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final

__all__ = ["main"]

_INTERRUPTED: Final = 130
_DEFECT: Final = 70


def main() -> None:
    """Run the command and leave with its exit code.

    0 is fine, 1 means findings (a bad input, a failed check), 2 wrong use, 130 interrupted. A defect of this
    library leaves with 70 and prints where it happened, not what it held; ``IOMT_DEBUG=1`` shows the
    traceback, which may hold patient data.
    """
    from .app import app  # noqa: PLC0415 - keeps `import iomt_interop.cli` light

    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        print("interrupted: nothing is half-written", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if os.environ.get("IOMT_DEBUG") == "1":
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        print(f"internal error: {type(error).__name__} at {where} (IOMT_DEBUG=1 shows more)", file=sys.stderr)
        sys.exit(_DEFECT)
