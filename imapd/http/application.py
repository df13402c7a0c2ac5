# SPDX-License-Identifier: MIT
"""The WSGI application: finds the route, answers, and turns what goes wrong into JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from imapd import log, metrics
from imapd.http.health import Health

JSON = "application/json"
METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_STATUS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error", 503: "Unavailable"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    kind: str = JSON


Handler = Callable[[], Answer]


class Application:
    def __init__(self, health: Health, metrics_directory: str):
        self._health = health
        self._metrics_directory = metrics_directory
        self._routes: dict[str, dict[str, Handler]] = {
            "/health": {"GET": self._tell_health},
            "/metrics": {"GET": self._tell_metrics},
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        try:
            answer = self._answer("GET" if method == "HEAD" else method, environ.get("PATH_INFO", ""))
        except Exception:
            log.exception("http request failed")
            answer = told(500, {"error": "internal error"})
        start_response(
            f"{answer.status} {_STATUS[answer.status]}",
            [
                ("Content-Type", answer.kind),
                ("Content-Length", str(len(answer.body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
        return [b"" if method == "HEAD" else answer.body]

    def _answer(self, method: str, path: str) -> Answer:
        handlers = self._routes.get(path)
        if handlers is None:
            return told(404, {"error": "no such resource"})
        if method not in handlers:
            return told(405, {"error": f"only {', '.join(handlers)}"})
        return handlers[method]()

    def _tell_health(self) -> Answer:
        report = self._health.report()
        return told(503 if report["status"] == "failed" else 200, report)

    def _tell_metrics(self) -> Answer:
        return Answer(200, metrics.exposition(self._metrics_directory), METRICS_TEXT)


def told(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body).encode() + b"\n")
