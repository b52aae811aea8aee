"""The figures that README and docs cite: one command each, or all of them with `python -m benchmarks`."""
