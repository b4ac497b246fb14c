"""`python -m headgate` and the `headgate` command."""


def main() -> None:
    """Run the command line."""
