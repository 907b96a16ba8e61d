"""One collection: the engine's shard, its settings, and the order of the changes to it."""

import hashlib
import json
import mmap
import os
import shutil
import struct
import subprocess
import threading
import time
from contextlib import contextmanager

import qdrant_edge as engine

from .errors import ApiError, no_collection, not_found, wrong_input
from .settings import Settings

ENGINE_INPUT_ERRORS = ("Not existing vector name error", "Vector dimension error", "No appropriate index",
                       "No range index", "Wrong usage of", "Wrong input", "Conversion between")


def engine_failure(error):
    text = str(error)
    if text.startswith(ENGINE_INPUT_ERRORS):
        return wrong_input(text)
    if text.startswith("No point with id"):
        return not_found(text)
    if text.startswith("Validation failed"):
        return ApiError(400, f"Bad request: {text}")
    return ApiError(500, f"Service internal error: {text}")


def write_file(path, text):
    """At once or not at all."""
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


class OperationCounter:
    """The number of the last operation. In memory that the system writes to disk, so that it outlives this process."""

    _number = struct.Struct("<q")

    def __init__(self, path):
        if not path.exists():
            path.write_bytes(self._number.pack(-1))
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._number.size)

    def next(self):
        value = self._number.unpack_from(self._memory)[0] + 1
        self._number.pack_into(self._memory, 0, value)
        return value


class Collection:
    """Thread-safe. Changes are applied one after the other; whoever reads sees all that were answered."""

    def __init__(self, folder, name, settings, schema, fresh):
        self.folder = folder
        self.name = name
        self.settings = settings
        self.schema = schema
        self._changing = threading.RLock()
        self._users = 0
        self._idle = threading.Condition()
        self._closed = False
        self._shard = None
        self._counter = OperationCounter(folder / "operations")
        self.unflushed = 0
        self.unoptimized = 0
        self.last_change = 0.0
        if fresh:
            self._shard = engine.EdgeShard.create(str(folder / "shard"), settings.engine_settings())
            self._count_only()
            self.save()

    @staticmethod
    def create(folder, name, settings):
        folder.mkdir(parents=True)
        try:
            return Collection(folder, name, settings, {}, fresh=True)
        except BaseException:
            shutil.rmtree(folder)
            raise

    @staticmethod
    def load(folder):
        """None when the folder's collection was not complete."""
        try:
            saved = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Collection(folder, saved["name"], Settings(saved["settings"]), saved["schema"], fresh=False)

    def save(self):
        write_file(self.folder / "collection.json", json.dumps(
            {"name": self.name, "settings": self.settings.saved(), "schema": self.schema}))

    @contextmanager
    def using(self):
        """The shard, which stays open meanwhile."""
        with self._idle:
            if self._closed:
                raise no_collection(self.name)
            if self._shard is None:
                self._shard = engine.EdgeShard.load(str(self.folder / "shard"))
            self._users += 1
        try:
            yield self._shard
        except ApiError:
            raise
        except Exception as error:  # The engine throws nothing more specific.
            if type(error) is not Exception:
                raise
            raise engine_failure(error) from error
        finally:
            with self._idle:
                self._users -= 1
                self._idle.notify_all()

    def close_for_ever(self):
        """Waits for its users. Its folder, which is then to be removed, is no collection's any more."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._users == 0)
            if self._shard is not None:
                self._shard.close()
                self._shard = None
        (self.folder / "collection.json").unlink()

    def _count_only(self):
        """An operation that does nothing: the server counts some that the engine does not have."""
        self._shard.update(engine.UpdateOperation.delete_points([]))
        return self._counter.next()

    def _apply(self, shard, operation, points):
        number = self._counter.next()
        shard.update(operation)
        self.unflushed += 1
        self.unoptimized += points
        self.last_change = time.monotonic()
        return number

    def update(self, operation, points=1):
        """Applies an operation and returns its number."""
        with self._changing, self.using() as shard:
            return self._apply(shard, operation, points)

    def create_index(self, field, shown, schema):
        with self._changing, self.using() as shard:
            self._count_only()
            number = self._apply(shard, engine.UpdateOperation.create_field_index(field, schema), 0)
            self.schema = {**self.schema, field: shown}
            self.save()
            return number

    def delete_index(self, field):
        with self._changing, self.using() as shard:
            number = self._apply(shard, engine.UpdateOperation.delete_field_index(field), 0)
            self.schema = {name: shown for name, shown in self.schema.items() if name != field}
            self.save()
            return number

    def change_settings(self, body):
        with self._changing, self.using():
            self.settings = self.settings.changed(body)
            self.save()

    def flush(self):
        with self._changing, self.using() as shard:
            self.unflushed = 0
            shard.flush()

    def optimize(self):
        """Builds the vectors' index. The engine lets no other thread run meanwhile."""
        with self._changing, self.using() as shard:
            self.unoptimized = 0
            shard.optimize()

    def points_count(self):
        with self.using() as shard:
            return shard.count(engine.CountRequest(exact=True))

    def info(self):
        with self.using() as shard:
            found = shard.info()
            indexes = found.payload_schema
            schema = {name: {**shown, "points": indexes[name].points if name in indexes else 0}
                      for name, shown in sorted(self.schema.items())}
            return {"status": "green", "optimizer_status": "ok", "indexed_vectors_count": found.indexed_vectors_count,
                    "points_count": shard.count(engine.CountRequest(exact=True)),
                    "segments_count": found.segments_count, "config": self.settings.shown(), "payload_schema": schema,
                    "update_queue": {"length": 0}}

    # -- snapshots

    @property
    def _snapshots(self):
        return self.folder / "snapshots"

    def create_snapshot(self, peer):
        name = f"{self.name}-{peer}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}.snapshot"
        self._snapshots.mkdir(exist_ok=True)
        with self._changing, self.using() as shard:
            shard.flush()
            path = self._snapshots / name
            temporary = path.with_suffix(".new")
            # The engine's files have much room in them that was never written to.
            subprocess.run(["tar", "-C", self.folder, "-cSf", temporary, "--exclude=shard/wal", "shard",
                            "collection.json"], check=True)
            checksum = hashlib.sha256(temporary.read_bytes()).hexdigest()
            path.with_suffix(".checksum").write_text(checksum, encoding="ascii")
            os.replace(temporary, path)
            return self._snapshot(path)

    @staticmethod
    def _snapshot(path):
        status = path.stat()
        return {"name": path.name, "creation_time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(status.st_mtime)),
                "size": status.st_size, "checksum": path.with_suffix(".checksum").read_text(encoding="ascii")}

    def snapshots(self):
        return [self._snapshot(path) for path in sorted(self._snapshots.glob("*.snapshot"))]

    def snapshot_file(self, name):
        path = self._snapshots / name
        if path.name != name or path.suffix != ".snapshot" or not path.exists():
            raise ApiError(404, f"Not found: Snapshot {name} not found")
        return path

    def delete_snapshot(self, name):
        path = self.snapshot_file(name)
        path.unlink()
        path.with_suffix(".checksum").unlink()
