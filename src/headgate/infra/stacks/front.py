"""The front door: API Gateway, who may pass, how often, and what is behind it.

    POST /<version><route>      the model function's alias, or the function that asks the endpoint
    GET  /ping                  the same, for whoever watches
    OPTIONS                     answered by API Gateway, where `origins` lists web pages
    anything else               refused by API Gateway, in the shape of our errors

The stage is called `live`; the version is a part of the path, so that a later version of the interface can stand beside
it. A deployment of API Gateway is a copy: its name holds a digest of what it copies, so that a change makes a new one.
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from headgate.core.digest import digest_json
from headgate.infra.outline import DELIVERY_IMAGE
from headgate.infra.site import ALIAS, STAGE, Site
from headgate.infra.stacks import cors, gateway_answers
from headgate.infra.stacks.parts import acknowledge, image_parameter, log_group, make_function, open_stack, permit
from headgate.infra.statement import Role, Trust
from headgate.spec.hosting import Front

BINARY = ["application/x-npy", "application/octet-stream", "application/vnd.apache.parquet"]
ACCESS = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "bytes": "$context.responseLength",
    "keyId": "$context.identity.apiKeyId",
    "caller": "$context.identity.userArn",
    "ip": "$context.identity.sourceIp",
    "error": "$context.error.message",
}
"""One line for each request: no body, no header, and a key by its id."""

Part = apigateway.CfnMethod | apigateway.CfnGatewayResponse
"""What a deployment is a copy of."""


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack | None:
    """The stack, where the environment has a front door."""
    front = site.settings.front
    if front is None:
        return None
    stack = open_stack(app, site, "front", "the front door")
    api = apigateway.CfnRestApi(
        stack,
        "Api",
        name=site.stack("front"),
        description=f"{site.project} in {site.environment}",
        endpoint_configuration=apigateway.CfnRestApi.EndpointConfigurationProperty(types=["REGIONAL"]),
        # Parquet and NumPy travel as they are; JSON and CSV stay text.
        binary_media_types=BINARY,
        minimum_compression_size=1024,
    )
    acknowledge(api, {"APIG2": "The model server holds every row against the model's schema, and says what is wrong."})
    target = _behind(stack, site, roles, api, front)
    methods = [
        _method(stack, api, front, path, verb=verb, uri=target)
        for path, verb in ((site.path, "POST"), ("/ping", "GET"))
    ]
    if front.origins:
        methods.append(cors.method(stack, api, _resource(stack, api, site.path), front.origins))
    _stage(stack, site, api, front, [*methods, *gateway_answers.make(stack, api, front.origins)])
    return stack


def _behind(stack: cdk.Stack, site: Site, roles: dict[str, Role], api: apigateway.CfnRestApi, front: Front) -> str:
    """The ARN of the function, or alias, that answers; API Gateway may call it."""
    if site.kind == "lambda":
        function = f"{site.function_arn('model')}:{ALIAS}"
    else:
        image = image_parameter(stack, DELIVERY_IMAGE, "holds the front door's function")
        made = make_function(
            stack,
            site,
            roles["front"],
            image,
            command="headgate.wiring.front_door.handler",
            seconds=29,
            memory=512,
            variables=_variables(site, front),
            concurrency=front.concurrency,
        )
        function = made.attr_arn
    anything = f"{site.arn('execute-api', api.ref)}/{STAGE}/*"
    permit(stack, "ApiCalls", function, "apigateway.amazonaws.com", anything)
    return f"arn:{site.partition}:apigateway:{site.region}:lambda:path/2015-03-31/functions/{function}/invocations"


def _variables(site: Site, front: Front) -> dict[str, str]:
    """What the front door's function is told."""
    variables = {"HEADGATE_ENDPOINT": site.prefix, "HEADGATE_LAMBDA_PATH": site.path}
    if front.origins:
        variables["HEADGATE_CORS_ORIGINS"] = ",".join(front.origins)
    if site.kind == "serverless":
        variables["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = "4"
    return variables


def _resource(stack: cdk.Stack, api: apigateway.CfnRestApi, path: str) -> str:
    """The id of a path's resource; those above it are made where they are missing."""
    parent, name = api.attr_root_resource_id, "Path"
    for part in path.strip("/").split("/"):
        name += "".join(word.capitalize() for word in part.split("-"))
        found = stack.node.try_find_child(name)
        if not isinstance(found, apigateway.CfnResource):
            found = apigateway.CfnResource(stack, name, rest_api_id=api.ref, parent_id=parent, path_part=part)
        parent = found.ref
    return parent


def _method(
    stack: cdk.Stack, api: apigateway.CfnRestApi, front: Front, path: str, *, verb: str, uri: str
) -> apigateway.CfnMethod:
    method = apigateway.CfnMethod(
        stack,
        f"{verb.capitalize()}",
        rest_api_id=api.ref,
        resource_id=_resource(stack, api, path),
        http_method=verb,
        authorization_type="AWS_IAM" if front.auth == "iam" else "NONE",
        api_key_required=front.auth == "api-key",
        integration=apigateway.CfnMethod.IntegrationProperty(
            type="AWS_PROXY", integration_http_method="POST", uri=uri, timeout_in_millis=29_000
        ),
    )
    if front.auth == "api-key":
        acknowledge(
            method, dict.fromkeys(("APIG4", "COG4"), "Callers show a key and are throttled by it; nobody signs in.")
        )
    else:
        acknowledge(method, {"COG4": "Callers are systems with AWS credentials, not people."})
    return method


def _copied(stack: cdk.Stack, part: Part) -> list[object]:
    """What a deployment copies: of a method where it is, who may pass and what answers; an answer as a whole."""
    lines: list[object]
    if isinstance(part, apigateway.CfnMethod):
        lines = [part.http_method, part.resource_id, part.authorization_type, part.api_key_required, part.integration]
    else:
        lines = [part.response_type, part.response_parameters, part.response_templates]
    return [stack.resolve(line) for line in lines]


def _stage(
    stack: cdk.Stack,
    site: Site,
    api: apigateway.CfnRestApi,
    front: Front,
    parts: list[Part],
) -> None:
    said = [BINARY, *(_copied(stack, part) for part in parts)]
    deployment = apigateway.CfnDeployment(stack, f"Deployment{digest_json(said)[:8]}", rest_api_id=api.ref)
    for part in parts:
        deployment.add_resource_dependency(part)
    log = log_group(stack, site, "access")
    account = _may_log(stack, site)
    stage = apigateway.CfnStage(
        stack,
        "Stage",
        rest_api_id=api.ref,
        deployment_id=deployment.ref,
        stage_name=STAGE,
        access_log_setting=apigateway.CfnStage.AccessLogSettingProperty(
            destination_arn=log.attr_arn, format=json.dumps(ACCESS, separators=(",", ":"))
        ),
        method_settings=[
            apigateway.CfnStage.MethodSettingProperty(
                resource_path="/*",
                http_method="*",
                throttling_rate_limit=front.rate,
                throttling_burst_limit=front.burst,
                metrics_enabled=True,
                data_trace_enabled=False,
            )
        ],
    )
    stage.add_resource_dependency(account)
    acknowledge(
        stage,
        {
            "APIG3": "A firewall costs more than most models; callers need a key or credentials, and are throttled. "
            "Where the account has one, associate it with this stage.",
            "APIG6": "Execution logs hold parts of requests; the access log has a line for each, without them.",
        },
    )
    cdk.CfnOutput(
        stack,
        "Url",
        description="Where callers POST to.",
        value=f"https://{api.ref}.execute-api.{site.region}.{stack.url_suffix}/{STAGE}{site.path}",
    )
    if front.auth == "api-key":
        _key(stack, site, api, stage, front)


def _key(stack: cdk.Stack, site: Site, api: apigateway.CfnRestApi, stage: apigateway.CfnStage, front: Front) -> None:
    plan = apigateway.CfnUsagePlan(
        stack,
        "Plan",
        usage_plan_name=site.stack("front"),
        throttle=apigateway.CfnUsagePlan.ThrottleSettingsProperty(rate_limit=front.rate, burst_limit=front.burst),
        api_stages=[apigateway.CfnUsagePlan.ApiStageProperty(api_id=api.ref, stage=STAGE)],
    )
    plan.add_resource_dependency(stage)
    key = apigateway.CfnApiKey(stack, "Key", name=site.stack("front"), enabled=True)
    apigateway.CfnUsagePlanKey(stack, "PlanKey", key_id=key.ref, key_type="API_KEY", usage_plan_id=plan.ref)
    cdk.CfnOutput(
        stack,
        "KeyId",
        value=key.ref,
        description="`aws apigateway get-api-key --include-value --api-key` shows the key.",
    )


def _may_log(stack: cdk.Stack, site: Site) -> apigateway.CfnAccount:
    """API Gateway writes its logs as a role that the account has once for a region.

    Another project may rely on it, so both stay when this stack goes; the role has no name of ours for the same reason.
    """
    policy = f"arn:{site.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    role = iam.CfnRole(
        stack,
        "ApiLogsRole",
        description="API Gateway writes access logs of this region",
        assume_role_policy_document=Trust(service="apigateway.amazonaws.com").document(),
        managed_policy_arns=[policy],
    )
    acknowledge(role, {f"IAM4[Policy::{policy}]": "It is AWS's own policy for this setting of a region."})
    account = apigateway.CfnAccount(stack, "ApiLogs", cloud_watch_role_arn=role.attr_arn)
    for kept in (role, account):
        kept.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return account
