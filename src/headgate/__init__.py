"""Headgate takes a model from a data change to a rolled-out, watched, reversible endpoint."""

__version__ = "0.1.0.dev0"
