"""Three projects as users write them: serverless behind a front door, Lambda, and real-time in two environments."""

from pathlib import Path

from headgate.ci import Delivery, workflows
from headgate.spec import Project
from headgate.spec.project import read

STUDENT_SCORE = """
project: student-score
task: regression
data: {source: data/students.csv, target: score}
route: /predict-student-score
github: {repository: acme/student-score, branch: main}
environments:
  production:
    target: aws
    account: "123456789012"
    region: eu-central-1
    hosting: {serverless: {memory: 2048, concurrency: 5}}
    front: {auth: api-key, origins: ["https://school.example"]}
    rollout: [{all-at-once: {}}]
"""
NEWS_CATEGORY = """
project: news-category
task: classification
data: {source: data/news/ag.csv, target: category}
github: {repository: acme/news.category, branch: release/2, schedule: "0 3 * * 1"}
store: var/store
environments:
  production: {target: aws, account: "123456789012", region: us-east-1, hosting: {lambda: {memory: 1024}}}
"""
IRIS = """
project: iris
task: classification
data: {source: "sklearn:iris", target: species}
package: {code: code}
github: {repository: acme/iris, branch: main, schedule: "30 2 1,15 * *"}
environments:
  production:
    target: aws
    account: "210987654321"
    region: eu-west-1
    instances: {count: 2}
    rollout: [{approve: {}}, {canary: {steps: [5%, 25%, 50%], bake: 30m}}]
  staging: {target: aws, account: "123456789012", region: eu-west-1}
  laptop: {}
"""
PROJECTS = {"student-score": STUDENT_SCORE, "news-category": NEWS_CATEGORY, "iris": IRIS}


def project(text: str, root: Path = Path("/project")) -> Project:
    """The project that a headgate.yaml describes."""
    return Project(root, read("headgate.yaml", text.encode()))


def written(text: str, folder: str = ".") -> dict[str, str]:
    """Its workflows, by file."""
    return workflows(Delivery.of(project(text), folder))
