"""Amazon ECR, asked through its own API: one permission, and it is the one that pulling needs too."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from surefoot.errors import Refused, Unavailable
from tasks.registries.calls import PATIENCE_S, tried
from tasks.registries.manifest import MANIFEST_TYPES, TAGS_PAGE, TAGS_PAGES_MAX, TAGS_PATIENCE_S

_HOST = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\..+")
_NOT_NOW = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "ServerException")
_GRANT = "grant ecr:BatchGetImage on the repository to who this runs as"
_LOG_IN = "log in: aws sso login, or set AWS_PROFILE"


def connect(host: str, base: str | None) -> "Ecr":
    """Return the account's registry in its region; AWS_ENDPOINT_URL is heeded, as by every AWS client."""
    return Ecr(host, base)


class Ecr:
    """One account's registry in one region."""

    def __init__(self, host: str, base: str | None, patience_s: float = PATIENCE_S) -> None:
        found = _HOST.fullmatch(host)
        if found is None:
            raise ValueError(f"{host!r} is not a host of ECR")
        self._account, self._region = found["account"], found["region"]
        self._fips, self._base = bool(found["fips"]), base
        self._patience_s = patience_s
        self._client: Any = None

    async def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag's or a digest's manifest, None where there is none."""
        return await tried(partial(self._call, self._digest, repository, reference), self._patience_s)

    async def tags(self, repository: str) -> Sequence[str]:
        """Return the first tags, up to ten thousand; none where there is no such repository."""
        return await tried(partial(self._call, self._tags, repository), TAGS_PATIENCE_S)

    async def aclose(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()

    async def _call(self, call: Any, *arguments: str) -> Any:
        """Make a blocking call in a thread: the only place that does."""
        return await asyncio.to_thread(self._translated, call, *arguments)

    def _translated(self, call: Any, repository: str, *arguments: str) -> Any:
        with translated(f"ECR {self._account}/{self._region} {repository}"):
            self._client = self._client or self._connected()
            return call(repository, *arguments)

    def _connected(self) -> Any:
        import boto3  # noqa: PLC0415 (100 ms, and only images of ECR need it)
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=5,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            use_fips_endpoint=self._fips or None,
            user_agent_extra="surefoot",
        )
        # A session of our own: the shared one is not made for threads.
        session = boto3.session.Session()
        return session.client("ecr", region_name=self._region, endpoint_url=self._base, config=config)

    def _digest(self, repository: str, reference: str) -> str | None:
        wanted = {"imageDigest" if ":" in reference else "imageTag": reference}
        try:
            answer = self._client.batch_get_image(
                registryId=self._account,
                repositoryName=repository,
                imageIds=[wanted],
                acceptedMediaTypes=MANIFEST_TYPES,
            )
        except self._client.exceptions.RepositoryNotFoundException:
            return None
        for failure in answer.get("failures", ()):
            if failure.get("failureCode") != "ImageNotFound":
                raise Refused(f"ECR {repository}: {failure.get('failureCode')} {failure.get('failureReason')}")
        digests = {str(image["imageId"]["imageDigest"]) for image in answer.get("images", ())}
        if len(digests) > 1 or (digests and ":" in reference and digests != {reference}):
            raise Refused(f"ECR {repository}: answers {', '.join(sorted(digests))} for {reference}")
        return next(iter(digests), None)

    def _tags(self, repository: str) -> Sequence[str]:
        pages = self._client.get_paginator("list_images").paginate(
            registryId=self._account,
            repositoryName=repository,
            filter={"tagStatus": "TAGGED"},
            PaginationConfig={"PageSize": TAGS_PAGE, "MaxItems": TAGS_PAGE * TAGS_PAGES_MAX},
        )
        try:
            return [each["imageTag"] for page in pages for each in page["imageIds"] if "imageTag" in each]
        except self._client.exceptions.RepositoryNotFoundException:
            return ()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours; what AWS says of a bad signature repeats what was signed, and is not quoted."""
    from botocore import exceptions  # noqa: PLC0415 (as boto3)

    try:
        yield
    except exceptions.ClientError as problem:
        raise _refusal(what, problem.response) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as problem:
        raise Unavailable(f"{what}: out of reach ({type(problem).__name__})") from problem
    except exceptions.BotoCoreError as problem:
        raise Refused(f"{what}: no usable AWS credentials ({type(problem).__name__}); {_LOG_IN}") from problem


def _refusal(what: str, response: Any) -> Exception:
    code, status = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    if status >= 500 or code in _NOT_NOW:
        return Unavailable(f"{what}: {code}")
    if code == "AccessDeniedException":
        return Refused(f"{what}: {code}; {_GRANT}")
    return Refused(f"{what}: {code}; {_LOG_IN}")
