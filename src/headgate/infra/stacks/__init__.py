"""The stacks of an environment, a module each.

    base        what everything rests on: key, bucket, images, registry, the role of models
    watch       alarms, their topic, and a dashboard
    delivery    the functions of rollouts, and the queue of what could not be delivered to them
    machine     the state machine of rollouts
    function    the function that holds the model, where the environment is hosted in Lambda
    front       the front door: API Gateway, and the function behind it where there is an endpoint
    github      the roles of workflows

Endpoints, their configs and models are in none of them: releases make these, and a stack that knew them would take them
back to what it knows. Importing these modules imports the CDK.
"""
