"""Speed, beside peers, in one run: ``python -m benchmarks`` from the repository's root."""
