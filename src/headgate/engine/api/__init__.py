"""The control API: SageMaker's control plane in AWS JSON 1.1, and the few calls of other services that clients need.

`server` HTTP, Host and Origin checks, body limits; `signature` SigV4; `model` validation against botocore's service
model; one module for each family of operations.
"""
