"""Steady traffic from a process of its own: sticky clients, each of which posts all rows in turn, again and again.

Clients begin at different rows, so that at any time each row makes up the same share of the traffic: of twenty rows,
one that is unlike the others is one request in twenty, and sooner or later comes from everybody.

    python demo/load.py URL --clients 50 --rate 200 --rows rows.json [--seconds 60]

A client sends its name as `x-user-id`; a few workers with a connection each speak for all of them. Every second a JSON
line goes to standard output: {"second": 3, "sent": 200, "failed": 0, "variants": {"stable": 180, "canary": 20}}; the
last line, after SIGTERM or when the time is over, is the sum, with the failures: when each was sent and when it failed,
in epoch seconds, and with what.
"""

import argparse
import http.client
import json
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

WORKERS = 8
FAILURES_KEPT = 10_000


class Load:
    """Counts what a few worker threads send and get."""

    def __init__(self, url: str, rows: list[str], clients: int, rate: float) -> None:
        self._url = urlsplit(url)
        self._rows = rows
        self._clients = clients
        self._pause = WORKERS / rate
        self._lock = threading.Lock()
        self._variants: Counter[str] = Counter()
        self._sent = 0
        self._failed = 0
        self.failures: list[dict[str, object]] = []
        self.stop = threading.Event()

    def work(self, worker: int) -> None:
        """Send as one of the workers until told to stop. Behind its pace, a worker does not catch up."""
        connection = self._connection()
        visits: Counter[int] = Counter()
        turn = 0
        due = time.monotonic()
        while not self.stop.is_set():
            client = (worker + turn * WORKERS) % self._clients
            body = self._rows[(client + visits[client]) % len(self._rows)]
            visits[client] += 1
            if not self._send(connection, client, body):
                connection.close()
                connection = self._connection()
            turn += 1
            due = max(due + self._pause, time.monotonic() - self._pause)
            self.stop.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def count(self) -> dict[str, object]:
        """What was sent since the start."""
        with self._lock:
            return {"sent": self._sent, "failed": self._failed, "variants": dict(self._variants)}

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._url.hostname or "127.0.0.1", self._url.port or 80, timeout=70)

    def _send(self, connection: http.client.HTTPConnection, client: int, body: str) -> bool:
        sent = time.time()
        headers = {"content-type": "application/json", "x-user-id": f"client-{client}"}
        try:
            connection.request("POST", self._url.path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._note(sent, None, None, repr(error))
            return False
        variant = answer.getheader("x-amzn-invoked-production-variant")
        self._note(sent, variant, answer.status, "" if answer.status == 200 else said.decode())
        return True

    def _note(self, sent: float, variant: str | None, status: int | None, failure: str) -> None:
        with self._lock:
            self._sent += 1
            self._variants[variant or "none"] += 1
            if failure:
                self._failed += 1
                if len(self.failures) < FAILURES_KEPT:
                    who = {"status": status, "variant": variant}
                    self.failures.append({"sent": sent, "failed": time.time(), **who, "said": failure[:500]})


def main() -> None:
    """Run until SIGTERM, or for so many seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rows", type=Path, required=True, help="a JSON file: a list of request bodies")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second, all clients together")
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args()
    rows = [json.dumps(row) for row in json.loads(options.rows.read_text())]
    load = Load(options.url, rows, options.clients, options.rate)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: load.stop.set())
    threads = [threading.Thread(target=load.work, args=(worker,)) for worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    second = 0
    while not load.stop.wait(1.0):
        second += 1
        print(json.dumps({"second": second, **load.count()}), flush=True)
        if time.monotonic() - began > options.seconds:
            load.stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"sum": True, **load.count(), "failures": load.failures}), flush=True)


if __name__ == "__main__":
    main()
