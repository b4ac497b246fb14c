"""Training: from a project's rows to a run in its store."""

from headgate.training.train import train

__all__ = ["train"]
