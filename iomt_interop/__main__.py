"""``python -m iomt_interop`` is ``iomt``."""

from .cli import main

main()
