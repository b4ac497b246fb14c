"""What images start: `python -m headgate.container serve|train`, SageMaker's two words.

`serve` is the model server and imports nothing else: the time until the first answer is a cold start that somebody
waits for. `train` is the training job (`wiring.training_job`).
"""

import os
import signal
import sys

USAGE = """usage: python -m headgate.container serve|train

  serve   answer requests for the model in $SAGEMAKER_BASE_DIR/model (default: /opt/ml/model)
  train   train as the headgate.yaml in the channel `project` says, and leave the package there
"""
STOPPED = 143
"""What a shell shows for a process that SIGTERM ended."""


def main(arguments: list[str]) -> int:
    """Run the one or the other; the exit code."""
    match arguments:
        case ["serve"]:
            from headgate.serving.__main__ import main as serve

            return serve(["serve"])
        case ["train"]:
            # Process 1 of a container ignores SIGTERM unless it is handled. Nothing is cleaned up: a package that was
            # cut short lacks its manifest, which comes last, and everything else is in folders that go with us.
            signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))
            from headgate.wiring.training_job import run

            return run(os.environ)
        case ["-h" | "--help"]:
            sys.stdout.write(USAGE)
            return 0
    sys.stderr.write(f"headgate: expected serve or train, got {' '.join(arguments) or 'nothing'}.\n\n{USAGE}")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
