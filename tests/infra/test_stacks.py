"""The templates of three projects: what matters in them, what changes them, and that they are clean."""

import json
import re
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headgate.errors import HeadgateError, Refused, UsageError
from headgate.hosting.front_door import FrontSettings
from headgate.infra.alarms import FEWEST
from headgate.infra.app import LARGEST, assemble
from headgate.infra.machine import definition
from headgate.infra.outline import outline
from headgate.infra.policies import roles
from headgate.infra.site import Site
from headgate.serving.answers import encode_error
from headgate.spec import load, template
from headgate.wiring.delivery import BUSY_SECONDS
from tests.infra.conftest import Assembly, Synth, folder_of
from tests.infra.projects import IRIS, PROJECTS, STUDENT, site_of, spec_of

if TYPE_CHECKING:
    import aws_cdk as cdk

pytestmark = pytest.mark.slow

TAGGED = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::ECR::Repository", "AWS::IAM::Role", "AWS::SNS::Topic",
          "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::ApiGateway::RestApi", "AWS::SQS::Queue",
          "AWS::StepFunctions::StateMachine", "AWS::SageMaker::ModelPackageGroup")  # fmt: skip


def stacks(assembly: Assembly) -> dict[str, tuple[str, ...]]:
    return {made.outline.id: made.outline.after for made in assembly.built}


def test_each_project_has_the_stacks_it_needs_in_order(student: Assembly, news: Assembly, iris: Assembly) -> None:
    rolled = {"base": (), "watch": ("base",), "delivery": ("watch",), "machine": ("delivery",), "front": ("base",)}
    assert list(stacks(student)) == list(rolled)
    assert stacks(student) == rolled
    assert stacks(iris) == {**rolled, "github": ("base",)}
    assert stacks(news) == {**rolled, "function": ("base",), "front": ("base", "function"), "github": ("base",)}
    assert {made.outline.name for made in student.built} == {f"student-score-production-{stack}" for stack in rolled}


def test_the_outline_is_what_is_built(assemblies: dict[str, Assembly]) -> None:
    for assembly in assemblies.values():
        manifest = json.loads((folder_of(assembly) / "manifest.json").read_bytes())["artifacts"]
        written = {name: found for name, found in manifest.items() if found["type"] == "aws:cloudformation:stack"}
        assert {stack.id: stack.name for stack in outline(assembly.site)} == {
            name: found["properties"]["stackName"] for name, found in written.items()
        }
        for stack in outline(assembly.site):
            needed = {name for name in written[stack.id].get("dependencies", ()) if name in written}
            assert needed == {*stack.after}
            assert tuple(assembly.template(stack.id).get("Parameters", {})) == stack.parameters
            assert written[stack.id]["properties"]["tags"] == assembly.site.tags, "by these a stack is known as ours"


