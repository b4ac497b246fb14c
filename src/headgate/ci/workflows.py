"""The files themselves: one function for each workflow, which fills its template in.

    <project>-pull-request   checks; a candidate, where data, code or headgate.yaml changed; one comment
    <project>-deliver        what was merged goes through the environments, in order, each by its GitHub environment
    <project>-train          by schedule and by hand: a version that waits for approval
    <project>-run            by hand: a version that is registered already
    <project>-pinned         a merged commit that pins a version in deploy/<environment>.yaml
    <project>-rollback       by hand: back to the last good version

Pull requests never reach what serves: their image is kept to be looked at, and built again from what was merged.
"""

import json
from collections.abc import Callable, Sequence

from headgate.ci import actions
from headgate.ci.files import sealed
from headgate.ci.project import REQUIREMENTS, Delivery, Site
from headgate.ci.text import fill
from headgate.core import names

PYTHON = "3.12"
ORDINARY_SECONDS = 3600
"""How long a role is taken on for unless a job lives longer; the usual maximum of a role."""


def workflows(delivery: Delivery) -> dict[str, str]:
    """The text of each workflow, sealed, by the name of its file."""
    made: dict[str, Callable[[Delivery], str]] = {
        "pull-request": _pull_request,
        "deliver": _deliver,
        "train": _train,
        "run": _run,
        "pinned": _pinned,
        "rollback": _rollback,
    }
    return {f"{delivery.project}-{name}.yml": sealed(make(delivery)) for name, make in made.items()}


def _pull_request(delivery: Delivery) -> str:
    site = delivery.sites[0]
    plans = [f"- name: Plan for {each.name}\n  run: headgate plan --env {each.name}" for each in delivery.sites]
    values = {
        "branch": _quoted(delivery.branch),
        "plans": "\n".join(plans),
        "changed": " ".join(f"':/{path.removesuffix('/**')}'" for path in delivery.watched),
        "build": _build(delivery),
        "images": _images(delivery),
        "credentials": _credentials(site, "pull-request", ORDINARY_SECONDS),
        "push": _push(site, "pull-request"),
    }
    return fill("pull-request", _common(delivery) | values)


def _deliver(delivery: Delivery) -> str:
    before = ["build", *(f"to-{site.name}" for site in delivery.sites)]
    jobs = [
        _job(
            "deliver-job",
            delivery,
            site,
            "deliver",
            # `build` too: a job sees only the outputs and artifacts of what it says that it needs
            needs=_needs("build", previous),
            push=_push(site, "merged"),
            register=fill("register", {"site": site.name}),
            release=_release(site),
        )
        for site, previous in zip(delivery.sites, before, strict=False)
    ]
    return fill(
        "deliver", _candidate(delivery, "deliver") | {"paths": _list(delivery.watched), "jobs": "\n".join(jobs)}
    )


def _train(delivery: Delivery) -> str:
    schedule = f"schedule:\n  - cron: {_quoted(delivery.schedule)}\n" if delivery.schedule else ""
    jobs = [
        _job(
            "train-job",
            delivery,
            site,
            "train",
            seconds=str(ORDINARY_SECONDS),
            push=_push(site, "trained"),
            register=fill("register", {"site": site.name}),
        )
        for site in delivery.sites
    ]
    values = {"schedule": f"{schedule}workflow_dispatch:", "jobs": "\n".join(jobs)}
    return fill("train", _candidate(delivery, "train") | values)


def _run(delivery: Delivery) -> str:
    jobs = [
        _job(
            "run-job",
            delivery,
            site,
            "release",
            release=fill("run-version", {"site": site.name, "watch": _watch(site)}),
        )
        for site in delivery.sites
    ]
    return fill("run", _common(delivery) | {"options": _options(delivery), "jobs": "\n".join(jobs)})


