"""The HTTP server: one thread with its own event loop, on loopback only."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import datetime
from ipaddress import ip_address
import json
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web
from yarl import URL

from . import sts
from .consent import HEADERS, consent
from .control import CONTROL_PREFIX, control
from .credential_provider import OPERATION, CredentialProvider, server_context
from .exceptions import ManagedIntegrationsError
from .linking import CONSENT_PATH
from .replies import Reply
from .seeds import seed
from .service import Service
from .sigv4 import SignedRequest
from .switches import Switches
from .timeline import wall_clock
from .world import RecordedRequest, World

FIRST_ACCOUNT_ID = 123456789012
"""The account of the first world, and of the only one that ``python -m emulator`` has."""


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that keeps real time even while a test has frozen it."""

    _monotonic = staticmethod(time.monotonic)

    def time(self) -> float:
        return self._monotonic()


class Emulator:
    """An AWS on this machine; use it as a context manager.

    ``port`` 0 takes any free one. Only loopback addresses are served unless ``allow_remote`` says otherwise: what is
    here is not meant to face a network.
    """

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1", allow_remote: bool = False) -> None:
        """Take the address; :meth:`start` listens on it."""
        if not allow_remote and not ip_address(host).is_loopback:
            raise ValueError(f"{host} is not a loopback address")
        self.host = host
        self.port = port
        self.service = Service()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._runners: list[web.ServerRunner] = []
        self._provider = CredentialProvider(self.service)
        self._provider_port: int | None = None

    def __enter__(self) -> Self:
        """Start serving."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.stop()

    @property
    def url(self) -> str:
        """The endpoint of every emulated service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def credential_endpoint(self) -> str:
        """``host:port`` of AWS IoT's credential provider; raises RuntimeError if it was not started."""
        if self._provider_port is None:
            raise RuntimeError("The credential provider is not running")
        return f"[{self.host}]:{self._provider_port}" if ":" in self.host else f"{self.host}:{self._provider_port}"

    def start(self) -> None:
        """Listen; raises OSError if the port is taken."""
        listener = self._listener(self.port)
        self.port = listener.getsockname()[1]
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="emulator", daemon=True)
        self._thread.start()
        ready.result()

    def start_credential_provider(self, port: int = 0) -> str:
        """Serve AWS IoT's credential provider by mutual TLS on a port of its own, until the emulator stops.

        Returns its :attr:`credential_endpoint`; once it runs, that is all that is done. Raises OSError if the port is
        taken, RuntimeError if the emulator isn't running.
        """
        if self._thread is None or self._loop is None:
            raise RuntimeError("The emulator is not running")
        if self._provider_port is None:
            listener = self._listener(port)
            asyncio.run_coroutine_threadsafe(self._serve_credentials(listener), self._loop).result()
            self._provider_port = listener.getsockname()[1]
        return self.credential_endpoint

    def _listener(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, port), family=family, backlog=128)

    def stop(self) -> None:
        """Close all connections and end the thread."""
        if self._thread is None or self._loop is None or self._stopped is None:
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._thread = None
        self._provider_port = None
        for world in list(self.service.worlds.values()):
            self.remove_world(world)

    def create_world(
        self,
        name: str = "home",
        *,
        account_id: str | None = None,
        region: str = "eu-west-1",
        switches: Switches | None = None,
        quota: float | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> World:
        """Add an account filled as ``home``, ``empty`` or ``fleet:<number of things>``.

        Account ids start with 123456789012 and count up, passing over those in use.
        """
        fill = seed(name)
        if account_id is None:
            number = FIRST_ACCOUNT_ID
            while str(number) in self.service.worlds:
                number += 1
            account_id = str(number)
        elif account_id in self.service.worlds:
            raise ValueError(f"There is a world with account {account_id} already")
        world = World(account_id=account_id, region=region, switches=switches, quota=quota, clock=clock)
        fill(world)
        sts.create_user(world)
        # A new dict each time: the server's thread may be going through the old one.
        self.service.worlds = {**self.service.worlds, account_id: world}
        return world

    def remove_world(self, world: World) -> None:
        """Remove an account; its keys are unknown from now on."""
        self.service.worlds = {key: other for key, other in self.service.worlds.items() if other is not world}
        sts.forget(world)

    @property
    def strangers(self) -> list[RecordedRequest]:
        """The requests that no account could be found for: an unknown key, or no signature at all."""
        return list(self.service.strangers)

    def _run(self, listener: socket.socket, ready: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(self._serve(listener, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, listener: socket.socket, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        await self._add_site(listener, self._handle)
        ready.set_result(None)
        await self._stopped.wait()
        while self._runners:
            await self._runners.pop().cleanup()

    async def _serve_credentials(self, listener: socket.socket) -> None:
        await self._add_site(listener, self._handle_credentials, server_context(self.host))

    async def _add_site(
        self,
        listener: socket.socket,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        context: ssl.SSLContext | None = None,
    ) -> None:
        server = web.Server(handle, access_log=None, auto_decompress=False)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.SockSite(runner, listener, ssl_context=context).start()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path.startswith(CONTROL_PREFIX):
            return self._control(request.method, request.rel_url, body)
        if request.path == CONSENT_PATH:
            return self._consent(request.method, request.rel_url, body)
        signed = SignedRequest(
            method=request.method,
            url=f"http://{request.headers.get('Host', '')}{request.raw_path}",
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
        )
        call = self.service.read(signed)
        if call.world is not None and (delay := call.world.faults.delay(call.name)):
            await asyncio.sleep(delay)
        reply = self.service.answer(call)
        if call.world is not None and (delay := call.world.faults.delay_of_answer(call.name)):
            await asyncio.sleep(delay)
        return _response(request, reply)

    async def _handle_credentials(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        secured = request.transport.get_extra_info("ssl_object") if request.transport else None
        if secured is None:
            return _response(request, Reply(status=None))
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.raw_path.partition("?")[0]
        asked = self._provider.read(request.method, path, headers, secured.getpeercert(binary_form=True))
        if asked.world is not None and (delay := asked.world.faults.delay(OPERATION)):
            await asyncio.sleep(delay)
        return _response(request, self._provider.answer(asked))

    def _consent(self, method: str, url: URL, body: bytes) -> web.Response:
        form = dict(parse_qsl(body.decode(errors="replace")))
        page = consent(self.service.worlds, method, dict(url.query), form)
        return web.Response(status=page.status, text=page.html, content_type="text/html", headers=HEADERS)

    def _control(self, method: str, url: URL, body: bytes) -> web.Response:
        try:
            answer = control(self.service.worlds, method, url.path, dict(url.query), json.loads(body or b"{}"))
        except (LookupError, TypeError, ValueError, ManagedIntegrationsError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response(answer)


def _response(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    if reply.status is None:
        if request.transport is not None:
            request.transport.abort()
        # The connection is gone; this only ends the handler.
        return web.Response(status=500)
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)
