"""Packaging: from a training run to the archive that is deployed."""

from headgate.packaging.package import package
from headgate.packaging.parity import Parity

__all__ = ["Parity", "package"]
