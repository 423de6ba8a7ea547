"""Answers that the splitter gives itself."""

from http import HTTPStatus


def own_answer(status: int, reason: str, *, lasting: bool, bodiless: bool = False) -> bytes:
    """Return an answer with the reason as its text; `bodiless` is for HEAD, which gets the head alone."""
    known = {known.value: known.phrase for known in HTTPStatus}
    text = f"{reason}\n".encode()
    head = (
        f"HTTP/1.1 {status} {known.get(status, 'Fault')}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\n"
        "X-Answered-By: splitter\r\n"
        f"{'' if lasting else 'Connection: close' + chr(13) + chr(10)}\r\n"
    )
    return head.encode() if bodiless else head.encode() + text
