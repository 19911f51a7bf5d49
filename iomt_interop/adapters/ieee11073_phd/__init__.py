"""Personal health devices (IEEE 11073-20601): binary APDUs to canonical records."""
