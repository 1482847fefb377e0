"""A server on the loopback that sends exactly the bytes a test wrote down, one answer per connection."""

from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
import json
import socketserver
import threading
from typing import Any, Self, override

REQUEST_ID = "11111111-2222-3333-4444-555555555555"


def answer(
    body: Any = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = REQUEST_ID,
) -> bytes:
    """Build an HTTP answer; ``body`` is bytes or what becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), "Connection": "close"}
    if request_id is not None:
        lines["x-amzn-RequestId"] = request_id
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode() + content


def refusal(code: str, message: str = "no", *, status: int = 400, headers: Mapping[str, str] | None = None) -> bytes:
    """Build an error of the service."""
    return answer({"Message": message}, status=status, headers={"x-amzn-ErrorType": code, **(headers or {})})


class _Handler(socketserver.StreamRequestHandler):
    @override
    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        server: ScriptedServer = self.server.owner  # type: ignore[attr-defined]  # set where the server is made
        server.requests.append((head + self.rfile.read(length)).decode())
        if server.answers:
            self.wfile.write(server.answers.popleft())
        elif server.default is not None:
            self.wfile.write(server.default)


class ScriptedServer:
    """Sends ``answers`` in turn, then ``default``; with neither it hangs up. Keeps the text of ``requests``."""

    def __init__(self) -> None:
        self.answers: deque[bytes] = deque()
        self.default: bytes | None = None
        self.requests: list[str] = []
        self._server = socketserver.TCPServer(("127.0.0.1", 0), _Handler)
        self._server.owner = self  # type: ignore[attr-defined]  # what the handler works on
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
