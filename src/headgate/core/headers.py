"""HTTP header names that more than one part of Headgate reads or writes (lower case, as on the wire inside)."""

INVOKED_VARIANT = "x-amzn-invoked-production-variant"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
REQUEST_ID = "x-request-id"

MODEL_MICROSECONDS = "x-headgate-model-us"
"""Microseconds from the last byte of the request to the first byte of the answer, set by the model server."""
