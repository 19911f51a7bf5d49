"""Sans-I/O codecs: bytes to the standard's own structures and back. No codec knows the canonical model."""
