"""The processes that a house is made of."""

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import httpx

from scripts.errors import HouseError

START_SECONDS = 90
STOP_SECONDS = 30


class ChildProcess:
    """A child in its own session, so that Ctrl-C reaches only us and stopping it reaches all that it started."""

    def __init__(
        self, name: str, command: list[str], *, directory: Path, environment: Mapping[str, str], log: Path | None
    ) -> None:
        """Start it; with `log` its output goes to that file, else to the terminal."""
        self.name = name
        self.log = log
        output = log.open("ab") if log else None
        try:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()

    @property
    def pid(self) -> int:
        """The process id, which is its group's id too."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        # Not reaped before `stop`: until then its id, and its group's, can't become another process's.
        status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if status is None:
            return None
        return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status

    def stop(self) -> None:
        """End it and whatever it started: politely first, then by force."""
        if self._process.returncode is not None:
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.exit_code is None:
            print(f"{self.name} did not stop within {STOP_SECONDS} seconds and is killed", file=sys.stderr)
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def failure(self) -> HouseError:
        """Return the error for a child that ended by itself, with the end of its log."""
        tail = ""
        if self.log:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            tail = f"; the end of {self.log}:\n" + "\n".join(f"  {line}" for line in lines[-15:])
        return HouseError(f"{self.name} ended with exit code {self.exit_code}{tail}")

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until `ready` says so; raises HouseError when the child ends first or START_SECONDS pass."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.exit_code is not None:
                raise self.failure()
            try:
                if ready():
                    return
            except httpx.TransportError:
                pass  # not listening yet; the deadline below decides when that is an error
            if time.monotonic() > deadline:
                raise HouseError(f"{self.name}: {what} did not happen within {START_SECONDS} seconds")
            time.sleep(0.1)
