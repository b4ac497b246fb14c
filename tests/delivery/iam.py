"""IAM in front of "AWS": what a role may not do by the project's own templates is denied, as it would be there.

A caller says by its access key which role it is (`key_of`). Keys of other callers are let through: the test's own, and
moto's interpreter of the state machine.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from headgate.core import names
from headgate.infra.app import Built
from headgate.infra.policies import roles
from headgate.infra.site import Site
from tests.infra.evaluation import Document, Request, decide

KEY = "as-"
_CREDENTIAL = re.compile(r"Credential=([^/]+)/")
_BOTH = ("Endpoint", "EndpointConfig")
SAGEMAKER: dict[str, tuple[str, ...]] = {
    "CreateModel": ("Model",),
    "CreateEndpointConfig": ("EndpointConfig",),
    "DescribeEndpointConfig": ("EndpointConfig",),
    "CreateEndpoint": _BOTH,
    "UpdateEndpoint": _BOTH,
    "UpdateEndpointWeightsAndCapacities": ("Endpoint",),
    "DescribeEndpoint": ("Endpoint",),
    "ListTags": (),
    "AddTags": (),
    "DeleteTags": (),
    "DescribeModelPackage": ("ModelPackage",),
    "UpdateModelPackage": ("ModelPackage",),
    "ListModelPackages": ("ModelPackageGroup",),
    "CreateModelPackage": ("ModelPackageGroup",),
}
"""The kinds of things that each operation is asked of; those with none name an ARN."""
TYPES = {
    "Model": "model",
    "Endpoint": "endpoint",
    "EndpointConfig": "endpoint-config",
    "ModelPackage": "model-package",
    "ModelPackageGroup": "model-package-group",
}


@dataclass(frozen=True)
class Asked:
    """One right that a request needs."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]]


class Policies:
    """What the roles of one environment may do, as its templates say."""

    def __init__(self, site: Site, built: list[Built]) -> None:
        self.site = site
        made = {stack.outline.id: json.loads(stack.template.read_bytes())["Resources"] for stack in built}
        self._roles: dict[str, list[Document]] = {
            r["Properties"]["RoleName"]: [policy["PolicyDocument"] for policy in r["Properties"]["Policies"]]
            for stack in made.values()
            for r in stack.values()
            if r["Type"] == "AWS::IAM::Role" and "RoleName" in r["Properties"]
        }
        self._key = site.arn("kms", "key/0b4d")
        key = made["base"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
        self._attached: list[Document] = [
            made["base"]["BucketPolicy"]["Properties"]["PolicyDocument"],
            {"Statement": [{**statement, "Resource": self._key} for statement in key]},
        ]
        self.used: set[tuple[str, str]] = set()
        """Which role asked for what."""

    def key_of(self, role: str) -> str:
        """The access key of a role, by its key in `infra.policies`."""
        name = roles(self.site)[role].name
        assert name in self._roles, f"{name} is in no template"
        return KEY + name

    def knows(self, key: str) -> bool:
        """Whether an access key is one of these roles'."""
        return key.startswith(KEY) and key.removeprefix(KEY) in self._roles

    def denies(self, key: str, asked: Asked) -> bool:
        """Whether IAM would say no."""
        name = key.removeprefix(KEY)
        self.used.add((name, asked.action))
        request = Request(self.site.role_arn(name), asked.action, asked.resource, asked.context)
        return decide(request, self._roles[name], self._attached) != "allow"

    def needs(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Iterator[Asked]:
        """The rights that a request needs. Raises where it is one that is not known here."""
        target = headers.get("x-amz-target", "")
        path = urlsplit(url).path
        if target.startswith("SageMaker."):
            yield from self._sagemaker(target.removeprefix("SageMaker."), json.loads(body))
        elif target.startswith("Granite"):
            yield Asked(f"cloudwatch:{target.rpartition('.')[2]}", "*", {})
        elif target.startswith("AWSStepFunctions."):
            yield Asked(f"states:{target.rpartition('.')[2]}", self.site.machine_arn, {})
        elif path.startswith("/endpoints/"):
            yield Asked("sagemaker:InvokeEndpoint", self.site.arn("sagemaker", f"endpoint/{path.split('/')[2]}"), {})
        elif b"Action=GetCallerIdentity" not in body:  # nobody needs a right for that
            yield from self._s3(method, url, headers)

    def _sagemaker(self, operation: str, document: Mapping[str, Any]) -> Iterator[Asked]:
        kinds = SAGEMAKER[operation]
        things = [self._arn(kind, document.get(f"{kind}Name") or document[f"{kind}Arn"]) for kind in kinds]
        for thing in things or [document["ResourceArn"]]:
            yield Asked(f"sagemaker:{operation}", thing, {})
        if operation.startswith("Create") and document.get("Tags"):
            yield Asked("sagemaker:AddTags", things[0], {})
        if operation == "CreateModel":
            passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            yield Asked("iam:PassRole", document["ExecutionRoleArn"], passed)

    def _arn(self, kind: str, name: str) -> str:
        return name if name.startswith("arn:") else self.site.arn("sagemaker", f"{TYPES[kind]}/{name}")

    def _s3(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Asked]:
        split = urlsplit(url)
        bucket, _, key = split.path.lstrip("/").partition("/")
        assert bucket == names.bucket(self.site.project, self.site.environment, self.site.account, self.site.region), (
            f"what right does {method} {url} need?"
        )
        thing = f"{self.site.bucket_arn}/{key}"
        ours: dict[str, str | list[str]] = {"kms:ResourceAliases": [self.site.key_alias]}
        uploads = {"uploads", "uploadId"} & {*parse_qs(split.query, keep_blank_values=True)}
        if not key:
            yield Asked("s3:ListBucket", self.site.bucket_arn, {})
        elif method in ("GET", "HEAD"):
            yield Asked("s3:GetObject", thing, {})
            yield Asked("kms:Decrypt", self._key, ours)
        elif method == "DELETE" and uploads:
            yield Asked("s3:AbortMultipartUpload", thing, {})
        elif method in ("PUT", "POST"):
            once = {"s3:if-none-match": "*"} if headers.get("if-none-match") == "*" else {}
            yield Asked("s3:PutObject", thing, {**once, "s3:ObjectCreationOperation": "true"})
            yield Asked("kms:GenerateDataKey", self._key, ours)
        else:
            yield Asked(f"s3:{method.title()}Object", thing, {})


class Iam:
    """The policies of the projects that are on this "AWS"."""

    def __init__(self) -> None:
        self.projects: list[Policies] = []
        self.denied: list[str] = []
        """What was denied, in words."""

    def refusal(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> httpx.Response | None:
        """The answer of AWS to a request that its caller has no right to; None where it has all that it needs."""
        found = _CREDENTIAL.search(headers.get("authorization", ""))
        key = found[1] if found else ""
        for policies in self.projects:
            if policies.knows(key):
                denied = [asked for asked in policies.needs(method, url, headers, body) if policies.denies(key, asked)]
                if denied:
                    return self._deny(key, denied[0], json_protocol="x-amz-target" in headers)
        return None

    def _deny(self, key: str, asked: Asked, *, json_protocol: bool) -> httpx.Response:
        said = (
            f"User: {key.removeprefix(KEY)} is not authorized to perform: {asked.action} on resource: {asked.resource}"
        )
        self.denied.append(said)
        if json_protocol:
            return httpx.Response(400, json={"__type": "AccessDeniedException", "message": said})
        return httpx.Response(403, text=f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>")
