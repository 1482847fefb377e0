"""The page on which an end user lets a vendor account be used, as the vendor would serve it."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from .linking import DENIED
from .resources import AccountAssociation
from .world import World

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { display: grid; min-height: 100vh; margin: 0; place-items: center; background: light-dark(#eef1f5, #14171c); }
main { max-width: 26rem; margin: 1rem; padding: 2rem; border-radius: 1rem; background: light-dark(#fff, #20252d);
  box-shadow: 0 .25rem 1.5rem #0003; }
.vendor { margin: 0; font-weight: 600; color: light-dark(#0b6b57, #5fd3b8); }
h1 { margin: .25rem 0 1rem; font-size: 1.35rem; line-height: 1.3; }
form { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1; padding: .7rem; border: 1px solid light-dark(#0b6b57, #5fd3b8); border-radius: .5rem;
  background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button[value=allow] { background: light-dark(#0b6b57, #5fd3b8); color: light-dark(#fff, #10201c); }
button:focus-visible { outline: 3px solid #4a90d9; outline-offset: 2px; }
"""
_DEAD_LINKS = {
    "expired": (410, "This link has expired", "Start the linking again to get a new one."),
    "used": (410, "This link is no longer good", "It was used before, or a newer one has replaced it."),
    "unknown": (404, "This link is not known", "Check that it was copied as a whole, or start the linking again."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An HTML page with its HTTP status."""

    status: int
    html: str


def consent(worlds: Mapping[str, World], method: str, query: Mapping[str, str], form: Mapping[str, str]) -> Page:
    """Show the page (GET) or take what was clicked on it (POST, ``decision`` allow or deny) for the ``state`` given."""
    if method not in ("GET", "HEAD", "POST"):
        return _message(405, "Not possible", "This page can only be opened and answered.")
    token = (form if method == "POST" else query).get("state", "")
    dead = "unknown"
    for world in worlds.values():
        with world.lock:
            world.timeline.settle()
            state, association = world.backend.linking.find_link(token)
            if association is not None:
                return _decide(world, association, form) if method == "POST" else _ask(world, association, token)
        if state != "unknown":
            dead = state
    return _message(*_DEAD_LINKS[dead])


def _vendor(world: World, association: AccountAssociation) -> str:
    destination = world.backend.connector_destinations.rows.get(association.connector_destination_id)
    return destination.name if destination else association.connector_destination_id


def _ask(world: World, association: AccountAssociation, token: str) -> Page:
    vendor = escape(_vendor(world, association))
    return _page(
        200,
        f"{vendor} – sign in",
        f"""<p class="vendor">{vendor}</p>
<h1>{vendor} wants to let AWS IoT Managed Integrations use your account</h1>
<p>It will be able to find the devices of this account, to read their state and to control them.</p>
<form method="post">
<input type="hidden" name="state" value="{escape(token)}">
<button name="decision" value="deny">Deny</button>
<button name="decision" value="allow">Allow</button>
</form>""",
    )


def _decide(world: World, association: AccountAssociation, form: Mapping[str, str]) -> Page:
    vendor = _vendor(world, association)
    match form.get("decision"):
        case "allow":
            world.backend.linking.answer(association, None)
            return _message(200, f"{vendor} is linked", "You can close this window.")
        case "deny":
            world.backend.linking.answer(association, DENIED)
            return _message(200, f"{vendor} was not linked", "You denied the access. You can close this window.")
        case _:
            return _message(400, "Nothing was decided", "Go back and choose Allow or Deny.")


def _message(status: int, title: str, text: str) -> Page:
    return _page(status, escape(title), f"<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>")


def _page(status: int, title: str, content: str) -> Page:
    return Page(
        status=status,
        html=f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
""",
    )
