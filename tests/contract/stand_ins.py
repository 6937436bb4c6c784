"""Servers that stand in for what tests cannot have: a Pact Broker, and a system that is not quite its simulator."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]
Handle = Callable[[str, str, dict[str, str], Any], Answer]
"""Method, path, headers and body to status, headers and body."""


@contextmanager
def serving(handle: Handle) -> Iterator[str]:
    """A server on a free port; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, given, content = handle(self.command, self.path, headers, body)
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **given, "content-length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def broker(pacts: dict[str, list[dict[str, Any]]], *, token: str = "", selectors: bool = True) -> Handle:
    """A Pact Broker with these pacts by provider."""

    def handle(method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        if token and headers.get("authorization") != f"Bearer {token}":
            return 401, {}, {}
        base = f"http://{headers['host']}"
        parts = path.strip("/").split("/")
        if path == "/":
            link = "pb:provider-pacts-for-verification" if selectors else "pb:latest-provider-pacts"
            return 200, {}, {"_links": {link: {"href": f"{base}/of/{{provider}}", "templated": True}}}
        if parts[0] == "of":
            found = [{"href": f"{base}/pact/{parts[1]}/{number}"} for number in range(len(pacts.get(parts[1], [])))]
            if method == "POST":
                assert body["consumerVersionSelectors"]
                return 200, {}, {"_embedded": {"pacts": [{"_links": {"self": link}} for link in found]}}
            return 200, {}, {"_links": {"pb:pacts": found}}
        return 200, {}, pacts[parts[1]][int(parts[2])]

    return handle
