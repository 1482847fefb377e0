"""The scripts' own parts: ports, what counts as a complaint, which files are broken."""

from pathlib import Path
import re
import socket
import subprocess

import pytest

from scripts import requirements
from scripts.check_files import check
from scripts.errors import HouseError
from scripts.home_assistant_log import complaints
from scripts.house import HOST, ROOT, choose_port

INFO = "2026-11-22 14:15:18.767 INFO (MainThread) [homeassistant.core] Starting Home Assistant"
NOT_TESTED = (
    "2026-11-22 14:15:18.767 WARNING (SyncWorker_0) [homeassistant.loader] We found a custom integration"
    " mi_registration which has not been tested by Home Assistant."
)
OF_ANOTHER = "2026-11-22 14:15:18.767 ERROR (MainThread) [homeassistant.setup] Setup failed for 'ffmpeg'"
OURS = "2026-11-22 14:15:18.767 WARNING (MainThread) [custom_components.mi_registration.coordinator] Slow"
DEBUG_OF_OURS = "2026-11-22 14:15:18.767 DEBUG (MainThread) [custom_components.mi_registration] WARNING: none"
BLOCKING = "2026-11-22 14:15:18.767 WARNING (MainThread) [homeassistant.util.loop] Detected blocking call to open"
USAGE = "2026-11-22 14:15:18.767 WARNING (Thread-9) [homeassistant.helpers.frame] Detected code that calls x. Please"
DEPRECATED = "2026-11-22 14:15:18.767 INFO (MainThread) [x] old was used from mi_registration, this is deprecated"
TRACEBACK = """2026-11-22 14:15:18.767 ERROR (MainThread) [homeassistant.helpers.entity] Update failed
Traceback (most recent call last):
  File "/config/custom_components/mi_registration/sensor.py", line 3, in native_value
ZeroDivisionError"""


@pytest.mark.usefixtures("socket_enabled")
def test_port_in_use_names_it_and_the_option() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(HouseError, match=rf"port {port} cannot be used .*choose another with --emulator-port"):
            choose_port(port, "--emulator-port")
    assert choose_port(port, "--emulator-port") == port


@pytest.mark.usefixtures("socket_enabled")
def test_port_zero_is_any_free_port() -> None:
    assert choose_port(0, "--port") > 0


@pytest.mark.parametrize("zone", ["", "+00:00", "-03:30"])
@pytest.mark.parametrize("record", [OURS, BLOCKING, USAGE, DEPRECATED, TRACEBACK])
def test_complaint(record: str, zone: str) -> None:
    """Home Assistant's log has the time zone since 2026.11."""
    info, record = (text.replace(".767", f".767{zone}") for text in (INFO, record))
    assert complaints(f"not a record\n{info}\n{record}\n{info}\n") == [record]


def test_threads_that_are_left_are_a_complaint() -> None:
    assert complaints(f"{INFO}\nFound 4 non-daemonic threads.\n") == ["Found 4 non-daemonic threads"]


@pytest.mark.parametrize("record", ["", INFO, NOT_TESTED, OF_ANOTHER, DEBUG_OF_OURS])
def test_no_complaint(record: str) -> None:
    assert complaints(f"{INFO}\n{record}\n{INFO}\n") == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("good.json", '{"a": [1]}', None),
        ("bad.json", '{"a": [1}', "Expecting"),
        ("twice.json", '{"a": {"b": 1, "b": 2}}', r"duplicate keys: \['b'\]"),
        ("good.yaml", "a: !secret password\nb: !input {c: 1}\nc: !x [1]\n---\nd: 1\n", None),
        ("bad.yaml", "a: [1", "expected"),
        ("good", "#!/usr/bin/env bash\nif true; then echo; fi\n", None),
        ("bad", "#!/usr/bin/env bash\nif true; then echo\n", "syntax error"),
        ("other", "if true; then echo\n", None),
    ],
)
def test_check_files(tmp_path: Path, name: str, content: str, problem: str | None) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    found = check(path)
    if problem is None:
        assert found is None
    else:
        assert re.search(problem, found or "")


def test_check_files_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"a": "\xe9"}')
    assert "utf-8" in (check(path) or "")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("setup --ha newest", "setup: 'newest' is no version of Home Assistant: versions are like 2026.10.4"),
        ("setup --ha ../2026.10.4", "setup: '../2026.10.4' is no version of Home Assistant: versions are like"),
        ("setup --ha", "setup: unknown arguments: --ha (there are --browser and --ha VERSION)"),
        ("setup --browsers", "setup: unknown arguments: --browsers (there are --browser and --ha VERSION)"),
        ("test --ha newest", "setup: 'newest' is no version of Home Assistant: versions are like 2026.10.4"),
        ("test --ha", "setup: unknown arguments: --ha (there are --browser and --ha VERSION)"),
    ],
)
def test_setup_says_in_a_line_what_is_wrong(command: str, error: str) -> None:
    script, *arguments = command.split()
    done = subprocess.run([ROOT / "scripts" / script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1


def test_requirements_of_dependencies_and_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert any(found.startswith("SQLAlchemy==") for found in requirements.requirements(["history"]))
    requirements.main()
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("home-assistant-frontend==") for line in printed)
    assert any(line.startswith("boto3>=") for line in printed)
    assert not any(line.startswith(requirements.NEED_A_COMPILER) for line in printed)
