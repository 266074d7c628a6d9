"""Pages that log in by their own scripts and know nothing of second factors, for a server.

``cookies`` keeps a session in a cookie, ``tokens`` a bearer token in the page. Logins go by fetch, or with ``?xhr`` by
XMLHttpRequest. Its policy allows no inline script and no inline style.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attacks.apps import HTML, IN_PLACE, Environ, by_json
from zoo.habits import Scripted, Tokened

PAGE = """<!doctype html><html><head><title>One page</title><script src="/app.js" defer></script></head><body>
<form><input name="username"><input name="password" type="password"><button>Log in</button></form>
<p id="out"></p><button id="more">More</button></body></html>"""
SCRIPT = """
let headers = {}, typed = 0;
const out = (text) => { document.querySelector("#out").textContent = text; };
const post = (body) => fetch("/login", {method: "POST", headers: {"Content-Type": "application/json"}, body})
  .then(async (answer) => [answer.status, answer.ok ? await answer.json() : {}]);
const send = (body) => new Promise((resolve) => {
  const call = new XMLHttpRequest();
  call.responseType = "json";
  call.onreadystatechange = () => { if (call.readyState === 4) resolve([call.status, call.response || {}]); };
  call.open("POST", "/login");
  call.setRequestHeader("Content-Type", "application/json");
  call.send(body);
});
const show = async () => out(await (await fetch("/data", {headers})).text());
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  typed += 1;
  out("wait");
  const body = JSON.stringify(Object.fromEntries(new FormData(event.target)));
  const [status, facts] = await (location.search === "?xhr" ? send : post)(body);
  if (!facts.ok) { out(`no: ${status}`); return; }
  if (facts.token) headers = {Authorization: `Bearer ${facts.token}`};
  await show();
  document.title = `typed ${typed}`;
});
document.querySelector("#more").addEventListener("click", show);
"""


class _Page:
    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == "/app.js":
            start("200 OK", [("Content-Type", "text/javascript")])
            return [SCRIPT.encode()]
        if path in ("/", "/login") and method == "GET":
            start(
                "200 OK", [HTML, ("Content-Security-Policy", "default-src 'self'"), ("Content-Length", str(len(PAGE)))]
            )
            return [PAGE.encode()]
        return super().__call__(environ, start)  # type: ignore[misc,no-any-return]


class Cookies(_Page, Scripted):
    """A session in a cookie."""

    def refused(self, start: Any, headers: Any) -> Iterable[bytes]:
        return self._answer(start, "401 Unauthorized", headers, "{}")


class Tokens(_Page, Tokened):
    """A token in the page."""

    def refused(self, start: Any, headers: Any) -> Iterable[bytes]:
        return self._answer(start, "401 Unauthorized", headers, "{}")


cookies = Cookies(IN_PLACE, {"/login": by_json()})
tokens = Tokens()
