"""Where `surefoot` begins. Nothing is imported before Ctrl-C is looked after."""

import sys


def main() -> None:
    """Run one command, and exit with the code that says how it went."""
    try:
        from commands.cli import run  # noqa: PLC0415 (a Ctrl-C while this is imported is one like any other)

        sys.exit(run())
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
