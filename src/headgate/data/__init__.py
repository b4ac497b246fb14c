"""Rows to learn from, and the folders in which what was learnt is kept."""
