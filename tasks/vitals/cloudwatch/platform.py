"""The one call that is made, in a thread, and what it means where it is refused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as aws_errors
from botocore.parsers import ResponseParserError

from surefoot.release import Revision
from tasks.targets.ecs import Settings, problems
from tasks.targets.ecs.clients import made
from tasks.vitals.aggregated import Unseen
from tasks.vitals.cloudwatch.queries import counted, request
from tasks.vitals.counted import Counted
from tasks.vitals.minutes import Window

_ANSWER_S = 8.0
_PAGES = 20
_CALL = "cloudwatch:GetMetricData"
_LOG_IN = "log in: aws sso login"
_WORDS = {
    "AccessDenied": f"not allowed to call {_CALL}; grant it: infra/aws/permissions.json lists all that is needed",
    "ExpiredToken": f"the session has expired; {_LOG_IN}",
    "UnrecognizedClient": f"the credentials are not known; {_LOG_IN}",
    "InvalidClientTokenId": f"the credentials are not known; {_LOG_IN}",
    "Throttling": "throttled",
    "RequestLimitExceeded": "throttled",
    "LimitExceeded": "throttled",
}


class CloudWatch:
    """Counts and latencies of two target groups of an application load balancer."""

    def __init__(self, about: Settings) -> None:
        with problems.translated("connect to CloudWatch"):
            self._client = made(about, "cloudwatch", answer_s=_ANSWER_S)

    async def counted(self, stable: Revision, canary: Revision, window: Window) -> tuple[Counted, Counted]:
        """Return what was counted of stable and of canary within the window."""
        asked = request(stable, canary, window)
        with translated():
            return counted(await self._pages(asked), window)

    async def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    async def _pages(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        for _ in range(_PAGES):
            pages.append(await asyncio.to_thread(self._client.get_metric_data, **asked, **after))
            if not pages[-1].get("NextToken"):
                return pages
            after = {"NextToken": pages[-1]["NextToken"]}
        raise Unseen(f"CloudWatch's answer has more than {_PAGES} pages")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the SDK's errors into Unseen, in words of ours: its own name accounts and roles."""
    try:
        yield
    except aws_errors.ClientError as problem:
        code = str(problem.response.get("Error", {}).get("Code", "no code"))
        raise Unseen(f"CloudWatch: {_WORDS.get(code.removesuffix('Exception'), code)}") from problem
    except (aws_errors.NoCredentialsError, aws_errors.PartialCredentialsError, aws_errors.TokenRetrievalError) as none:
        raise Unseen(f"CloudWatch: no usable AWS credentials; {_LOG_IN}") from none
    except aws_errors.ReadTimeoutError as problem:
        raise Unseen("CloudWatch: no answer in time") from problem
    except (aws_errors.HTTPClientError, aws_errors.ConnectionError) as problem:
        raise Unseen("CloudWatch: out of reach") from problem
    except (aws_errors.BotoCoreError, ResponseParserError) as problem:
        raise Unseen(f"CloudWatch: the answer could not be read ({type(problem).__name__})") from problem
