"""`headgate check`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.output import Table, number
from headgate.core.versions import HELD_OUT
from headgate.errors import GateFailed, Unavailable

if TYPE_CHECKING:
    from headgate.evaluation import Report


@dataclass(frozen=True, slots=True)
class Champion:
    """Whose metrics the candidate is compared with, and how we came by them."""

    name: str
    metrics: Mapping[str, float] | None
    held_out: str = ""
    """Which rows its metrics were measured on; empty where that is not known."""


@click.command(cls=Command, example="headgate check && headgate package\nheadgate check --json")
@env_option
def command(call: Call, *, environment: str | None) -> None:
    """Test the newest run against the gates.

    The candidate is always the newest run. The champion is the newest Approved version in the registry; while no engine
    runs, the version that was registered last. Where it was measured on other held-out rows, the comparison says so.
    With --env of an account, the champion is that environment's.
    Exits with 1 unless every gate passes.
    """
    from headgate.cli.baseline import said_naive
    from headgate.data.runs import Runs
    from headgate.evaluation import check

    project = call.project
    run = Runs(project.store).latest()
    champion = _champion(call, environment)
    same_rows = champion.held_out == run.record.held_out_sha256
    naive = run.record.naive.get("metrics")
    report = check(run.record.metrics, project.spec.gates, champion.metrics, same_rows=same_rows, naive=naive)
    table = Table(
        ("gate", "value", "verdict", "why"),
        [(row.rule, number(row.value), row.verdict, row.explanation) for row in report.rows],
    )
    call.out.show(
        {"run": run.id, "champion": champion.name, "naive": dict(run.record.naive), **report.to_json()},
        f"candidate: run {run.id}",
        *([said_naive(run.record)] if run.record.naive else []),
        f"champion: {champion.name}",
        *([table] if report.rows else []),
        _said(report),
    )
    if not report.passed:
        raise click.exceptions.Exit(GateFailed.exit_code)


def _said(report: "Report") -> str:
    if report.passed:
        return "All gates pass. Next: headgate package"
    if not report.rows:
        return "inconclusive: headgate.yaml has no gates, so there is nothing to judge by."
    failed = [row.name for row in report.rows if not row.passed]
    return f"{report.verdict}: the candidate does not get through ({', '.join(failed)})."


def _champion(call: Call, environment: str | None) -> Champion:
    from headgate.cli.registered import recall
    from headgate.hosting.registry import Registry

    project = call.project
    try:
        registry = Registry(call.target(environment).connection if environment else call.connect())
        version = registry.newest_approved(project.name)
        if version is not None:
            rows = version.metadata.get(HELD_OUT, "")
            return Champion(f"version {version.number}, the newest Approved one", version.metrics, rows)
        known = recall(project.store)
        if known is not None and registry.find_digest(project.name, known.package) is None:
            lost = f"version {known.version} was registered from here, but this engine's registry does not have it"
            return Champion(f"none ({lost})", None)
        return Champion("none yet (no version is Approved)", None)
    except Unavailable:
        if environment and project.spec.environments[environment].target != "local":
            raise
        known = recall(project.store)
        if known is None:
            return Champion("none yet (no engine runs, and nothing was registered from here)", None)
        name = f"version {known.version}, registered last from here (no engine runs)"
        return Champion(name, known.metrics, known.held_out)
