"""Packaging: from a training run, or an estimator, to the archive that is deployed."""

from headgate.packaging.candidates import describe
from headgate.packaging.estimator import package_estimator
from headgate.packaging.package import package
from headgate.packaging.parity import Parity

__all__ = ["Parity", "describe", "package", "package_estimator"]
