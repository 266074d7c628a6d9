"""The benchmarks run, with tiny numbers, and print what they should."""
