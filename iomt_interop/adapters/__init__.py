"""One folder per format: wire structures to canonical records and back. No adapter imports another."""
