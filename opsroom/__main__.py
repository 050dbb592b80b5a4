"""`python -m opsroom`, and the console script `opsroom`."""

import sys

from opsroom.cli import run


def main() -> None:
    """Runs the command line and ends the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
