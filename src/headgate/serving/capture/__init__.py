"""Capture: requests and answers kept for monitoring, as SageMaker's data capture keeps them.

open_capture  ->  Capture     buffer and writer thread
                  Encoder     exchanges to lines, with Redactor
                  HourlyFiles a folder; Spool: an object store by way of a folder
"""

from headgate.serving.capture.capture import Capture
from headgate.serving.capture.open import open_capture

__all__ = ["Capture", "open_capture"]
