"""A house to try the integration in: the emulated AWS and a real Home Assistant, each a process of its own.

Used by `scripts/demo`, `scripts/develop` and by tests that need the whole thing. Everything binds to the loopback
interface; everything that is written lies below one folder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import fcntl
import json
import os
from pathlib import Path
import shutil
import socket
import sys
import time
from typing import Any, Self

import httpx
import yaml

from scripts.child_process import ChildProcess
from scripts.errors import HouseError
from scripts.home_assistant_api import HomeAssistantApi
from scripts.interrupts import INTERRUPTS

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
DOMAIN = "mi_registration"
DASHBOARD = ROOT / "docs" / "examples" / "dashboard.yaml"
DASHBOARD_PATH = "managed-things"
RESTART_EXIT_CODE = 100
"""What Home Assistant exits with when its user asks for a restart."""

_EDITED_FILES = ("automations.yaml", "scripts.yaml")
"""Where Home Assistant's editors save to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The emulated AWS account that a house lives in."""

    account_id: str
    region: str
    access_key_id: str
    secret_access_key: str


def choose_port(port: int, option: str) -> int:
    """Return a port that can be listened on; 0 asks for any.

    Raises HouseError, naming the port and the option that changes it, when the port is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise HouseError(f"port {port} cannot be used ({error.strerror}): choose another with {option}") from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _environment() -> dict[str, str]:
    """Return this process's environment without credentials, Regions or proxies: the emulated AWS is all there is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return kept | {
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "PYTHONUNBUFFERED": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class House:
    """The emulated AWS and a Home Assistant configured against it. Use it as a context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        emulator_port: int = 0,
        keep_state: bool = False,
        log_level: str = "info",
        log_to_terminal: bool = False,
        python: Path = Path(sys.executable),
    ) -> None:
        """Describe it; nothing is started yet. Port 0 means any free port.

        `log_level` is this integration's; everything else logs at "info". `python` has the Home Assistant to run.
        """
        self.directory = directory
        self.log_directory = directory / "log"
        self._port = port
        self._emulator_port = emulator_port
        self._keep_state = keep_state
        self._log_level = log_level
        self._log_to_terminal = log_to_terminal
        self._python = python
        self._lock: int | None = None
        self._children: list[ChildProcess] = []
        self.api: HomeAssistantApi
        self.account: Account
        self.url = ""
        self.emulator_url = ""

    def __enter__(self) -> Self:
        """Build it; returns when Home Assistant runs and the integration is configured."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process."""
        self.stop()

    @property
    def home_assistant_log(self) -> Path:
        """Home Assistant's log, unless it goes to the terminal."""
        return self.log_directory / "home_assistant.log"

    @property
    def pids(self) -> list[int]:
        """Process ids of the emulator and Home Assistant."""
        return [child.pid for child in self._children]

    def _start(self) -> None:
        port = choose_port(self._port, "--port")
        emulator_port = choose_port(self._emulator_port, "--emulator-port")
        self._take_directory()
        self.url = f"http://{HOST}:{port}"
        self.emulator_url = f"http://{HOST}:{emulator_port}"
        self.api = HomeAssistantApi(self.url)
        self._write_configuration(port)
        command = [sys.executable, "-m", "emulator", "--port", str(emulator_port), "--world", "home"]
        emulator = self._run("the emulator", "emulator.log", command)
        self._run_home_assistant()
        emulator.wait_until(self._read_account, "its first answer")
        self._wait_for_home_assistant()
        self._configure_integration()

    def stop(self) -> None:
        """End every process that was started; safe to call twice."""
        while self._children:
            self._children[-1].stop()
            self._children.pop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self.url:
            self.api.close()

    def run(self) -> None:
        """Stay until one of the two ends by itself, which raises HouseError.

        A restart that is asked for in the browser is done.
        """
        while True:
            for child in tuple(self._children):
                if child.exit_code is None:
                    continue
                if child is not self._children[-1] or child.exit_code != RESTART_EXIT_CODE:
                    raise child.failure()
                self.restart()
            time.sleep(0.5)

    def restart(self) -> None:
        """Restart Home Assistant; its cloud goes on."""
        self._children.pop().stop()
        self._run_home_assistant()
        self._wait_for_home_assistant()

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until Home Assistant did something; raises HouseError when it ends first, or takes too long."""
        self._children[-1].wait_until(ready, what)

    def _take_directory(self) -> None:
        """Make the folder ours: empty, unless its state is kept."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lock_file = self.directory / "lock"
        self._lock = os.open(lock_file, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HouseError(f"{self.directory} is in use by another run: stop that one first") from error
        for entry in self.directory.iterdir():
            if entry == lock_file or (self._keep_state and entry != self.log_directory):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.log_directory.mkdir()

    def _write_configuration(self, port: int) -> None:
        """Write what a user would have after onboarding."""
        for name in _EDITED_FILES:
            (self.directory / name).touch()
        for target in (ROOT / "custom_components", DASHBOARD):
            link = self.directory / target.name
            if not link.is_symlink():
                link.symlink_to(target)
        _write_yaml(
            self.directory / "configuration.yaml",
            {
                "homeassistant": {
                    "name": "Home",
                    "latitude": 53.35,
                    "longitude": -6.26,
                    "elevation": 20,
                    "unit_system": "metric",
                    "currency": "EUR",
                    "country": "IE",
                    "language": "en",
                    "time_zone": "Europe/Dublin",
                    "auth_providers": [
                        {
                            "type": "trusted_networks",
                            "trusted_networks": [f"{HOST}/32"],
                            "allow_bypass_login": True,
                        },
                        {"type": "homeassistant"},
                    ],
                },
                "api": None,
                "automation": _Include("automations.yaml"),
                "config": None,
                "diagnostics": None,
                "frontend": None,
                "history": None,
                "logbook": None,
                "logger": {"default": "info", "logs": {f"custom_components.{DOMAIN}": self._log_level}},
                "lovelace": {
                    "dashboards": {
                        DASHBOARD_PATH: {
                            "mode": "yaml",
                            "filename": DASHBOARD.name,
                            "title": "Managed things",
                            "icon": "mdi:cloud-check-variant",
                            "show_in_sidebar": True,
                        }
                    }
                },
                "recorder": None,
                "repairs": None,
                "script": _Include("scripts.yaml"),
                "system_health": None,
                "trace": None,
            },
        )
        if not (self.directory / ".storage" / "onboarding").exists():
            # Everything but the owner, who is created through the API and completes onboarding.
            self._write_store("onboarding", 4, {"done": ["core_config", "analytics", "integration"]})
            self._write_store("frontend.system_data", 1, {"core": {"default_panel": DASHBOARD_PATH}})
        # As if confirmed in the browser: else Home Assistant takes new HTTP settings back after five minutes.
        http = {"server_host": [HOST], "server_port": port, "cors_allowed_origins": [], "login_attempts_threshold": -1}
        http |= {"ip_ban_enabled": True, "ssl_profile": "modern", "use_x_frame_options": True}
        meta = {"created_at": "2026-01-01T00:00:00+00:00", "error": None, "error_message": None}
        data = {"stable": http | meta, "pending": None, "yaml_migration_done": True}
        self._write_store("http", 2, data, minor_version=2)

    def _write_store(self, key: str, version: int, data: Mapping[str, Any], *, minor_version: int = 1) -> None:
        path = self.directory / ".storage" / key
        path.parent.mkdir(exist_ok=True)
        store = {"version": version, "minor_version": minor_version, "key": key, "data": data}
        path.write_text(json.dumps(store, indent=2), encoding="utf-8")

    def _run(self, name: str, log_name: str, command: list[str]) -> ChildProcess:
        with INTERRUPTS.held():
            child = ChildProcess(
                name,
                command,
                directory=ROOT,
                environment=_environment(),
                log=None if self._log_to_terminal else self.log_directory / log_name,
            )
            self._children.append(child)
        return child

    def _run_home_assistant(self) -> None:
        command = [str(self._python), "-m", "homeassistant", "--config", str(self.directory), "--skip-pip"]
        if not self._log_to_terminal:
            command.append("--log-no-color")
        self._run("Home Assistant", self.home_assistant_log.name, command)

    def _wait_for_home_assistant(self) -> None:
        home_assistant = self._children[-1]
        home_assistant.wait_until(self.api.is_listening, "its first answer")
        self.api.create_owner()
        self.api.log_in()
        home_assistant.wait_until(self.api.is_running, "the end of its start")

    def _read_account(self) -> bool:
        response = httpx.get(f"{self.emulator_url}/_emulator/worlds", trust_env=False)
        if response.is_error:
            return False
        world = response.json()["worlds"][0]
        self.account = Account(**{name: world[name] for name in Account.__slots__})
        return True

    def command(self, command: str, **arguments: Any) -> None:
        """Change the account in the cloud by a method of the emulator's World."""
        body = {"account_id": self.account.account_id, **arguments}
        httpx.post(f"{self.emulator_url}/_emulator/{command}", json=body, trust_env=False).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return the emulator's log of the requests made in this account, oldest first."""
        response = httpx.get(
            f"{self.emulator_url}/_emulator/requests", params={"account_id": self.account.account_id}, trust_env=False
        ).raise_for_status()
        requests: list[dict[str, Any]] = response.json()["requests"]
        return requests

    def _configure_integration(self) -> None:
        """Go through the config flow as a user does, choosing what is suggested."""
        entries = self.api.get("/api/config/config_entries/entry")
        if any(entry["domain"] == DOMAIN for entry in entries):
            return
        answers: dict[str, Any] = {
            "user": {
                "region": self.account.region,
                "auth_method": "access_key",
                "advanced": {"endpoint_url": self.emulator_url},
            },
            "access_key": {
                "access_key_id": self.account.access_key_id,
                "secret_access_key": self.account.secret_access_key,
            },
            "account_associations": {},
        }
        flows = "/api/config/config_entries/flow"
        result = self.api.post(flows, {"handler": DOMAIN, "show_advanced_options": False})
        while result["type"] == "form":
            if result["errors"] or result["step_id"] not in answers:
                raise HouseError(f"the config flow stopped at {result['step_id']} with {result['errors']}")
            answer: dict[str, Any] = {}
            for field in result["data_schema"]:
                if field.get("type") == "expandable":
                    answer[field["name"]] = {}
                elif field.get("default") is not None:
                    answer[field["name"]] = field["default"]
            answer |= answers.pop(result["step_id"])
            result = self.api.post(f"{flows}/{result['flow_id']}", answer)
        if result["type"] != "create_entry":
            raise HouseError(f"the config flow ended with {result['type']}: {result.get('reason')}")
        entry_id = result["result"]["entry_id"]
        self.wait_until(lambda: self._entry_state(entry_id) == "loaded", "loading the integration")

    def _entry_state(self, entry_id: str) -> str:
        entries = self.api.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
        state: str = next(entry["state"] for entry in entries if entry["entry_id"] == entry_id)
        return state


class _Include(str):
    """The name of a YAML file whose content stands here."""

    __slots__ = ()


def _represent_include(dumper: yaml.SafeDumper, name: _Include) -> yaml.Node:
    return dumper.represent_scalar("!include", name)


yaml.SafeDumper.add_representer(_Include, _represent_include)


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
