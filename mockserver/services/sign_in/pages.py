"""The two pages that a person sees. Everything that came from outside is escaped."""

from __future__ import annotations

from html import escape

from mockserver.call import Reply

_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; form-action *; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
]


def device(user_code: str) -> Reply:
    return _page(
        "Connect a device",
        f"""<form method="post" action="/oauth/device">
<label>Code <input name="user_code" value="{escape(user_code)}" autocomplete="off"></label>
<label>API key <input name="password" type="password"></label>
<button name="decision" value="approve">Approve</button> <button name="decision" value="deny">Deny</button></form>""",
    )


def login(request: str, client: str) -> Reply:
    return _page(
        "Sign in",
        f"""<p>{escape(client)} wants to know who you are.</p><form method="post" action="/oauth/authorize">
<input type="hidden" name="request" value="{escape(request)}">
<label>API key <input name="password" type="password"></label> <button>Sign in</button></form>""",
    )


def told(title: str, text: str, status: int = 200) -> Reply:
    return _page(title, f"<p>{escape(text)}</p>", status)


def _page(title: str, body: str, status: int = 200) -> Reply:
    text = f"<!doctype html><html lang=en><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>\n"
    return Reply(status, text.encode(), list(_HEADERS))
