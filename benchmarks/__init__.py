"""Measurements in ratios, each of one run on one machine; `make bench` runs them."""
