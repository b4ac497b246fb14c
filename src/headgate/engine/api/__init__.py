"""The control API: SageMaker's control plane in AWS JSON 1.1, and the few calls of other services that clients need.

    server      HTTP: Host and Origin checks, body limits, gzip, typed errors
    signature   SigV4, verified
    control     Api: an operation's name and request in, the answer out
    validation  requests against botocore's service model (service_model, patterns)

    models  endpoint_configs  endpoints (deployment, endpoint_description)  package_groups  packages  tags  identity
                the operations, a module for each family; paging, arns and errors are what they share

The operations validate and write state. After a change of an endpoint they wake the reconciler, which does the work.
"""
