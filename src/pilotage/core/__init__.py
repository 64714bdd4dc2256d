"""The pure floor: values in, values out. No I/O, no clock, no randomness (tests/core/test_purity.py holds it)."""