def test_releases_are_nobodys_but_the_runners(assemblies: dict[str, Assembly]) -> None:
    for assembly in assemblies.values():
        types = {resource["Type"] for resource in assembly.resources().values()}
        assert not types & {"AWS::SageMaker::Endpoint", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model"}


def test_everything_is_tagged_with_owner_project_and_environment(student: Assembly) -> None:
    tagged = [resource for resource in student.resources().values() if resource["Type"] in TAGGED]
    assert len(tagged) > 10
    for resource in tagged:
        tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
        assert tags == {
            "owner": "ml-team",
            "cost-center": "17",
            "headgate:project": "student-score",
            "headgate:environment": "production",
        }


def test_the_bucket_is_private_encrypted_versioned_and_forgets(iris: Assembly) -> None:
    bucket = iris.properties("base", "Bucket")
    assert bucket["BucketName"] == "iris-production-123456789012-eu-central-1"
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ours = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert rule["ServerSideEncryptionByDefault"] == ours
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["captures"]["Prefix"] == "capture/"
    assert rules["captures"]["ExpirationInDays"] == 90
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert iris.properties("base", "Key")["EnableKeyRotation"] is True


def test_images_are_scanned_never_replaced_and_told_by_digest(assemblies: dict[str, Assembly]) -> None:
    for assembly in assemblies.values():
        images = assembly.properties("base", "Images")
        assert images["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert images["ImageTagMutability"] == "IMMUTABLE"
        for name, function in assembly.resources("AWS::Lambda::Function").items():
            uri, parameter = function["Properties"]["Code"]["ImageUri"]["Fn::Join"][1]
            assert uri == f"{assembly.site.registry}@"
            told = assembly.template(name.split("/")[0])["Parameters"][parameter["Ref"]]
            assert told["AllowedPattern"] == "^sha256:[0-9a-f]{64}$"
            assert "Default" not in told


def test_every_log_ends(assemblies: dict[str, Assembly]) -> None:
    for assembly in assemblies.values():
        logs = assembly.resources("AWS::Logs::LogGroup")
        assert {log["Properties"]["RetentionInDays"] for log in logs.values()} == {90}
        named = {log["Properties"]["LogGroupName"] for log in logs.values()}
        functions = assembly.resources("AWS::Lambda::Function").values()
        assert {function["Properties"]["LoggingConfig"]["LogGroup"] for function in functions} <= named
        if assembly.site.has_endpoint:
            assert f"/aws/sagemaker/Endpoints/{assembly.site.prefix}" in named, (
                "SageMaker would make one without an end"
            )


def test_callers_post_to_the_projects_route_and_to_nothing_else(student: Assembly, iris: Assembly) -> None:
    assert paths(student) == {"/v1/predict-student-score": {"POST", "OPTIONS"}, "/ping": {"GET"}}
    assert paths(iris) == {"/v2/invocations": {"POST"}, "/ping": {"GET"}}
    variables = student.properties("front", "FrontFunction")["Environment"]["Variables"]
    assert variables == {
        "HEADGATE_ENDPOINT": "student-score-production",
        "HEADGATE_LAMBDA_PATH": "/v1/predict-student-score",
        "HEADGATE_CORS_ORIGINS": "https://school.example.com,https://app.example.org:8443",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "4",
    }


def paths(assembly: Assembly) -> dict[str, set[str]]:
    """The paths of the API and their methods, from the resources of the template."""
    resources = assembly.template("front")["Resources"]

    def path(name: str) -> str:
        properties = resources[name]["Properties"]
        above = properties["ParentId"].get("Ref")
        return (path(above) if above else "") + "/" + str(properties["PathPart"])

    found: dict[str, set[str]] = {}
    for method in (r["Properties"] for r in resources.values() if r["Type"] == "AWS::ApiGateway::Method"):
        found.setdefault(path(method["ResourceId"]["Ref"]), set()).add(method["HttpMethod"])
    return found


def test_callers_need_a_key_or_credentials_and_are_slowed_down(student: Assembly, news: Assembly) -> None:
    post = student.properties("front", "Post")
    assert (post["ApiKeyRequired"], post["AuthorizationType"]) == (True, "NONE")
    assert student.properties("front", "Plan")["Throttle"] == {"RateLimit": 20, "BurstLimit": 10}
    assert student.properties("front", "FrontFunction")["ReservedConcurrentExecutions"] == 10
    post = news.properties("front", "Post")
    assert (post["ApiKeyRequired"], post["AuthorizationType"]) == (False, "AWS_IAM")
    assert not news.resources("AWS::ApiGateway::ApiKey")
    (settings,) = news.properties("front", "Stage")["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (5, 9)
    assert settings["DataTraceEnabled"] is False
    assert "body" not in news.properties("front", "Stage")["AccessLogSetting"]["Format"].lower()


def test_no_reason_speaks_of_a_quota_where_there_is_none(student: Assembly) -> None:
    reasons = (folder_of(student) / "front.metadata.json").read_text()
    assert "Callers show a key" in reasons
    assert ("Quota" in student.properties("front", "Plan")) is ("quota" in reasons)


def test_options_let_in_listed_pages_only(student: Assembly, news: Assembly) -> None:
    (response,) = student.properties("front", "Options")["Integration"]["IntegrationResponses"]
    template = response["ResponseTemplates"]["application/json"]
    assert re.findall(r'== "([^"]+)"', template) == ["https://school.example.com", "https://app.example.org:8443"]
    assert "Access-Control-Allow-Origin" not in str(response["ResponseParameters"]), "never a fixed one"
    assert "OPTIONS" not in str(paths(news))


def test_what_api_gateway_refuses_has_the_shape_of_our_errors(assemblies: dict[str, Assembly]) -> None:
    ours = json.loads(encode_error(HeadgateError("No.", hint="Yes."), "3").body)
    for assembly in assemblies.values():
        made = [resource["Properties"] for resource in assembly.resources("AWS::ApiGateway::GatewayResponse").values()]
        assert [answer["ResponseType"] for answer in made] == ["DEFAULT_4XX", "DEFAULT_5XX"]
        for answer in made:
            assert "StatusCode" not in answer, "one for all would hide what happened"
            body = answer["ResponseTemplates"]["application/json"]
            for variable, value in GATEWAY.items():
                assert body.count(variable) == 1
                body = body.replace(variable, value)
            error = json.loads(body)["error"]
            assert error.keys() == ours["error"].keys()
            assert (error["type"], error["message"], error["request_id"]) == ("THROTTLED", 'Too "many" Requests', "a-1")
            assert error["hint"].endswith(".")


GATEWAY = {
    "$context.error.messageString": json.dumps('Too "many" Requests'),
    "$context.error.responseType": "THROTTLED",
    "$context.requestId": "a-1",
}


def test_listed_pages_can_read_what_api_gateway_refuses(synth: Synth, student: Assembly, news: Assembly) -> None:
    one = Site.of(spec_of(STUDENT.replace(', "https://app.example.org:8443"', "")), "production")
    header = "gatewayresponse.header."
    for assembly, expected in (
        (news, {}),
        (synth(one), {f"{header}Access-Control-Allow-Origin": "'https://school.example.com'"}),
        (
            student,
            {f"{header}Access-Control-Allow-Origin": "method.request.header.Origin", f"{header}Vary": "'Origin'"},
        ),
    ):
        for answer in assembly.resources("AWS::ApiGateway::GatewayResponse").values():
            assert answer["Properties"].get("ResponseParameters", {}) == expected


def test_a_deployment_waits_for_all_that_it_copies(student: Assembly) -> None:
    resources = student.template("front")["Resources"]
    (deployment,) = (r for r in resources.values() if r["Type"] == "AWS::ApiGateway::Deployment")
    copied = {name for name, r in resources.items() if r["Type"].endswith(("::Method", "::GatewayResponse"))}
    assert {*deployment["DependsOn"]} == copied


def test_the_model_function_is_reached_by_its_alias(news: Assembly) -> None:
    function = news.properties("function", "ModelFunction")
    assert (function["MemorySize"], function["Timeout"], function["ReservedConcurrentExecutions"]) == (1024, 20, 7)
    assert function["Environment"]["Variables"] == {"HEADGATE_LAMBDA_PATH": "*"}
    first = news.template("function")["Resources"]["FirstVersion"]
    assert first["DeletionPolicy"] == "Retain", "the alias may be on it still"
    alias = news.properties("function", "Alias")
    assert (alias["Name"], "RoutingConfig" in alias) == ("live", False)
    uri = news.properties("front", "Post")["Integration"]["Uri"]
    assert "function:news-category-cloud-model:live/invocations" in json.dumps(uri)
    assert news.properties("front", "ApiCalls")["FunctionName"].endswith(":function:news-category-cloud-model:live")


def test_alarms_outlive_updates_and_speak_in_the_metrics_own_units(iris: Assembly, news: Assembly) -> None:
    latency = queries(iris, "Latency")
    metric = latency["p99"]["MetricStat"]["Metric"]
    assert iris.properties("watch", "Latency")["Threshold"] == 1_000_000, "SageMaker counts microseconds: 1000 ms"
    here = [{"Name": "EndpointName", "Value": "iris-production"}, {"Name": "VariantName", "Value": "stable"}]
    assert metric == {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": here}
    errors = queries(iris, "Errors")
    assert iris.properties("watch", "Errors")["Threshold"] == 0.01
    assert {query["MetricStat"]["Metric"]["MetricName"] for query in errors.values() if "MetricStat" in query} == {
        "Invocations",
        "Invocation5XXErrors",
        "InvocationModelErrors",
        "Invocation4XXErrors",
    }
    quiet = iris.properties("watch", "Quiet")
    assert (quiet["Period"], quiet["TreatMissingData"], quiet["ComparisonOperator"]) == (
        6 * 3600,
        "breaching",
        "LessThanThreshold",
    )
    assert news.properties("watch", "Latency")["Threshold"] == 500, "Lambda counts milliseconds"
    name = "news-category-cloud-model"
    here = [{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": f"{name}:live"}]
    metric = queries(news, "Latency")["p99"]["MetricStat"]["Metric"]
    assert metric == {"Namespace": "AWS/Lambda", "MetricName": "Duration", "Dimensions": here}
    assert news.properties("watch", "Errors")["Threshold"] == 0.02


def queries(assembly: Assembly, alarm: str) -> dict[str, dict[str, Any]]:
    """What an alarm of several metrics asks, by name."""
    return {query["Id"]: query for query in assembly.properties("watch", alarm)["Metrics"]}


def test_the_percentile_is_of_minutes_with_enough_requests_and_both_are_shown(iris: Assembly, news: Assembly) -> None:
    for assembly in (iris, news):
        latency = queries(assembly, "Latency")
        assert {name: query["MetricStat"]["Stat"] for name, query in latency.items() if "MetricStat" in query} == {
            "p99": "p99",
            "n": "SampleCount",
        }
        asked = [query["MetricStat"] for query in latency.values() if "MetricStat" in query]
        assert asked[0] == {**asked[1], "Stat": "p99"}, "the same metric and period"
        (answer,) = (query for query in latency.values() if query["ReturnData"])
        assert answer["Expression"] == f"IF(n >= {FEWEST}, p99)"
        assert "EvaluateLowSampleCountPercentile" not in assembly.properties("watch", "Latency")
        (rows,) = (
            widget["properties"]["metrics"]
            for widget in json.loads(assembly.properties("watch", "Dashboard")["DashboardBody"])["widgets"]
            if widget["properties"]["title"] == "latency"
        )
        shown = [row[-1]["id"] for row in rows if row[-1]["visible"]]
        assert shown == ["looked_at", "p99"], "what is compared, and what the other minutes had"


def test_alarms_look_at_what_is_there(assemblies: dict[str, Assembly]) -> None:
    """CloudWatch takes any name, and is quiet for ever about one that nothing has."""
    for assembly in assemblies.values():
        functions = {f["Properties"]["FunctionName"] for f in assembly.resources("AWS::Lambda::Function").values()}
        there = {
            "EndpointName": {assembly.site.prefix},
            "VariantName": {"stable"},
            "ApiName": {assembly.properties("front", "Api")["Name"]},
            "Stage": {assembly.properties("front", "Stage")["StageName"]},
            "QueueName": {assembly.properties("delivery", "DeadLetters")["QueueName"]},
            "FunctionName": functions,
            "Resource": {f"{function}:live" for function in functions},
        }
        for name, alarm in assembly.resources("AWS::CloudWatch::Alarm").items():
            queries = alarm["Properties"].get("Metrics", [])
            metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
            for metric in metrics or [alarm["Properties"]]:
                assert metric["Dimensions"], name
                for dimension in metric["Dimensions"]:
                    assert dimension["Value"] in there[dimension["Name"]], name


def test_alarms_are_judged_as_they_say(iris: Assembly) -> None:
    errors = iris.properties("watch", "Errors")
    assert (errors["EvaluationPeriods"], errors["DatapointsToAlarm"]) == (5, 3)
    assert {q["MetricStat"]["Period"] for q in queries(iris, "Errors").values() if "MetricStat" in q} == {60}
    letters = iris.properties("watch", "Letters")
    assert letters["AlarmActions"] == letters["OKActions"] == [{"Ref": "Topic"}]


def test_what_cannot_be_delivered_is_kept(iris: Assembly) -> None:
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert iris.properties("delivery", "MonitorSubscription")["RedrivePolicy"] == {"deadLetterTargetArn": queue}
    (target,) = iris.properties("delivery", "VersionChanged")["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": queue}
    for name in ("ApprovalFailures", "MonitorFailures"):
        assert iris.properties("delivery", name)["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    assert iris.properties("delivery", "DeadLetters")["KmsMasterKeyId"] == "alias/iris-production"


def test_who_calls_a_function_may(iris: Assembly) -> None:
    callers = {
        name: (found["Properties"]["FunctionName"], found["Properties"]["Principal"], found["Properties"]["SourceArn"])
        for name, found in iris.resources("AWS::Lambda::Permission").items()
    }
    api = ["arn:aws:execute-api:eu-central-1:123456789012:", {"Ref": "Api"}, "/live/*"]
    assert callers == {
        "delivery/TopicCallsMonitor": ({"Ref": "MonitorFunction"}, "sns.amazonaws.com", iris.site.topic_arn),
        "delivery/RuleCallsApproval": (
            {"Ref": "ApprovalFunction"}, "events.amazonaws.com", {"Fn::GetAtt": ["VersionChanged", "Arn"]},
        ),
        "front/ApiCalls": (
            {"Fn::GetAtt": ["FrontFunction", "Arn"]}, "apigateway.amazonaws.com", {"Fn::Join": ["", api]},
        ),
    }  # fmt: skip


def test_whoever_waits_waits_longer_than_what_it_waits_for(iris: Assembly) -> None:
    assert iris.properties("delivery", "MonitorFunction")["Timeout"] == 900, "as long as Lambda lets it take back"
    tick = iris.properties("delivery", "TickFunction")["Timeout"]
    assert BUSY_SECONDS < tick < definition(tick="arn:aws:lambda")["States"]["Promote"]["TimeoutSeconds"]
    endpoint = FrontSettings("iris-production").seconds
    assert iris.properties("front", "FrontFunction")["Timeout"] > endpoint
    assert iris.properties("front", "Post")["Integration"]["TimeoutInMillis"] > 1000 * endpoint


def test_the_functions_of_delivery_are_told_whose_they_are(iris: Assembly) -> None:
    for name in ("TickFunction", "ApprovalFunction", "MonitorFunction"):
        assert iris.properties("delivery", name)["Environment"]["Variables"] == {
            "HEADGATE_PROJECT": "iris",
            "HEADGATE_ENVIRONMENT": "production",
            "HEADGATE_ACCOUNT": "123456789012",
            "HEADGATE_HOSTING": "realtime",
        }


def test_arrays_and_parquet_pass_the_front_door_as_they_are(iris: Assembly) -> None:
    assert {"application/x-npy", "application/vnd.apache.parquet"} <= {
        *iris.properties("front", "Api")["BinaryMediaTypes"]
    }


def test_one_alarm_takes_a_version_back_and_people_hear_of_all(student: Assembly) -> None:
    both = student.properties("watch", "Rollback")
    errors, latency, gateway, throttles = (
        f'ALARM("student-score-production-{about}")' for about in ("errors", "latency", "gateway", "throttles")
    )
    assert both["AlarmRule"] == f"{errors} OR {latency} OR ({gateway} AND NOT {throttles})"
    needed = student.template("watch")["Resources"]["Rollback"]["DependsOn"]
    assert needed == ["Errors", "Gateway", "Latency", "Throttles"], "CloudWatch refuses a rule about what is not there"
    topic = {"Ref": "Topic"}
    assert both["AlarmActions"] == [topic]
    alarms = student.resources("AWS::CloudWatch::Alarm")
    silent = {name for name, alarm in alarms.items() if not alarm["Properties"].get("AlarmActions")}
    assert silent == {"watch/Errors", "watch/Latency", "watch/Gateway"}, "these speak through the composite alarm"
    assert len(alarms) == 6
    subscription = student.properties("delivery", "MonitorSubscription")
    assert subscription["FilterPolicy"] == {
        "AlarmName": ["student-score-production-rollback"],
        "NewStateValue": ["ALARM"],
    }
    mails = [
        s["Properties"] for s in student.resources("AWS::SNS::Subscription").values() if "Endpoint" in s["Properties"]
    ]
    assert [mail["Endpoint"] for mail in mails if mail["Protocol"] == "email"] == ["ml@example.com", "ops@example.com"]
    assert subscription["FilterPolicyScope"] == "MessageBody", "an alarm's message has no attributes"
    quiet = student.properties("watch", "Quiet")
    assert (quiet["Period"], quiet["EvaluationPeriods"]) == (3600, 48)


def test_the_machine_is_the_one_that_is_defined(iris: Assembly) -> None:
    machine = iris.properties("machine", "Machine")
    tick = "arn:aws:lambda:eu-central-1:123456789012:function:iris-production-tick"
    assert json.loads(machine["DefinitionString"]) == definition(tick=tick)
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False, "tokens are in it"
    rule = iris.properties("delivery", "VersionChanged")
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": ["iris-production"]},
    }
    commands = {
        name: function["Properties"]["ImageConfig"]["Command"]
        for name, function in iris.resources("AWS::Lambda::Function").items()
    }
    assert commands == {
        "delivery/TickFunction": ["headgate.wiring.delivery_functions.tick"],
        "delivery/ApprovalFunction": ["headgate.wiring.delivery_functions.approval"],
        "delivery/MonitorFunction": ["headgate.wiring.delivery_functions.rollback_monitor"],
        "front/FrontFunction": ["headgate.wiring.front_door.handler"],
    }


def test_what_a_function_could_not_do_waits_for_the_queue_to_be_there(iris: Assembly) -> None:
    letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    kept = iris.resources("AWS::Lambda::EventInvokeConfig")
    assert {name: config["Properties"]["DestinationConfig"] for name, config in kept.items()} == {
        "delivery/ApprovalFailures": {"OnFailure": {"Destination": letters}},
        "delivery/MonitorFailures": {"OnFailure": {"Destination": letters}},
    }


def test_the_functions_of_delivery_are_there(iris: Assembly, news: Assembly) -> None:
    for name in ("TickFunction", "ApprovalFunction", "MonitorFunction"):
        told = [made.properties("delivery", name)["Environment"]["Variables"] for made in (iris, news)]
        assert [variables["HEADGATE_HOSTING"] for variables in told] == ["realtime", "lambda"]
        (command,) = iris.properties("delivery", name)["ImageConfig"]["Command"]
        module, _, handler = command.rpartition(".")
        assert callable(getattr(import_module(module), handler))


def test_a_workflow_is_known_by_its_repository_and_what_it_runs_for(iris: Assembly, news: Assembly) -> None:
    subjects = {}
    for name, role in iris.resources("AWS::IAM::Role").items():
        if name.startswith("github/"):
            (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            conditions = trust["Condition"]["StringEquals"]
            assert conditions["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
            subjects[role["Properties"]["RoleName"]] = conditions["token.actions.githubusercontent.com:sub"]
    assert subjects == {
        "iris-production-github-pull-request": "repo:acme/iris:pull_request",
        "iris-production-github-train": "repo:acme/iris:ref:refs/heads/main",
        "iris-production-github-deliver": "repo:acme/iris:environment:production",
        "iris-production-github-release": "repo:acme/iris:environment:production",
        "iris-production-github-rollback": "repo:acme/iris:environment:production",
    }
    roles = iris.resources("AWS::IAM::Role").items()
    sessions = {
        name: role["Properties"].get("MaxSessionDuration") for name, role in roles if name.startswith("github/")
    }
    assert sorted(map(str, sessions.values())) == ["21600", "21600", "None", "None", "None"], (
        "a job lives for six hours"
    )
    with_ids = news.resources("AWS::IAM::Role")["github/GithubDeliverRole"]["Properties"]["AssumeRolePolicyDocument"]
    subject = with_ids["Statement"][0]["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:acme@17/news@4711:environment:cloud", "as GitHub names repositories since July 2026"
    provider = iris.template("github")["Resources"]["Provider"]
    assert (provider["Condition"], provider["DeletionPolicy"]) == ("MakesProvider", "Retain")
    known = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    for role in (role for name, role in roles if name.startswith("github/")):
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        made_first = {"Fn::If": ["MakesProvider", {"Fn::GetAtt": ["Provider", "Arn"]}, known]}
        assert trust["Principal"] == {"Federated": made_first}
    assert iris.template("github")["Parameters"]["GitHubProvider"]["Default"] == "existing"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_same_spec_gives_the_same_bytes(synth: Synth, assemblies: dict[str, Assembly], name: str) -> None:
    again = synth(site_of(name))
    first, second = ({p.name: p.read_bytes() for p in folder_of(a).iterdir()} for a in (assemblies[name], again))
    assert first == second
    assert max(made.template.stat().st_size for made in again.built) < LARGEST


@pytest.mark.parametrize("name", template.names())
def test_what_init_writes_needs_no_edit(synth: Synth, tmp_path: Path, name: str) -> None:
    template.write(name, tmp_path / "project")
    made = synth(Site.of(load(tmp_path / "project").spec, "cloud"))
    assert {"base", "watch", "delivery", "machine"} <= {stack.outline.id for stack in made.built}
    hosted = {"student-score": "serverless", "news-category": "lambda", "iris": "lambda"}
    assert made.site.kind == hosted[name]
    assert len(made.resources("AWS::Lambda::Alias")) == (made.site.kind == "lambda")


DEPLOYMENT = "front/Deployment*"
PASSING = {"front/Post", "front/Get", "front/Stage", DEPLOYMENT}
CHANGES: list[tuple[str, str, str, set[str]]] = [
    ("iris", "alarms: {quiet: 6h}", "alarms: {quiet: 6h, latency_p99: 200}", {"watch/Latency", "watch/Dashboard"}),
    ("iris", "alarms: {quiet: 6h}", "alarms: {}", {"watch/Quiet", "watch/Dashboard"}),
    ("iris", "alarms: {quiet: 6h}", "alarms: {quiet: 6h, notify: [a@example.com]}", {"watch/Mail08168cd8"}),
    ("student", "ml@example.com, ", "", {"watch/Mail7196167c"}),
    ("iris", "count: 2", "count: 3", set()),
    ("iris", "task:", "gates: {accuracy: {min: 0.9}}\ntask:", set()),
    ("iris", "branch: main", "branch: trunk", {"github/GithubTrainRole"}),
    ("iris", "{version: v2}", "{version: v2, rate: 21}", {"front/Stage", "front/Plan"}),
    ("iris", "{version: v2}", "{version: v2, concurrency: 3}", {"front/FrontFunction"}),
    ("iris", "{version: v2}", "{version: v3}", {
        *("front/PathV2", "front/PathV2Invocations", "front/PathV3", "front/PathV3Invocations"),
        *("front/FrontFunction", "front/Post", "front/Stage", DEPLOYMENT),
    }),
    ("student", "memory: 2048", "memory: 4096", set()),
    ("student", ', "https://app.example.org:8443"', "", {
        *("front/FrontFunction", "front/Options", "front/Answer4xx", "front/Answer5xx", "front/Stage", DEPLOYMENT),
    }),
    ("news", "memory: 1024", "memory: 2048", {"function/ModelFunction"}),
    ("news", "auth: iam, ", "", {"front/Key", "front/Plan", "front/PlanKey", *PASSING}),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[0]}: {change[2].strip()}")
def test_a_changed_key_changes_what_it_should(
    synth: Synth, assemblies: dict[str, Assembly], change: tuple[str, str, str, set[str]]
) -> None:
    name, old, new, changed = change
    text, environment = PROJECTS[name]
    assert text.count(old) == 1
    before, after = (
        assemblies[name].resources(),
        synth(Site.of(spec_of(text.replace(old, new)), environment)).resources(),
    )
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {re.sub("Deployment[0-9a-f]{8}$", "Deployment*", key) for key in different} == changed


def test_the_templates_are_clean_under_cfn_lint(synth: Synth, iris: Assembly, news: Assembly) -> None:
    """Also where every name is as long as it can be: cut names are still names, and still different ones."""
    from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
    from cfnlint.runner import Runner  # type: ignore[import-untyped]

    project, environment = "a" * 32, "b" * 20
    text = STUDENT.replace("student-score\n", f"{project}\n").replace("production:", f"{environment}:")
    longest = synth(Site.of(spec_of(text), environment))
    templates = [str(made.template) for a in (iris, news, longest) for made in a.built]
    found = Runner(ConfigMixIn([], templates=templates, regions=["eu-central-1"])).run()
    assert [f"{match.filename}: {match.rule.id} {match.message}" for match in found] == []
    names = [
        r["Properties"]["RoleName"]
        for r in longest.resources("AWS::IAM::Role").values()
        if "RoleName" in r["Properties"]
    ]
    assert len(set(names)) == len(names) > 5


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.usefixtures("assemblies")
def test_the_templates_are_clean_under_cdk_nag(tmp_path: Path, name: str) -> None:
    assert nag(assemble(site_of(name), tmp_path / "out"), tmp_path / "out") == []


@pytest.mark.usefixtures("assemblies")
def test_cdk_nag_would_find_something(tmp_path: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_s3 as s3

    app = cdk.App(outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
    s3.CfnBucket(cdk.Stack(app, "open"), "Bucket")
    assert nag(app, tmp_path / "out") == ["AwsSolutions-S1 open/Bucket", "AwsSolutions-S10 open/Bucket"]


def nag(app: "cdk.App", folder: Path) -> list[str]:
    """What AwsSolutions finds that is not acknowledged."""
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with suppress(RuntimeError):  # the report says what was found
        app.synth()
    (plugin,) = json.loads((folder / "validation-report.json").read_bytes())["pluginReports"]
    return [
        f"{found['ruleName']} {construct['constructPath']}"
        for found in plugin["violations"]
        for construct in found["violatingConstructs"]
    ]


def test_an_environment_on_this_machine_is_refused() -> None:
    with pytest.raises(Refused, match="needs no infrastructure"):
        Site.of(spec_of(IRIS), "local")
    with pytest.raises(UsageError, match="no environment 'nowhere'"):
        Site.of(spec_of(IRIS), "nowhere")


def test_pull_requests_reach_the_first_environment_alone() -> None:
    text, _ = PROJECTS["iris"]
    site = "target: aws\n    account: '123456789012'\n    region: eu-central-1"
    spec = spec_of(f"{text}  staging:\n    {site}\n")
    made = {name: {*roles(Site.of(spec, name))} for name in ("staging", "production")}
    assert {name for name, keys in made.items() if "github-pull-request" in keys} == {"staging"}
    assert all("github-deliver" in keys for keys in made.values())
