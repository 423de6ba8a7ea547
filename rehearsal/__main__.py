"""The rehearsal as a process: one JSON line with its addresses when it is ready; SIGTERM or Ctrl-C ends it."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# gRPC reads this as it is imported. Every fork here is followed by an exec; it would remark on each of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from rehearsal.catalogue import SAMPLE, Catalogue
from rehearsal.cloud import CHANNEL, SLACK_TOKEN, Rehearsal
from rehearsal.cloud_run import Pace
from surefoot.errors import ConfigError

_TOKEN_VARIABLE = "REHEARSAL_SLACK_TOKEN"  # noqa: S105  the variable's name

_LAST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; return 0, or 2 for input that cannot be used."""
    asked_for = _parser().parse_args(arguments)
    try:
        catalogue = Catalogue.load(asked_for.catalogue)
        pace = Pace(asked_for.traffic_lag, asked_for.speed, asked_for.idle)
    except (ConfigError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(asked_for, catalogue, pace))
    except OSError as problem:
        what = f"cannot use {problem.filename}" if problem.filename else "take another port, or 0 for any free one"
        print(f"{problem.strerror}; {what}", file=sys.stderr)
        return 2
    return 0


async def _serve(asked_for: argparse.Namespace, catalogue: Catalogue, pace: Pace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Rehearsal.start(
        catalogue,
        asked_for.state,
        grpc_port=asked_for.grpc_port,
        aws_port=asked_for.aws_port,
        control_port=asked_for.control_port,
        slack_port=asked_for.slack_port,
        registry_port=asked_for.registry_port,
        public_ports=dict(asked_for.public),
        slack_token=os.environ.get(_TOKEN_VARIABLE, SLACK_TOKEN),
        channels=asked_for.channel or [CHANNEL],
        pace=pace,
    ) as rehearsal:
        line = json.dumps(rehearsal.addresses)
        if asked_for.announce:
            _write_at_once(asked_for.announce, line + "\n")
        print(line, flush=True)
        await stopped.wait()


def _write_at_once(file: Path, text: str) -> None:
    """Write a file so that whoever waits for it never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(file)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415  not installed on Windows

    return uvloop.new_event_loop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "rehearsal", description="A Cloud Run, an ECS and a Slack on this machine, on loopback only."
    )
    add, usual = parser.add_argument, Pace()
    add("--catalogue", type=Path, default=SAMPLE, help="the images there are (default: the sample shop's)")
    add(
        "--state",
        type=Path,
        default=Path(".surefoot/rehearsal"),
        help="where revisions' logs go (default: %(default)s)",
    )
    add("--grpc-port", type=_port, default=0, help="Cloud Run Admin API (default: any free port, as for all)")
    add("--aws-port", type=_port, default=0, help="all AWS APIs, for AWS_ENDPOINT_URL")
    add("--control-port", type=_port, default=0, help="faults, journal, statistics, /metrics")
    add("--slack-port", type=_port, default=0, help="Slack stand-in")
    add("--registry-port", type=_port, default=0, help="the registry, for SUREFOOT_REGISTRIES")
    add("--public", type=_fixed_port, action="append", default=[], metavar="SERVICE=PORT", help="a service's address")
    add("--channel", action="append", help=f"a Slack channel, may be repeated (default: {CHANNEL})")
    add("--traffic-lag", type=float, default=usual.traffic_lag_s, help="seconds until a new split is reported")
    add("--speed", type=float, default=usual.speed, help="divides start-up deadlines (240 s) by this")
    add("--idle", type=float, default=usual.idle_s, help="seconds until an unaddressed revision is stopped")
    add("--announce", type=Path, help="write the addresses to this file too, once ready")
    parser.epilog = f"Example: python -m rehearsal --public shop=8080 --speed 20. Slack's token: ${_TOKEN_VARIABLE}."
    return parser


def _fixed_port(text: str) -> tuple[str, int]:
    service, equals, port = text.partition("=")
    if not (service and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=PORT, such as shop=8080")
    return service, _port(port)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 (any free one) to {_LAST_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
