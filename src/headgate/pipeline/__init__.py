"""Rollouts as they are carried out: each is a log of small documents, and one `tick` takes it a step further.

    terms      what a rollout was started with: versions, configs, plan
    log        the log: create-only, hash-chained, durable
    run        where a rollout stands, folded from its log
    rollouts   the rollouts of a project: find, open, start one (one at a time on an endpoint)
    world      what a tick sees and changes: the endpoint, its evidence, the registry
    hosted     the same for SageMaker's API
    tick       observe, decide, apply, verify by reading back, record
    start      the terms of a new one
    foreign    what somebody else did to the endpoint
    looks      the evidence of the present step, and what the judge says of it
    probe      one real question to an endpoint
    story      a rollout in words: what happened, and why

Nothing is remembered outside the log: any process that reads it goes on where the last one stopped, be it the runner on
this machine, a job, or a Lambda function.
"""
