"""`headgate infra`, as far as it needs no account: templates, what would be typed, and what is refused."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.infra.projects import IRIS, NEWS

pytestmark = pytest.mark.slow

UNPACKED = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
DIGEST = "sha256:" + 64 * "a"
TWO = IRIS + "  staging: {target: aws, account: '123456789012', region: eu-central-1}\n"
NO_ACCOUNT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def test_templates_are_written_and_described(headgate: Run, work: Path) -> None:
    (work / "headgate.yaml").write_text(IRIS)
    # The home is empty, and so would be the cache of the CDK's unpacked packages: that would take many seconds.
    ran = headgate("infra", "synth", "--json", env={"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED)})
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert (said["environment"], said["account"], said["region"]) == ("production", "123456789012", "eu-central-1")
    assert said["folder"] == str(work / "cdk.out" / "production")
    told = {stack["id"]: stack for stack in said["stacks"]}
    assert list(told) == ["base", "watch", "delivery", "machine", "front", "github"]
    assert told["front"]["parameters"] == ["DeliveryImage"]
    for stack in said["stacks"]:
        assert len(json.loads(Path(stack["template"]).read_bytes())["Resources"]) == stack["resources"]
    assert "infra: building the stacks of iris-production" in ran.stderr


def test_several_environments_have_to_be_chosen_from(headgate: Run, work: Path) -> None:
    (work / "headgate.yaml").write_text(TWO)
    ran = headgate("infra", "synth")
    assert ran.returncode == 2
    assert "Choose one with --env: production, staging." in ran.stderr
    ran = headgate("infra", "synth", "--env", "local")
    assert ran.returncode == 5
    assert "is on this machine and needs no infrastructure" in ran.stderr


def test_a_dry_run_prints_what_would_be_typed(headgate: Run, work: Path) -> None:
    (work / "headgate.yaml").write_text(NEWS)
    images = ("--model-image", DIGEST)
    ran = headgate("infra", "deploy", "--only", "base", "--only", "function", *images, "--yes", "--dry-run", "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    install, synth, deploy = said["commands"]
    assert install.endswith(" aws-cdk@2.1148.1")
    assert synth == f"headgate infra synth --env cloud --output {work}/cdk.out/cloud"
    assert deploy.endswith(
        f" deploy --app {work}/cdk.out/cloud --no-notices base function --exclusively --require-approval never "
        f"--parameters news-category-cloud-function:ModelImage={DIGEST}"
    )
    asked = headgate("infra", "deploy", "--only", "base", "--dry-run").stdout
    assert asked.splitlines()[-1].endswith(" base --exclusively --require-approval broadening")
    ran = headgate("infra", "diff", "--dry-run")
    assert ran.stdout.splitlines()[-1].endswith(
        "diff --app " + str(work / "cdk.out" / "cloud") + " --no-notices base watch delivery machine function front"
        " github --exclusively --method template"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["deploy", "--yes", "--delivery-image", "latest"], 2, "should be an image's digest, got 'latest'"),
        (["deploy", "--yes", "--model-image", DIGEST, "--dry-run"], 2, "None of the stacks takes --model-image."),
        (["deploy", "--only", "bas", "--yes"], 2, "The environment has no stack 'bas'."),
        (["deploy"], 5, "Nobody is there to be asked."),
        (["deploy", "--yes", "--output", "."], 5, "holds something else"),
        (["deploy", "--yes"], 5, "There are no AWS credentials to use"),
        (["destroy", "--yes"], 5, "There are no AWS credentials to use"),
        (["destroy", "--delete-data", "--unwanted"], 2, "Choose one of --delete-data and --unwanted."),
    ],
)
def test_what_is_refused(headgate: Run, work: Path, arguments: list[str], code: int, message: str) -> None:
    (work / "headgate.yaml").write_text(IRIS)
    ran = headgate("infra", *arguments, env=NO_ACCOUNT)
    assert (ran.returncode, message in ran.stderr) == (code, True), ran.stderr


@pytest.mark.parametrize("command", [["synth"], ["deploy", "--dry-run"], ["destroy", "--dry-run"]])
def test_a_region_that_is_none_is_told_before_anything(headgate: Run, work: Path, command: list[str]) -> None:
    (work / "headgate.yaml").write_text(IRIS.replace("eu-central-1", "eu-centrall-1"))
    ran = headgate("infra", *command, env=NO_ACCOUNT)
    assert ran.returncode == 2
    assert "environments/production/region: eu-centrall-1 is no region" in ran.stderr
    assert "Did you mean eu-central-1 or" in ran.stderr
    assert not (work / "cdk.out").exists()


def test_without_an_account_a_dry_run_lists_all_that_there_could_be(headgate: Run, work: Path) -> None:
    (work / "headgate.yaml").write_text(NEWS)
    ran = headgate("infra", "destroy", "--delete-data", "--dry-run", env=NO_ACCOUNT)
    assert ran.returncode == 0, ran.stderr
    would = [line for line in ran.stdout.splitlines() if line.startswith("would ")]
    assert would[:2] == [
        "would stop what the state machine is carrying out",
        "would delete the stacks news-category-cloud-machine, news-category-cloud-delivery",
    ]
    assert would[2].startswith("would delete endpoint news-category-cloud, ")
    assert "news-category-cloud-github, news-category-cloud-front" in would[3]
    assert would[-1] == "would delete the stack news-category-cloud-base"
    assert "note: the account was not asked, so that this is all that there could be: There are no AWS" in ran.stdout


def test_the_repository_of_a_template_is_not_trusted_by_an_account(headgate: Run, work: Path) -> None:
    assert headgate("init", "iris", "iris").returncode == 0
    for only, code in (((), 5), (("--only", "github"), 5), (("--only", "base"), 0)):
        ran = headgate("infra", "deploy", *only, "--yes", "--dry-run", cwd=work / "iris")
        assert (ran.returncode, "is still you/your-repository" in ran.stderr) == (code, code == 5), ran.stderr
