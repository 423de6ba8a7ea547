"""What AWS's refusals and silences say, in Surefoot's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as aws_errors

from surefoot.errors import NotThere, Refused, Unavailable

# Not "no" but "not now": nothing can be concluded from these about what the service does.
_NOT_NOW = (
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServerException",
    "InternalFailure",
    "InternalServerError",
    "ServiceUnavailable",
    "RequestTimeout",
)
_NOT_THERE = ("ClusterNotFoundException", "ServiceNotFoundException")
HINTS = {
    "AccessDeniedException": "grant it: infra/aws/permissions.json lists all that is needed",
    "AccessDenied": "grant it: infra/aws/permissions.json lists all that is needed",
    "ClusterNotFoundException": "look for it: aws ecs list-clusters",
    "ServiceNotFoundException": "look for it: aws ecs list-services --cluster CLUSTER",
    "ExpiredTokenException": "log in: aws sso login",
    "UnrecognizedClientException": "log in: aws sso login",
    "InvalidClientTokenId": "log in: aws sso login",
}
# These name a pause or a deployment at work; when that is over, AWS finds the parameter invalid.
_ABOUT_ONE_PAUSE = ("ContinueServiceDeployment", "StopServiceDeployment")


class Conflict(Refused):
    """What the write was about is over already: somebody else, or time, was quicker."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: Unavailable, Conflict, NotThere or Refused."""
    try:
        yield
    except aws_errors.ClientError as problem:
        raise _refusal(what, problem) from problem
    except (aws_errors.NoCredentialsError, aws_errors.PartialCredentialsError, aws_errors.TokenRetrievalError) as none:
        raise Refused(f"{what}: no usable AWS credentials ({none}); log in: aws sso login") from none
    except (aws_errors.HTTPClientError, aws_errors.ConnectionError) as problem:
        raise Unavailable(f"{what}: {_unreached(problem)}") from problem
    except aws_errors.BotoCoreError as problem:
        raise Refused(f"{what}: {problem}") from problem


def _refusal(what: str, problem: aws_errors.ClientError) -> Unavailable | Refused:
    error, status = problem.response.get("Error", {}), problem.response.get("ResponseMetadata", {})
    code = str(error.get("Code", "no code"))
    words = f"{what}: {code} {error.get('Message', '')}".strip()
    if code in _NOT_NOW or int(status.get("HTTPStatusCode", 400)) >= 500:
        return Unavailable(words)
    if code == "ConflictException" or (code == "InvalidParameterException" and what.startswith(_ABOUT_ONE_PAUSE)):
        return Conflict(words)
    hint = HINTS.get(code, "")
    kind = NotThere if code in _NOT_THERE else Refused
    return kind(f"{words}{hint and '; '}{hint}")


def _unreached(problem: Exception) -> str:
    if isinstance(problem, aws_errors.ReadTimeoutError):
        return "no answer in time"
    if isinstance(problem, aws_errors.ConnectionClosedError):
        return "the connection was closed without an answer"
    return "out of reach"
