"""The only door to AWS APIs, be they AWS's own or the engine's: which one is a matter of URL, region and keys.

    session      a `Connection`: clients with explicit keys, and AWS's errors turned into ours
    registry     model versions: register, list, approve, reject
    endpoints    models, configs and endpoints: describe, create, update, wait, delete
    deployment   what putting one version behind one endpoint takes: a plan, then its execution
    canary       what the steps of a rollout ask for, and whose an endpoint is meanwhile
    evidence     what was counted of two variants, from CloudWatch's API
    runtime      ask an endpoint
    regions      which regions AWS has
    stacks       which of CloudFormation's stacks there are
    removal      taking away what stands and what releases made
    functions    Lambda functions: images, published versions, the alias that callers reach, and asking it
    alias        what the steps of a rollout ask of a function, and what its alias runs, told as of an endpoint
    function_evidence    what was counted of two versions behind an alias
    front_door   the Lambda function that asks one for callers outside
    refusals     what these callers are told when it does not answer

Values that travel upwards are core's (EndpointState, ModelVersion, Window, Answer).
"""
