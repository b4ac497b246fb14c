"""Three projects as users have them, one for each way of hosting."""

from headgate.infra.site import Site
from headgate.spec import Spec
from headgate.spec.project import read

STUDENT = """
project: student-score
task: regression
data: {source: data/students.csv, target: score}
route: /predict-student-score
environments:
  production:
    target: aws
    account: "123456789012"
    region: eu-central-1
    hosting: {serverless: {memory: 2048, concurrency: 5}}
    rollout: [{approve: {}}, {all-at-once: {}}]
    front: {origins: ["https://school.example.com", "https://app.example.org:8443"]}
    alarms: {quiet: 2d, notify: [ml@example.com, ops@example.com]}
    tags: {owner: ml-team, cost-center: "17"}
"""
NEWS = """
project: news-category
task: classification
data: {source: data/news.csv, target: category}
github: {repository: acme/news, owner_id: 17, repository_id: 4711}
route: /predict-news-category
environments:
  cloud:
    target: aws
    account: "123456789012"
    region: eu-central-1
    hosting: {lambda: {memory: 1024, timeout: 20, concurrency: 7}}
    front: {auth: iam, rate: 5, burst: 9}
    alarms: {errors: 2%, latency_p99: 500}
"""
IRIS = """
project: iris
task: classification
data: {source: "sklearn:iris", target: species}
github: {repository: acme/iris, branch: main}
environments:
  local: {}
  production:
    target: aws
    account: "123456789012"
    region: eu-central-1
    instances: {count: 2, type: ml.m5.large}
    front: {version: v2}
    alarms: {quiet: 6h}
"""
PROJECTS = {"student": (STUDENT, "production"), "news": (NEWS, "cloud"), "iris": (IRIS, "production")}


def spec_of(text: str) -> Spec:
    """The spec, read and checked."""
    return read("headgate.yaml", text.encode())


def site_of(name: str) -> Site:
    """The environment on AWS of one of the projects."""
    text, environment = PROJECTS[name]
    return Site.of(spec_of(text), environment)
