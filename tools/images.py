"""Build the images and see them work: `python -m tools.images [--base NAME@sha256:...]`.

It needs buildah, podman and runc, no daemon, and root. Without --base a Debian root made by debootstrap stands in for
the base; where that, or a tool, is missing, it says so and ends with 0. Containers share the machine's network: the
build asks the package index, and the functions ask a Runtime API on loopback; the front door passes on to an engine of
its own. Behind a private index or a company's CA
set PIP_CONFIG_FILE and SSL_CERT_FILE: the files go in as build secrets.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.serving.aws_lambda.front_doors import http
from tests.serving.aws_lambda.runtime_api import RuntimeApi
from tests.system.engine import RunningEngine

from headgate.core.archive import extract
from headgate.images import FUNCTIONS, Image, commands, write_context
from headgate.images.context import Target
from headgate.images.pins import Platform, python_version

DEADLINE = 60.0
PLATFORM: Platform = "linux/arm64" if platform.machine() in ("aarch64", "arm64") else "linux/amd64"
BUILD = ("--isolation", "chroot", "--network", "host")
PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc")
RUN = ("--network", "host", "--no-healthcheck", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1024:1024")
STAND_IN = "localhost/headgate-stand-in"
ROW = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


class Skip(Exception):
    """Why the images cannot be built here."""


def main() -> int:
    """Build, run, check; 0 also where it has to skip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default=os.environ.get("BASE", ""), help="a base image, by digest")
    given = parser.parse_args()
    try:
        for tool in ("buildah", "podman", "runc"):
            need(tool)
        if os.geteuid():
            raise Skip("this needs root")
        with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
            if given.base:
                check(Path(folder), given.base)
            else:
                with stand_in(Path(folder)) as base:
                    check(Path(folder), base)
    except Skip as skip:
        print(f"skipped: {skip}")
    return 0


def need(tool: str) -> None:
    """Raises Skip where a tool is missing."""
    if not shutil.which(tool):
        raise Skip(f"{tool} is not installed")


@contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    """A Debian with Python as an image, by digest; gone afterwards. Raises Skip."""
    need("debootstrap")
    wanted = "python3,python3-venv,ca-certificates"
    told("debootstrap")
    root = folder / "root"
    call("debootstrap", "--variant=minbase", f"--include={wanted}", "bookworm", str(root))
    version = call("chroot", str(root), "python3", "-c", "import sys; print(*sys.version_info[:2], sep='.')").strip()
    if version != python_version():
        raise Skip(f"the stand-in has Python {version}, we run on {python_version()}; give --base")
    call("tar", "-C", str(root), "-cf", str(folder / "root.tar"), ".")
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
    call("buildah", "build", "--format", "docker", *BUILD, "--tag", STAND_IN, str(folder))
    shutil.rmtree(root)
    (folder / "root.tar").unlink()
    images = json.loads(call("buildah", "images", "--json", STAND_IN))
    try:
        yield f"{STAND_IN}@{images[0]['digest']}"
    finally:
        call("buildah", "rmi", "--force", STAND_IN)


def check(folder: Path, base: str) -> None:
    """All images over one package."""
    package = packaged(folder)
    model = folder / "model"
    extract(package, model)
    looks: dict[Target, Callable[[Image, Path], None]] = {
        "sagemaker": look_at_sagemaker,
        "lambda": look_at_lambda,
        "delivery": look_at_front_door,
    }
    for target, look in looks.items():
        image = built(package, target, folder / target, base)
        try:
            look(image, package if target == "delivery" else model)
        finally:
            call("buildah", "rmi", "--force", image.name)
    told("all of them work")


def packaged(folder: Path) -> Path:
    """A package of iris, by the command line."""
    project = folder / "iris"
    headgate = (sys.executable, "-m", "headgate")
    told("train iris")
    call(*headgate, "init", "iris", str(project))
    call(*headgate, "train", "-C", str(project))
    return Path(json.loads(call(*headgate, "package", "--json", "-C", str(project)))["path"])


def built(package: Path, target: Target, context: Path, base: str) -> Image:
    """Write the context and build from it."""
    image = Image.for_delivery(PLATFORM) if target == "delivery" else Image.of(package, target, PLATFORM)
    told(f"write the context of {image.name}")
    write_context(image, context)
    told(f"build {image.name}")
    *command, folder = commands.build(image, context, base)["buildah"]
    began = time.monotonic()
    call(*command, *BUILD, *secrets(), folder)
    size = json.loads(call("buildah", "images", "--json", image.name))[0]["size"]
    told(f"built in {time.monotonic() - began:.0f} s, {size}")
    return image


def secrets() -> Iterator[str]:
    """What this machine needs to reach its package index."""
    files = {"pip_conf": os.environ.get("PIP_CONFIG_FILE"), "ca_bundle": os.environ.get("SSL_CERT_FILE")}
    for name, path in files.items():
        if path and Path(path).is_file():
            yield from ("--secret", f"id={name},src={path}")


