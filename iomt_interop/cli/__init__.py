"""The ``iomt`` command."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Final, NoReturn

from .streams import finish, give_up_stdout, prepare

__all__ = ["main"]

_INTERRUPTED: Final = 130
_DEFECT: Final = 70
_USAGE: Final = 2
_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def main() -> None:
    """Run the command and leave with its exit code.

    0 is fine, 1 means findings (a bad input, a failed check), 2 wrong use or an output that cannot be written, 130
    interrupted. A defect of this library leaves with 70 and prints where it happened, not what it held;
    ``IOMT_DEBUG=1`` shows the traceback, which may hold patient data.
    """
    wrong = prepare()
    if wrong is not None:
        _leave(wrong, _USAGE)
    code = _run()
    wrong = finish()
    if wrong is not None:
        _leave(wrong, _USAGE)
    sys.exit(code)


def _run() -> int:
    try:
        from .app import app  # noqa: PLC0415 - keeps `import iomt_interop.cli` light
    except KeyboardInterrupt:
        _leave("interrupted: nothing was done", _INTERRUPTED)
    try:
        app(standalone_mode=True)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        _leave("interrupted: nothing is half-written", _INTERRUPTED)
    except Exception as error:
        if os.environ.get("IOMT_DEBUG") == "1":
            raise
        if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
            # Inputs and files of the commands turn their failures into errors of their own: this is a table's.
            _leave(f"cannot write standard output: {os.strerror(error.errno or 0)}", _USAGE)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        _leave(f"internal error: {type(error).__name__} at {where} (IOMT_DEBUG=1 shows more)", _DEFECT)
    return 0


def _leave(text: str, code: int) -> NoReturn:
    give_up_stdout()
    print(text, file=sys.stderr)
    sys.exit(code)
