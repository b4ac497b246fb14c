"""A project whose environment is "AWS": our engine, moto, and the state machine run by moto's interpreter."""

import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import boto3

from headgate.core import names
from headgate.core.digest import sha256_file
from headgate.core.progress import silent
from headgate.data.bucket import BucketStore
from headgate.hosting.aws import AwsConnection, Machine
from headgate.hosting.evidence import Evidence
from headgate.hosting.registry import Registry
from headgate.infra.app import synthesise
from headgate.infra.site import Site
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.start import place_of, rollback_terms, rollout_terms
from headgate.wiring.delivery import Delivery, launch
from headgate.wiring.monitor import RollbackMonitor
from headgate.wiring.targets import bucket_of
from tests.delivery.front import ALARMS, Front
from tests.delivery.iam import Policies
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import ENVIRONMENT, PERSON, VERSIONS, Scene, write_hooks

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/headgate-serving@sha256:" + "a" * 64
RUNNING = ("RUNNING",)


class Cloud(Scene):
    """See `Scene`; what differs is where things are."""

    def __init__(self, engine: RunningEngine, front: Front, name: str, **canary: Any) -> None:
        file = engine.home.read()
        assert file is not None
        self.account, self.region = file.account, file.region
        super().__init__(engine, name, **canary)
        self.front = front
        self.bucket = names.bucket(name, ENVIRONMENT, self.account, self.region)
        self.client("s3").create_bucket(Bucket=self.bucket)
        engine.sagemaker.create_model_package_group(ModelPackageGroupName=names.group(name, ENVIRONMENT))
        self._built = synthesise(Site.of(self.project.spec, ENVIRONMENT), self.folder / "templates", os.environ, silent)
        self.policies = Policies(Site.of(self.project.spec, ENVIRONMENT), self._built)
        front.iam.projects.append(self.policies)
        self.make_machine()
        self.delivery = self.make_delivery("tick")
        approval = self.make_delivery("approval")
        front.functions |= {"tick": self.delivery.tick, "approval": approval.approval, "monitor": self.monitor}
        sns = self.client("sns")
        self.topic = sns.create_topic(Name=names.topic(name, ENVIRONMENT))["TopicArn"]
        url = f"http://127.0.0.1:{front.port}{ALARMS}"
        sns.subscribe(TopicArn=self.topic, Protocol="http", Endpoint=url)

    def say(self, *, hosting: object = None, **terms: Any) -> None:
        """The same terms, on AWS."""
        super().say(**terms)
        path = self.folder / "headgate.yaml"
        document = json.loads(path.read_text())
        where = {"target": "aws", "account": self.account, "region": self.region}
        document["environments"][ENVIRONMENT] |= where | ({"hosting": hosting} if hosting else {})
        document["github"] = {"repository": f"acme/{self.name}"}
        path.write_text(json.dumps(document))

    def client(self, service: str) -> Any:
        """A stock client of "AWS"."""
        return boto3.client(service)  # type: ignore[call-overload]

    @cached_property
    def connection(self) -> AwsConnection:
        """AWS's API, by the environment's variables."""
        return AwsConnection.of(self.name, ENVIRONMENT, self.account, self.region)

    @cached_property
    def store(self) -> BucketStore:
        """The environment's bucket."""
        return bucket_of(self.connection, self.name)

    @property
    def rollouts(self) -> Rollouts:
        """Those in the bucket."""
        return Rollouts(self.store, ENVIRONMENT)

    def make_delivery(self, role: str) -> Delivery:
        """What a new process of one of the functions has: the rights of its role, and no others."""
        connection = AwsConnection.of(self.name, ENVIRONMENT, self.account, self.region)
        connection._session.set_credentials(self.policies.key_of(role), "secret")
        store, machine = bucket_of(connection, self.name), Machine(connection, self.name)
        evidence = Evidence(connection)
        return Delivery(self.name, ENVIRONMENT, connection, store, machine, evidence=evidence, poll_seconds=1)

    def monitor(self, event: Mapping[str, Any], seconds_left: Callable[[], float] = lambda: 600.0) -> dict[str, Any]:
        """Call the rollback monitor, in a new process so to speak."""
        return RollbackMonitor(self.make_delivery("monitor"))(event, seconds_left)

    # ---- the machine

    @cached_property
    def machine(self) -> Machine:
        """The state machine."""
        return Machine(self.connection, self.name)

    def make_machine(self, *, approval_seconds: int = 60, retries: int = 2) -> None:
        """Create it, or change it."""
        text = self._hurried(approval_seconds, retries)
        states = self.client("stepfunctions")
        if any(m["stateMachineArn"] == self.machine.arn for m in states.list_state_machines()["stateMachines"]):
            states.update_state_machine(stateMachineArn=self.machine.arn, definition=text)
            return
        role = names.role_arn(self.account, self.region, "delivery")
        name = names.machine(self.name, ENVIRONMENT)
        assert (
            states.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"] == self.machine.arn
        )

    @cached_property
    def _definition(self) -> str:
        """What the project's own template says of the machine."""
        (path,) = (made.template for made in self._built if made.outline.id == "machine")
        properties = json.loads(path.read_bytes())["Resources"]["Machine"]["Properties"]
        assert properties["StateMachineName"] == names.machine(self.name, ENVIRONMENT)
        return str(properties["DefinitionString"])

    def _hurried(self, approval_seconds: int, retries: int) -> str:
        """The definition with shorter times: nothing else is changed."""
        document = json.loads(self._definition)
        for state in document["States"].values():
            for retrier in state.get("Retry", []):
                retrier |= {"IntervalSeconds": 1, "MaxAttempts": min(retries, retrier["MaxAttempts"])}
            payload = state.get("Parameters", {}).get("Payload", {})
            if "approval_seconds" in payload:
                payload["approval_seconds"] = approval_seconds
        return json.dumps(document)

    def execution(self, name: str) -> dict[str, Any]:
        """An execution as Step Functions describes it."""
        arn = self.machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        return dict(self.client("stepfunctions").describe_execution(executionArn=arn))

    def finished(self, rollout: Rollout | str, seconds: float = 40.0) -> tuple[str, str, str]:
        """How the execution of a rollout ended: status, error, cause."""
        name = rollout if isinstance(rollout, str) else rollout.run().terms.id
        found = until(
            lambda: (e := self.execution(name))["status"] not in RUNNING and e,
            seconds,
            f"{name} ends; calls: {self.front.called[-12:]}",
        )
        return found["status"], found.get("error", ""), found.get("cause", "")

    def states_of(self, rollout: Rollout) -> list[str]:
        """The states that an execution entered, in order."""
        arn = self.execution(rollout.run().terms.id)["executionArn"]
        pages = self.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]

    # ---- versions and rollouts

    def version(self, kind: str = "good", *, bias: float = 0.0, approved: bool = True) -> int:  # noqa: ARG002
        """As `Scene` has it, in the environment's bucket and group."""
        registry = Registry(self.connection)
        path = self.folder / "new.tar.gz"
        write_hooks(path, *VERSIONS[kind], salt=str(time.monotonic_ns()))
        digest = sha256_file(path)
        key = names.package_key(digest)
        self.store.upload(path, key)
        there = self.engine.home.store / self.bucket / key
        there.parent.mkdir(parents=True)
        path.rename(there)
        version = registry.register(
            self.name,
            digest=digest,
            image=IMAGE,
            model_data_url=f"{self.store}/{key}",
            environment={"HEADGATE_DRAIN_SECONDS": "2"},
            metadata={},
        )
        self.store.put(names.row_key(digest), b'{"x": 1.0, "y": 2.0}')
        if approved:
            registry.set_status(version, "Approved", "for a test")
        return version.number

    def start(self, number: int, *, at_once: bool = False) -> Rollout:
        """Start a rollout, as `headgate rollout start` does."""
        version = Registry(self.connection).version(self.name, number)
        terms = rollout_terms(self.project, ENVIRONMENT, version, self.connection, self.rollouts, at_once=at_once)
        return launch(self.machine, self.rollouts, terms, at=time.time(), by=PERSON)

    def roll_back(self, reason: str = "a test") -> Rollout:
        """Start a rollback, as `headgate rollback` does."""
        place = place_of(self.project, ENVIRONMENT)
        terms = rollback_terms(place, self.connection, self.rollouts, reason)
        return launch(self.machine, self.rollouts, terms, at=time.time(), by=PERSON)

    def waits_for_a_person(self, rollout: Rollout) -> Callable[[], str]:
        """Whether the machine waits with a token."""
        return lambda: rollout.run().token

    def alarm(self, state: str = "ALARM", *, about: str = "rollback") -> dict[str, Any]:
        """Have SNS deliver what CloudWatch sends when an alarm changes; what the monitor said of it."""
        name = names.alarm(self.name, ENVIRONMENT, about)
        message = {
            "AlarmName": name,
            "AWSAccountId": self.account,
            "NewStateValue": state,
            "OldStateValue": "OK",
            "NewStateReason": "Threshold Crossed: 3 of the last 3 datapoints were greater than the threshold (1.0).",
            "StateChangeTime": "2026-11-28T15:00:00.000+0000",
        }
        before = len(self.front.alarms)
        self.client("sns").publish(TopicArn=self.topic, Subject=f"ALARM: {name}", Message=json.dumps(message))
        until(lambda: len(self.front.alarms) > before, 30, "SNS delivers")
        return dict(self.front.alarms[-1])

    def registry_event(self, number: int, status: str) -> dict[str, Any]:
        """What EventBridge tells when a version's status changes."""
        group = names.group(self.name, ENVIRONMENT)
        return {
            "version": "0",
            "detail-type": "SageMaker Model Package State Change",
            "source": "aws.sagemaker",
            "account": self.account,
            "region": self.region,
            "detail": {
                "ModelPackageGroupName": group,
                "ModelPackageVersion": number,
                "ModelPackageArn": f"arn:aws:sagemaker:{self.region}:{self.account}:model-package/{group}/{number}",
                "ModelApprovalStatus": status,
            },
        }