def look_at_sagemaker(image: Image, model: Path) -> None:
    """Without root, rights or a writable disk: it serves, and ends with 0 when told to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    with running(image, model, {"SAGEMAKER_BIND_TO_PORT": str(port)}) as name:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client:
            while not answers(client):
                if time.monotonic() - began > DEADLINE:
                    raise SystemExit(f"no answer to /ping: {call(*PODMAN, 'logs', name)}")
                time.sleep(0.05)
            told(f"/ping: 200, {time.monotonic() - began:.1f} s after podman was asked to run it")
            answer = client.post("/invocations", json=ROW)
            expect("/invocations", answer.json().get("prediction", {}).get("label"), "virginica")
        call(*PODMAN, "kill", "--signal", "TERM", name)
        expect("exit code after SIGTERM", call(*PODMAN, "wait", name).strip(), "0")


def answers(client: httpx.Client) -> bool:
    """Whether the server is up."""
    try:
        return client.get("/ping").status_code == 200
    except httpx.TransportError:
        return False


def look_at_lambda(image: Image, model: Path) -> None:
    """The function answers events that the Runtime API hands out."""
    api = RuntimeApi()
    try:
        began = time.monotonic()
        with running(image, model, {"AWS_LAMBDA_RUNTIME_API": api.address}):
            event = http(body=json.dumps(ROW))
            body = json.loads(api.invoke(event).document["body"])
            expect("POST /invocations", body.get("prediction", {}).get("label"), "virginica")
            told(f"cold: {time.monotonic() - began:.1f} s after podman was asked to run it")
            began = time.monotonic()
            expect("GET /ping", api.invoke(http("GET", "/prod/ping", None)).document["statusCode"], 200)
            told(f"warm: {(time.monotonic() - began) * 1000:.1f} ms")
    finally:
        api.close()


def look_at_front_door(image: Image, package: Path) -> None:
    """The front door passes an event's request on to an endpoint, and its answer back."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as home:  # short: sockets lie below it
        engine = RunningEngine(Path(home) / "home")
        engine.start()
        api = RuntimeApi()
        try:
            url = engine.put_archive("iris", lambda path: shutil.copyfile(package, path))
            engine.deploy_archive("iris-production", url)
            told("iris-production is InService on an engine")
            settings = engine.front_door("iris-production") | {"HEADGATE_LAMBDA_PATH": "/v1/predict-iris"}
            began = time.monotonic()
            with running(image, None, settings | {"AWS_LAMBDA_RUNTIME_API": api.address}):
                event = http(path="/prod/v1/predict-iris", body=json.dumps(ROW))
                body = json.loads(api.invoke(event).document["body"])
                expect("POST /v1/predict-iris", body.get("prediction", {}).get("label"), "virginica")
                told(f"cold: {time.monotonic() - began:.1f} s after podman was asked to run it")
                began = time.monotonic()
                api.invoke(event)
                told(f"warm: {(time.monotonic() - began) * 1000:.1f} ms, with the endpoint behind it")
                expect("POST /elsewhere", api.invoke(http(path="/prod/elsewhere")).document["statusCode"], 404)
            for handler in FUNCTIONS.values():
                imports(image, handler, settings)
        finally:
            api.close()
            engine.stop()


def imports(image: Image, handler: str, environment: dict[str, str]) -> None:
    """What a function is made of is in the image."""
    program = f"from {handler.rpartition('.')[0]} import {handler.rpartition('.')[2]}"
    given = (f"--env={key}={value}" for key, value in environment.items())
    call(*PODMAN, "run", "--rm", *RUN, *given, "--entrypoint", "python", image.name, "-c", program)
    told(f"{handler}: there")


@contextmanager
def running(image: Image, model: Path | None, environment: dict[str, str]) -> Iterator[str]:
    """The container by the command that `headgate image` prints, on the machine's network; its name."""
    name = f"headgate-check-{os.getpid()}"
    command = commands.run(image, model)
    more = [*RUN, "--detach", "--name", name, *(f"--env={key}={value}" for key, value in environment.items())]
    kept = without(command[command.index("run") + 1 :], "--rm", "--publish", "--env")
    try:
        call(*PODMAN, "run", *more, *kept)
        yield name
    finally:
        call(*PODMAN, "rm", "--force", name)


def without(command: Sequence[str], flag: str, *options: str) -> list[str]:
    """A command without a flag, and without options and their values."""
    kept: list[str] = []
    words = iter(command)
    for word in words:
        if word in options:
            next(words)
        elif word != flag:
            kept.append(word)
    return kept


def call(*command: str) -> str:
    """Run it; what it said. A failure ends us with what it complained of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def expect(what: str, got: Any, wanted: Any) -> None:
    """Ends us where something is not as it should be."""
    told(f"{what}: {got}")
    if got != wanted:
        raise SystemExit(f"{what}: expected {wanted!r}, got {got!r}")


def told(text: str) -> None:
    """A line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
