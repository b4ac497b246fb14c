"""The function that holds the model in its image, and the alias that callers reach.

A release is an image: whoever releases puts it into the function, publishes a version and moves the alias' weights.
So CloudFormation must not know which version the alias is at. It makes version and alias once, from the image that it
is given at first, and nothing in the template's lines of these two ever changes again: CloudFormation compares
templates, not the world, and leaves a resource alone whose lines are as they were. The image is a parameter, whose
value stays what it was at the first deployment (`headgate infra deploy` passes it only when it is told one).

A change of memory, time-out or origins reaches the function, and callers with the next release (of the same model, if
need be), as a version is never changed.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as aws_lambda

from headgate.infra.outline import MODEL_IMAGE
from headgate.infra.site import ALIAS, Site
from headgate.infra.stacks.parts import image_parameter, make_function, open_stack
from headgate.infra.statement import Role


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack | None:
    """The stack, where the environment is hosted in Lambda."""
    hosting = site.settings.hosting.function
    if hosting is None:
        return None
    stack = open_stack(app, site, "function", "the function that holds the model")
    image = image_parameter(stack, MODEL_IMAGE, "holds the first model (`headgate image --for lambda`)")
    variables = {"HEADGATE_LAMBDA_PATH": "*"}  # the API has one path alone, and versions that run must follow it
    front = site.settings.front
    if front and front.origins:
        variables["HEADGATE_CORS_ORIGINS"] = ",".join(front.origins)
    function = make_function(
        stack,
        site,
        roles["model"],
        image,
        seconds=hosting.timeout,
        memory=hosting.memory,
        variables=variables,
        concurrency=hosting.concurrency,
    )
    version = aws_lambda.CfnVersion(stack, "FirstVersion", function_name=function.ref)
    version.apply_removal_policy(cdk.RemovalPolicy.RETAIN)  # a release may still be on it; the function takes it along
    aws_lambda.CfnAlias(
        stack,
        "Alias",
        name=ALIAS,
        function_name=function.ref,
        function_version=version.attr_version,
        description="What callers reach; releases move it.",
    )
    return stack
