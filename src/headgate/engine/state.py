"""The engine's memory: one SQLite database (WAL), `engine.db`.

`resources`  what clients created and may describe, as the JSON that Describe answers: models, endpoint configs, model
             package groups and packages. Keyed by (kind, name); names differ in more than case.
`endpoints`  one row each: status, the fleet in force (`active`) and the one it moves to (`target`).
`instances`  one row for each model-server process that exists or is about to: written before the process is started.
`tags`       for every ARN.

Every change is one transaction; it is on disk (synchronous=FULL) before anybody is told.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headgate.engine.fleet import Fleet
from headgate.errors import Unavailable

EndpointStatus = Literal["Creating", "Updating", "InService", "RollingBack", "Deleting", "Failed"]
InstanceState = Literal["wanted", "draining"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, created REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, name)) STRICT;
CREATE TABLE IF NOT EXISTS endpoints (
    name TEXT PRIMARY KEY COLLATE NOCASE, arn TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL,
    status TEXT NOT NULL, failure_reason TEXT NOT NULL DEFAULT '', active TEXT, target TEXT,
    deployment_config TEXT) STRICT;
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, variant TEXT NOT NULL, kind TEXT NOT NULL, base TEXT NOT NULL,
    address TEXT NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of `endpoints`. `target` is set while a change is under way. Times are epoch seconds."""

    name: str
    arn: str
    created: float
    modified: float
    status: EndpointStatus
    failure_reason: str = ""
    active: Fleet | None = None
    target: Fleet | None = None
    deployment_config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A row of `instances`: one model server, whatever process runs it at the moment.

    `kind` is the variant's (`fleet.Variant.kind`); `base` the folder whose `model/` holds the extracted package;
    `address` is `unix:/path` or `127.0.0.1:port` and stays the same when the process is replaced.
    """

    id: str
    endpoint: str
    variant: str
    kind: str
    base: str
    address: str
    state: InstanceState = "wanted"


class State:
    """The database. Safe to share between threads: one connection under one lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.row_factory = sqlite3.Row
        path.chmod(0o600)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise Unavailable(
                f"The engine cannot use {path}: {error}.",
                hint="Nothing was changed. Put a backup of it (with its -wal) in its place, or move it away: "
                "the engine then starts empty, and stops the model servers that it does not know.",
            ) from None

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(str(found).replace("\n", " "))
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what happens inside, or none of it. May be nested; the outermost one commits."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._db.rollback()
                if isinstance(error, sqlite3.OperationalError):
                    raise Unavailable(
                        f"The engine cannot write its state: {error}.", hint="Is the disk full?"
                    ) from error
                raise

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def _write(self, sql: str, *values: Any) -> None:
        with self.transaction():
            self._db.execute(sql, values)

    # ---- resources

    def resource(self, kind: str, name: str) -> dict[str, Any] | None:
        """The body of one resource, or None. Names are exact here."""
        rows = self._rows("SELECT body FROM resources WHERE kind=? AND name=? COLLATE BINARY", kind, name)
        return json.loads(rows[0]["body"]) if rows else None

    def resource_taken(self, kind: str, name: str) -> str | None:
        """The name, as it was created, that stands in the way of a new `name` (case does not tell them apart)."""
        rows = self._rows("SELECT name FROM resources WHERE kind=? AND name=?", kind, name)
        return str(rows[0]["name"]) if rows else None

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """All bodies of a kind, oldest first."""
        rows = self._rows("SELECT body FROM resources WHERE kind=? ORDER BY created, rowid", kind)
        return [json.loads(row["body"]) for row in rows]

    def put_resource(self, kind: str, name: str, created: float, body: dict[str, Any]) -> None:
        """Create or replace."""
        self._write(
            "INSERT INTO resources VALUES (?,?,?,?) ON CONFLICT (kind, name) DO UPDATE SET body=excluded.body",
            kind, name, created, json.dumps(body),
        )  # fmt: skip

    def delete_resource(self, kind: str, name: str) -> None:
        """Delete; no error when it is gone already."""
        self._write("DELETE FROM resources WHERE kind=? AND name=?", kind, name)

    # ---- endpoints

    def endpoint(self, name: str) -> Endpoint | None:
        """One endpoint, or None."""
        rows = self._rows("SELECT * FROM endpoints WHERE name=? COLLATE BINARY", name)
        return _endpoint(rows[0]) if rows else None

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, oldest first."""
        return [_endpoint(row) for row in self._rows("SELECT * FROM endpoints ORDER BY created, rowid")]

    def endpoint_taken(self, name: str) -> str | None:
        """As `resource_taken`, for endpoints."""
        rows = self._rows("SELECT name FROM endpoints WHERE name=?", name)
        return str(rows[0]["name"]) if rows else None

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Create or replace."""
        self._write(
            "INSERT OR REPLACE INTO endpoints VALUES (?,?,?,?,?,?,?,?,?)",
            endpoint.name, endpoint.arn, endpoint.created, endpoint.modified, endpoint.status, endpoint.failure_reason,
            _fleet_text(endpoint.active), _fleet_text(endpoint.target),
            None if endpoint.deployment_config is None else json.dumps(endpoint.deployment_config),
        )  # fmt: skip

    def delete_endpoint(self, name: str) -> None:
        """Forget an endpoint and its tags. Its instances must be gone."""
        with self.transaction():
            self._write("DELETE FROM tags WHERE arn IN (SELECT arn FROM endpoints WHERE name=?)", name)
            self._write("DELETE FROM endpoints WHERE name=?", name)

    # ---- instances

    def instances(self, endpoint: str | None = None) -> list[Instance]:
        """The instances of one endpoint, or of all, oldest first."""
        rows = self._rows("SELECT * FROM instances WHERE ? IS NULL OR endpoint=? ORDER BY rowid", endpoint, endpoint)
        return [Instance(**dict(row)) for row in rows]

    def put_instance(self, instance: Instance) -> None:
        """Create, or change the state (in place: the order of instances stays)."""
        self._write(
            "INSERT INTO instances VALUES (?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET state=excluded.state",
            instance.id, instance.endpoint, instance.variant, instance.kind, instance.base, instance.address,
            instance.state,
        )  # fmt: skip

    def delete_instance(self, instance_id: str) -> None:
        """Forget an instance. Its process must be gone."""
        self._write("DELETE FROM instances WHERE id=?", instance_id)

    # ---- tags

    def tags(self, arn: str) -> dict[str, str]:
        """All tags of an ARN."""
        return {row["key"]: row["value"] for row in self._rows("SELECT key, value FROM tags WHERE arn=?", arn)}

    def endpoint_tags(self, name: str) -> dict[str, str]:
        """All tags of an endpoint."""
        rows = self._rows("SELECT key, value FROM tags JOIN endpoints USING (arn) WHERE name=? COLLATE BINARY", name)
        return {row["key"]: row["value"] for row in rows}

    def endpoint_tagged(self, key: str, value: str) -> str | None:
        """The name of the first endpoint that has this tag, or None."""
        rows = self._rows(
            "SELECT name FROM endpoints JOIN tags USING (arn) WHERE key=? AND value=? ORDER BY created LIMIT 1",
            key, value,
        )  # fmt: skip
        return str(rows[0]["name"]) if rows else None

    def put_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Add or overwrite some tags."""
        with self.transaction():
            for key, value in tags.items():
                self._write("INSERT OR REPLACE INTO tags VALUES (?,?,?)", arn, key, value)

    def delete_tags(self, arn: str, keys: list[str] | None = None) -> None:
        """Delete some tags, or all of an ARN."""
        with self.transaction():
            for key in self.tags(arn) if keys is None else keys:
                self._write("DELETE FROM tags WHERE arn=? AND key=?", arn, key)


def _fleet_text(fleet: Fleet | None) -> str | None:
    return None if fleet is None else json.dumps(fleet.to_json())


def _fleet(text: str | None) -> Fleet | None:
    return None if text is None else Fleet.from_json(json.loads(text))


def _endpoint(row: sqlite3.Row) -> Endpoint:
    values = dict(row)
    config = values.pop("deployment_config")
    values |= {"active": _fleet(values["active"]), "target": _fleet(values["target"])}
    return Endpoint(**values, deployment_config=None if config is None else json.loads(config))
