"""What the workflows need to know of a project, taken from its spec and checked.

Names that end up in YAML, in a shell or in a glob are letters, digits and `_ . / -` here: what would have to be quoted
in three languages at once is refused, with the key to change.
"""

import math
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from headgate.core import durations, names
from headgate.errors import UsageError
from headgate.rollout.from_spec import rhythm_of, strategy_of
from headgate.rollout.plan import Analyse, compile_plan
from headgate.spec import FILE_NAME, Environment, Project
from headgate.spec.hosting import Kind

PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
LONGEST_JOB = 355
"""Minutes; GitHub ends a job after six hours."""
AROUND = 45
"""Minutes that a job gets besides the rollout's own time: setting up, starting instances, draining, a probe."""
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
"""What cron counts, from where to where."""
_TIMES = re.compile(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?")
BASE_IMAGE = "base-image.txt"
"""In the project's folder: the image that its images start from, by digest. Committed, so that a change is reviewed."""

REQUIREMENTS = "headgate-requirements.txt"
"""There, too: what workflows install, each file by its hash. `headgate ci requirements` writes it."""


@dataclass(frozen=True, slots=True)
class Site:
    """One environment on AWS."""

    project: str
    name: str
    account: str
    region: str
    kind: Kind
    watched: float
    """The longest that its rollout may take, in seconds, without waiting for people."""

    def role(self, workflow: str) -> str:
        """The ARN of the role that a workflow takes on here."""
        return names.role_arn(self.account, self.region, names.github_role(self.project, self.name, workflow))

    @property
    def registry(self) -> str:
        """Where its images are pushed to."""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"{self.account}.dkr.ecr.{self.region}.{domain}/{names.repository(self.project, self.name)}"

    @property
    def bucket(self) -> str:
        """Where its packages are."""
        return names.bucket(self.project, self.name, self.account, self.region)

    @property
    def image(self) -> str:
        """Who runs its image: `sagemaker` or `lambda`."""
        return "lambda" if self.kind == "lambda" else "sagemaker"

    @property
    def minutes(self) -> int:
        """How long its job may take."""
        return min(LONGEST_JOB, math.ceil(self.watched / 60) + AROUND)

    @property
    def followed(self) -> bool:
        """Whether a job lives long enough to follow the rollout to its end."""
        return math.ceil(self.watched / 60) + AROUND <= LONGEST_JOB


@dataclass(frozen=True, slots=True)
class Delivery:
    """A project as its workflows see it. `folder` is where it is in the repository, `.` for its root."""

    project: str
    branch: str
    schedule: str | None
    folder: str
    store: str
    watched: tuple[str, ...]
    """What a new candidate is trained for when it changes: paths from the repository's root, folders as `folder/**`."""
    sites: tuple[Site, ...]
    """In the order of delivery: production comes last."""

    @classmethod
    def of(cls, project: Project, folder: str = ".") -> "Delivery":
        """The project, in `folder` of its repository. Raises UsageError for what workflows cannot say or do."""
        spec = project.spec
        if spec.github is None:
            raise UsageError(
                "headgate.yaml says nothing of GitHub.",
                hint="Add it: `github: {repository: owner/name, branch: main}`.",
            )
        sites = tuple(_site(spec.project, name, spec.environments[name]) for name in spec.delivered)
        if not sites:
            raise UsageError(
                "No environment of headgate.yaml is on AWS, and workflows deliver nowhere else.",
                hint="Give one `target: aws`, with account and region.",
            )
        for site in sites[:-1]:
            _require_followed(site, sites[-1])
        return cls(
            project=spec.project,
            branch=spec.github.branch,
            schedule=_cron(spec.github.schedule),
            folder=_plain("the project's folder in the repository", folder),
            store=_plain("store", spec.store),
            watched=tuple(_inside(folder, path) for path in _watched(project)),
            sites=sites,
        )

    @property
    def images(self) -> tuple[str, ...]:
        """The images that its environments need, each once."""
        return tuple(sorted({site.image for site in self.sites}))


def place(root: Path) -> tuple[Path, str]:
    """The repository that a project's folder is in, and the folder's path there; itself where there is none."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder, root.relative_to(folder).as_posix()
    return root, "."


def _site(project: str, name: str, found: Environment) -> Site:
    assert found.account is not None
    assert found.region is not None
    strategy, approve = strategy_of(found)
    analyses = [step for step in compile_plan(strategy, approve=approve) if isinstance(step, Analyse)]
    longest = sum(step.bake + rhythm_of(found).delay + step.wait for step in analyses)
    return Site(project, name, found.account, found.region, found.hosting.kind, longest)


def _require_followed(site: Site, last: Site) -> None:
    """What comes after an environment has to wait for its verdict. Raises UsageError where no job lives that long."""
    if not site.followed:
        raise UsageError(
            f"A rollout in {site.name} may take {durations.text(math.ceil(site.watched / 60) * 60)}, and GitHub ends a "
            f"job after six hours: {last.name} would be delivered before {site.name} has its verdict.",
            hint=f"environments/{site.name}/rollout: shorten `bake` or `wait`, or take fewer steps; only the last "
            "environment may take longer.",
        )


def _watched(project: Project) -> list[str]:
    spec = project.spec
    found = [FILE_NAME, BASE_IMAGE, REQUIREMENTS]
    if not spec.data.source.startswith("sklearn:"):
        source = posixpath.normpath(_plain("data/source", spec.data.source))
        folder = posixpath.dirname(source)
        found.append(f"{folder}/**" if folder else source)
    if spec.package.code is not None:
        found.append(f"{posixpath.normpath(_plain('package/code', spec.package.code))}/**")
    return found


def _inside(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined.startswith(("..", "/")):
        raise UsageError(
            f"{path} of headgate.yaml is outside of the repository, so no workflow can see it change.",
            hint="Keep data and code in the repository, or the pointers to them.",
        )
    return joined


def _plain(key: str, value: str) -> str:
    if not PLAIN.fullmatch(value):
        raise UsageError(
            f"{key} is {value!r}; workflows take letters, digits and _ . / - only.",
            hint="Rename it, so that it needs no quoting in YAML, in a shell and in a glob.",
        )
    return value


def _cron(schedule: str | None) -> str | None:
    """The schedule, if GitHub takes it."""
    if schedule is None:
        return None
    hint, parts = "Such as `0 3 * * 1`: Mondays at three, UTC.", schedule.split()
    if len(parts) != len(FIELDS):
        raise UsageError(
            f"github/schedule is {schedule!r}; cron has {len(FIELDS)} fields: {', '.join(FIELDS)}.", hint=hint
        )
    for part, (name, (least, most)) in zip(parts, FIELDS.items(), strict=True):
        if not all(_within(times, least, most) for times in part.split(",")):
            raise UsageError(
                f"github/schedule is {schedule!r}; its {name} is {part!r}, which should count from {least} to {most}.",
                hint=hint,
            )
    return schedule


def _within(times: str, least: int, most: int) -> bool:
    """Whether this is `*`, a number or a span within bounds, each perhaps with a step."""
    found = _TIMES.fullmatch(times)
    if found is None:
        return False
    first, last = int(found[1] or least), int(found[2] or found[1] or most)
    return least <= first <= last <= most and 1 <= int(found[3] or 1) <= most
