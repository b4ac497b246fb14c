"""headgate.yaml: what it may say, how it is read, and what is said about it when it is wrong."""

from headgate.spec.gates import METRICS, Gates, higher_is_better
from headgate.spec.model import Environment, Spec
from headgate.spec.project import FILE_NAME, Project, load

__all__ = ["FILE_NAME", "METRICS", "Environment", "Gates", "Project", "Spec", "higher_is_better", "load"]
