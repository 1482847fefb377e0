"""The demo as a whole: real processes, Home Assistant's own API, the emulator's log."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from scripts.demo import check
from scripts.errors import HouseError
from scripts.home_assistant_log import complaints
from scripts.house import DASHBOARD, DASHBOARD_PATH, DOMAIN, ROOT, House

SYNCHRONIZE = "button.aws_123456789012_eu_west_1_synchronize"

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.xdist_group("demo")]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _documented_permissions() -> set[str]:
    page = (ROOT / "docs" / "iam-policy.md").read_text(encoding="utf-8")
    policies = [json.loads(policy) for policy in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    return {action for policy in policies for statement in policy["Statement"] for action in statement["Action"]}


def _entry(house: House) -> dict[str, Any]:
    (entry,) = house.api.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    assert isinstance(entry, dict)
    return entry


@contextmanager
def _demo(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the demo; it is stopped in the end if it has not been before."""
    arguments = ["--port", "0", "--emulator-port", "0", "--directory", str(directory)]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "scripts.demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _wait_until_up(demo: subprocess.Popen[str]) -> None:
    assert demo.stdout
    lines: list[str] = []
    while not lines or DASHBOARD_PATH not in lines[-1]:
        lines.append(demo.stdout.readline())
        assert lines[-1], "".join(lines)  # it gives up by itself after a while


def test_register_a_device_then_leave_nothing(tmp_path: Path) -> None:
    with House(tmp_path, keep_state=True) as house:
        pids = house.pids
        assert [_is_alive(pid) for pid in pids] == [True, True]
        entry = _entry(house)
        assert entry["title"] == f"AWS {house.account.account_id} ({house.account.region})"
        tiles = re.findall(r"entity: (\S+)", DASHBOARD.read_text(encoding="utf-8"))
        assert tiles
        assert [house.api.get(f"/api/states/{tile}")["entity_id"] for tile in tiles] == tiles
        used = {f"{request['service']}:{request['operation']}" for request in house.requests()}
        assert "iotmanagedintegrations:ListManagedThings" in used
        assert used - _documented_permissions() == {"sts:GetCallerIdentity"}
        assert check(house) == []
        with pytest.raises(HouseError, match="in use by another run"), House(tmp_path):
            pass
        assert house.api.get("/api/config")["state"] == "RUNNING"
    assert [_is_alive(pid) for pid in pids] == [False, False]
    assert complaints(house.home_assistant_log.read_text(encoding="utf-8")) == []

    # The same state again, against a new cloud at the same address, which refuses this time.
    with House(tmp_path, keep_state=True, emulator_port=int(house.emulator_url.rpartition(":")[2])) as house:
        assert _entry(house)["entry_id"] == entry["entry_id"]
        # A start from what is known doesn't wait for the cloud.
        house.api.post("/api/services/button/press", {"entity_id": SYNCHRONIZE})
        action = {"account_id": house.account.account_id, "action": "iotmanagedintegrations:RegisterAccountAssociation"}
        httpx.post(f"{house.emulator_url}/_emulator/deny", json=action, trust_env=False).raise_for_status()
        with pytest.raises(HouseError, match="/api/services/"):
            check(house)


def test_starts_afresh_and_stops_cleanly(tmp_path: Path) -> None:
    leftover = tmp_path / "home" / ".storage" / "leftover"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    with _demo(tmp_path) as demo:
        _wait_until_up(demo)
        assert not leftover.exists()
        children = _children(demo.pid)
        assert len(children) == 2
        demo.send_signal(signal.SIGINT)
        assert demo.wait() == 0
    assert [_is_alive(pid) for pid in children] == [False, False]


def test_stops_cleanly_while_it_starts(tmp_path: Path) -> None:
    with _demo(tmp_path) as demo:
        while len(children := _children(demo.pid)) < 2:
            assert demo.poll() is None
            time.sleep(0.01)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait() == 0
    assert [_is_alive(pid) for pid in children] == [False, False]


def test_says_so_when_home_assistant_ends(tmp_path: Path) -> None:
    with _demo(tmp_path) as demo:
        _wait_until_up(demo)
        children = _children(demo.pid)
        os.kill(children[-1], signal.SIGTERM)
        assert demo.stdout
        output = demo.stdout.read()
        assert demo.wait() == 1
    assert "Home Assistant ended with exit code" in output
    assert [_is_alive(pid) for pid in children] == [False, False]
