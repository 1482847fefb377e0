"""Home Assistant's REST API, as the scripts and tests need it."""

from collections.abc import Mapping
import json
import secrets
from typing import Any

import httpx

from scripts.errors import HouseError


class HomeAssistantApi:
    """Home Assistant's own REST API, used as its user would."""

    def __init__(self, url: str) -> None:
        """Remember where it is; `log_in` comes before anything else."""
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_listening(self) -> bool:
        """Say whether the frontend answers."""
        return self._http.get("/auth/providers").status_code < httpx.codes.INTERNAL_SERVER_ERROR

    def is_running(self) -> bool:
        """Say whether everything is set up."""
        state: str = self.get("/api/config")["state"]
        return state == "RUNNING"

    def create_owner(self) -> None:
        """Create the owner as onboarding does, unless there is one."""
        steps = self._http.get("/api/onboarding")
        if steps.status_code == httpx.codes.NOT_FOUND or all(step["done"] for step in steps.json()):
            return
        owner = {"name": "Robin", "username": "robin", "password": secrets.token_urlsafe(), "language": "en"}
        self._http.post("/api/onboarding/users", json={"client_id": f"{self.url}/", **owner}).raise_for_status()

    def log_in(self) -> None:
        """Log in by the trusted network, as the browser does."""
        client_id = f"{self.url}/"
        flow = self._http.post(
            "/auth/login_flow",
            json={"client_id": client_id, "handler": ["trusted_networks", None], "redirect_uri": client_id},
        ).raise_for_status()
        grant = {"grant_type": "authorization_code", "code": flow.json()["result"], "client_id": client_id}
        token = self._http.post("/auth/token", data=grant).raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def get(self, path: str) -> Any:
        """GET a path; raises HouseError for anything but success."""
        return self._answer(self._http.get(path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST a JSON object; raises HouseError for anything but success."""
        return self._answer(self._http.post(path, json=dict(body)))

    def delete(self, path: str) -> Any:
        """DELETE a path; raises HouseError for anything but success."""
        return self._answer(self._http.delete(path))

    def call_action(self, domain: str, action: str, data: Mapping[str, Any]) -> Any:
        """Call an action and return its answer."""
        return self.post(f"/api/services/{domain}/{action}?return_response", data)["service_response"]

    def render(self, template: str) -> Any:
        """Render a template that produces JSON."""
        response = self._http.post("/api/template", json={"template": template})
        if response.is_error:
            raise HouseError(f"{response.request.url}: {response.status_code} {response.text}")
        return json.loads(response.text)

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_error:
            raise HouseError(f"{response.request.url}: {response.status_code} {response.text}")
        return response.json()
