"""The parts of compare.py, one subject per module."""
