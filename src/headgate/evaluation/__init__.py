"""Evaluation: is a candidate good enough?"""

from headgate.evaluation.gates import check
from headgate.evaluation.report import Report, Row

__all__ = ["Report", "Row", "check"]
