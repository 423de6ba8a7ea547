"""How the API says no: a status code, a sentence, and typed details."""

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode


class Refusal(Exception):
    """An error of the API, given at once or found later inside an operation."""

    def __init__(self, code: StatusCode, message: str, details: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)

    def status(self) -> Status:
        """Return the error as it stands in an operation and in a refused call's trailers."""
        status = Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status


def invalid(field: str, message: str) -> Refusal:
    """Return the refusal of a field's value."""
    return Refusal(StatusCode.INVALID_ARGUMENT, f"{field}: {message}")


def retry_info(seconds: float) -> Message:
    """Return the detail that asks a caller to come back after `seconds`."""
    delay = Duration()
    delay.FromNanoseconds(round(seconds * 1e9))
    return RetryInfo(retry_delay=delay)