def _pinned(delivery: Delivery) -> str:
    prefix = "" if delivery.folder == "." else f"{delivery.folder}/"
    sites = delivery.sites
    before = ["changes", *(f"to-{site.name}" for site in sites)]
    jobs = [
        _job("pinned-job", delivery, site, "release", needs=_needs("changes", previous))
        for site, previous in zip(sites, before, strict=False)
    ]
    outputs = [f"{_quoted(site.name)}: ${{{{ steps.changes.outputs.{site.name} }}}}" for site in sites]
    values = {
        "branch": _quoted(delivery.branch),
        "paths": _list([f"{prefix}deploy/*.yaml"]),
        "outputs": "\n".join(outputs),
        "sites": " ".join(site.name for site in sites),
        "jobs": "\n".join(jobs),
    }
    return fill("pinned", _common(delivery) | values)


def _rollback(delivery: Delivery) -> str:
    jobs = [
        _job(
            "rollback-job",
            delivery,
            site,
            "rollback",
            seconds=str(ORDINARY_SECONDS),
            back=fill("back", {"site": site.name}),
        )
        for site in delivery.sites
    ]
    return fill("rollback", _common(delivery) | {"options": _options(delivery), "jobs": "\n".join(jobs)})


def _common(delivery: Delivery) -> dict[str, str]:
    """What every template may name."""
    values = {
        "project": delivery.project,
        "folder": delivery.folder,
        "store": delivery.store,
        "branch": _quoted(delivery.branch),
        "requirements": REQUIREMENTS,
        "python": PYTHON,
        "checkout": actions.CHECKOUT,
        "setup_python": actions.SETUP_PYTHON,
        "upload": actions.UPLOAD,
        "download": actions.DOWNLOAD,
    }
    values |= {"head": fill("head", values), "install": fill("install", values)}
    return values | {"setup": fill("setup", values)}


def _candidate(delivery: Delivery, workflow: str) -> dict[str, str]:
    """The same for workflows that train: they have the job that builds, too."""
    values = _common(delivery)
    inner = {"workflow": workflow, "build": _build(delivery), "images": _images(delivery)}
    return values | {"candidate": fill("candidate", values | inner)}


def _job(template: str, delivery: Delivery, site: Site, workflow: str, **values: str) -> str:
    """A job of one environment, with the role of its workflow."""
    lives = values.pop("seconds", str(max(ORDINARY_SECONDS, site.minutes * 60)))
    known = {
        "site": site.name,
        "minutes": str(site.minutes),
        "watch": _watch(site),
        "credentials": _credentials(site, workflow, int(lives)),
    }
    return fill(template, _common(delivery) | known | values)


def _credentials(site: Site, workflow: str, seconds: int) -> str:
    values = {
        "aws_credentials": actions.AWS_CREDENTIALS,
        "role": site.role(workflow),
        "session": names.fitted(f"{site.project}-{site.name}-{workflow}", 64),
        "seconds": str(seconds),
        "region": site.region,
        "account": site.account,
    }
    return fill("credentials", values)


def _build(delivery: Delivery) -> str:
    """The steps from the data to images that were tested."""
    steps = [fill("build", {})]
    for image in delivery.images:
        steps += [fill("image", {"image": image, "python": PYTHON}), fill(f"test-{image}", {})]
    return "".join(steps)


def _push(site: Site, tag: str) -> str:
    return fill("push", {"registry": site.registry, "tag": tag, "image": site.image})


def _release(site: Site) -> str:
    """Roll out; and ask a row, where it is known then that the new version answers."""
    ask = fill("ask", {"site": site.name, "bucket": site.bucket}) if site.followed else ""
    return fill("release", {"site": site.name, "watch": _watch(site)}) + ask


def _watch(site: Site) -> str:
    return " --watch" if site.followed else ""


def _images(delivery: Delivery) -> str:
    return "\n".join(f"{delivery.folder}/image-{image}" for image in delivery.images)


def _needs(first: str, previous: str) -> str:
    return first if first == previous else f"[{first}, {previous}]"


def _options(delivery: Delivery) -> str:
    return _list([site.name for site in delivery.sites])


def _list(values: Sequence[str]) -> str:
    return "\n".join(f"- {_quoted(value)}" for value in values)


def _quoted(value: str) -> str:
    return json.dumps(value)
