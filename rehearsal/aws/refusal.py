"""A call that is refused, as AWS says it."""

from collections.abc import Mapping

_SERVER_SIDE: Mapping[str, int] = {
    "ServerException": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServiceError": 500,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
}


class Refusal(Exception):
    """An AWS error: its code, a sentence, and the HTTP status, which follows from the code where none is given."""

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or _SERVER_SIDE.get(code, 400)
