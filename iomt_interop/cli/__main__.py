"""``python -m iomt_interop.cli`` is ``iomt``."""

from . import main

main()
