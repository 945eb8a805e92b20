"""Single operations beside peers and the machine's own limits."""
