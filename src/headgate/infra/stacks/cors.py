"""OPTIONS, answered by API Gateway itself: no function is started for strangers.

A preflight of a page that is listed gets its origin back; any other gets no permission, and the browser stops there.
"""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from headgate.core import headers
from headgate.infra.stacks.parts import acknowledge

ALLOWED = ("content-type", "accept", "authorization", "x-api-key", headers.INFERENCE_ID, headers.CUSTOM_ATTRIBUTES)
SIGNED = ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256")
AGE = 600


def method(stack: cdk.Stack, api: apigateway.CfnRestApi, resource: str, origins: list[str]) -> apigateway.CfnMethod:
    """The OPTIONS method of a resource."""
    fixed = {
        "Access-Control-Allow-Methods": "'POST'",
        "Access-Control-Allow-Headers": f"'{','.join((*ALLOWED, *SIGNED))}'",
        "Access-Control-Max-Age": f"'{AGE}'",
        "Vary": "'Origin'",
    }
    response = apigateway.CfnMethod.IntegrationResponseProperty(
        status_code="204",
        response_parameters={f"method.response.header.{name}": value for name, value in fixed.items()},
        response_templates={"application/json": template(origins)},
    )
    names = [*fixed, "Access-Control-Allow-Origin"]
    made = apigateway.CfnMethod(
        stack,
        "Options",
        rest_api_id=api.ref,
        resource_id=resource,
        http_method="OPTIONS",
        authorization_type="NONE",
        api_key_required=False,
        integration=apigateway.CfnMethod.IntegrationProperty(
            type="MOCK",
            request_templates={"application/json": '{"statusCode":204}'},
            integration_responses=[response],
            passthrough_behavior="WHEN_NO_TEMPLATES",
        ),
        method_responses=[
            apigateway.CfnMethod.MethodResponseProperty(
                status_code="204", response_parameters={f"method.response.header.{name}": True for name in names}
            )
        ],
    )
    acknowledge(
        made, dict.fromkeys(("APIG4", "COG4"), "Browsers send no credentials with a preflight; it reaches nothing.")
    )
    return made


def template(origins: list[str]) -> str:
    """Velocity: the caller's origin where it is listed. Compared, not matched: a dot would match any character."""
    listed = " || ".join(f'$origin == "{origin}"' for origin in origins)
    return (
        '#set($origin = $input.params().header.get("Origin"))'
        '#if(!$origin)#set($origin = $input.params().header.get("origin"))#end'
        f"#if({listed})"
        "#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)"
        "#end"
    )
