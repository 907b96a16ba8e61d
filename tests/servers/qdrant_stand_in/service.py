"""The API: which endpoint a request is for, who may ask, and the form of every answer."""

import hmac
import re
import sys
import time
import traceback
import urllib.parse

from . import collections_api, points_api
from .call import Call
from .cluster import Cluster
from .errors import ApiError, Mismatch
from .filters import invalid_path
from .http_server import Response
from .json_text import write_json

VERSION = "1.18.3"
TITLE = {"title": "qdrant - vector search engine", "version": VERSION,
         "commit": "db8fa43fcb6aedec1e739487e17a99731b74590a"}
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
NOTHING = Response(404, b"", None)
# What the engine's binding says of values that it does not take.
CONVERSION_ERROR = re.compile("invalid JSON path|failed to (extract|convert)|.* is not an instance of|argument '")

# A segment of a path in capitals stands for a value of it.
ROUTES = {
    "GET collections": collections_api.list_collections,
    "GET aliases": collections_api.all_aliases,
    "POST collections/aliases": collections_api.change_aliases,
    "PUT collections/NAME": collections_api.create,
    "GET collections/NAME": collections_api.info,
    "PATCH collections/NAME": collections_api.change,
    "DELETE collections/NAME": collections_api.delete,
    "GET collections/NAME/exists": collections_api.exists,
    "GET collections/NAME/aliases": collections_api.aliases,
    "GET collections/NAME/cluster": collections_api.cluster,
    "GET collections/NAME/snapshots": collections_api.snapshots,
    "POST collections/NAME/snapshots": collections_api.create_snapshot,
    "GET collections/NAME/snapshots/SNAPSHOT": collections_api.snapshot_file,
    "DELETE collections/NAME/snapshots/SNAPSHOT": collections_api.delete_snapshot,
    "PUT collections/NAME/index": points_api.create_index,
    "DELETE collections/NAME/index/FIELD": points_api.delete_index,
    "POST collections/NAME/facet": points_api.facet,
    "PUT collections/NAME/points": points_api.changing(points_api.upsert),
    "POST collections/NAME/points": points_api.retrieve,
    "GET collections/NAME/points/ID": points_api.get_point,
    "POST collections/NAME/points/delete": points_api.changing(points_api.delete),
    "POST collections/NAME/points/batch": points_api.batch,
    "POST collections/NAME/points/payload": points_api.changing(points_api.set_payload),
    "PUT collections/NAME/points/payload": points_api.changing(points_api.overwrite_payload),
    "POST collections/NAME/points/payload/delete": points_api.changing(points_api.delete_payload),
    "POST collections/NAME/points/payload/clear": points_api.changing(points_api.clear_payload),
    "PUT collections/NAME/points/vectors": points_api.changing(points_api.update_vectors),
    "POST collections/NAME/points/vectors/delete": points_api.changing(points_api.delete_vectors),
    "POST collections/NAME/points/scroll": points_api.scroll,
    "POST collections/NAME/points/count": points_api.count,
    "POST collections/NAME/points/query": points_api.query_endpoint(search=False, many=False),
    "POST collections/NAME/points/query/batch": points_api.query_endpoint(search=False, many=True),
    "POST collections/NAME/points/search": points_api.query_endpoint(search=True, many=False),
    "POST collections/NAME/points/search/batch": points_api.query_endpoint(search=True, many=True),
}


class Router:
    """A tree of path segments."""

    def __init__(self, routes):
        self._root = {}
        for pattern, handler in routes.items():
            method, _, path = pattern.partition(" ")
            node = self._root
            for segment in path.split("/"):
                node = node.setdefault(None if segment.isupper() else segment, {})
            node.setdefault("handlers of", {})[method] = handler

    def find(self, method, segments):
        """The handler and the values of the path; no handler when there is none."""
        node, values = self._root, []
        for segment in segments:
            following = node.get(segment)
            if following is None or segment == "handlers of":
                following = node.get(None)
                if following is None:
                    return None, values
                values.append(segment)
            node = following
        return node.get("handlers of", {}).get(method), values


ROUTER = Router(ROUTES)


class Service:
    """handle() is called by many threads."""

    def __init__(self, storage, api_key, seed):
        self._storage = storage
        self._api_key = api_key
        self._seed = seed
        self._started = time.time()
        self.cluster = None

    def listens_on(self, ports):
        self.cluster = Cluster(ports, self._seed)

    @property
    def nodes(self):
        return len(self.cluster.peers)

    def handle(self, request):
        start = time.perf_counter()
        path, _, query = request.target.partition("?")
        segments = path.split("/")[1:]
        token = ""
        if len(segments) >= 2 and segments[0] == "t":
            token, segments = segments[1], segments[2:] or [""]
        try:
            answer = self._open(request.method, segments)
            if answer is not None:
                return answer
            self._authenticate(request.headers)
            if token and segments == [""] and request.method == "DELETE":
                self._storage.drop(token)
                return json_answer("true", start)
            universe = self._storage.universe(token)
            return self._monitoring(request, segments, universe, start) or \
                self._api(request, segments, query, universe, start)
        except ApiError as error:
            return error_answer(error, start)

    @staticmethod
    def _open(method, segments):
        """What needs no key."""
        if method not in ("GET", "HEAD") or len(segments) != 1:
            return None
        if segments[0] == "":
            return Response(200, write_json(TITLE).encode(), JSON)
        if segments[0] in ("healthz", "livez"):
            return Response(200, b"healthz check passed", TEXT)
        if segments[0] == "readyz":
            return Response(200, b"all shards are ready", TEXT)
        return None

    def _authenticate(self, headers):
        if self._api_key is None:
            return
        key = headers.get("api-key")
        if key is None:
            kind, _, key = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not key:
                raise ApiError(401, "Must provide an API key or an Authorization bearer token", plain=True)
        if not hmac.compare_digest(key.encode("latin-1"), self._api_key.encode()):
            raise ApiError(401, "Invalid API key or JWT", plain=True)

    def _monitoring(self, request, segments, universe, start):
        if request.method != "GET" or len(segments) != 1:
            return None
        if segments[0] == "metrics":
            return Response(200, self._metrics(universe).encode(), TEXT)
        if segments[0] == "telemetry":
            telemetry = {"id": str(self.cluster.peers[request.node]),
                         "app": {"name": "qdrant", "version": VERSION, "startup": time.strftime(
                             "%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))},
                         "collections": {"number_of_collections": len(universe.names())},
                         "cluster": {"enabled": self.cluster.enabled}}
            return json_answer(write_json(telemetry), start)
        if segments[0] == "cluster":
            return json_answer(write_json(self.cluster.status(request.node)), start)
        return None

    @staticmethod
    def _metrics(universe):
        lines = []

        def metric(name, help_text, samples):
            lines.extend([f"# HELP {name} {help_text}", f"# TYPE {name} gauge"])
            lines.extend(f"{name}{labels} {value}" for labels, value in samples)

        collections = sorted(universe.collections(), key=lambda collection: collection.name)
        counts = {collection.name: collection.points_count() for collection in collections}
        metric("app_info", "information about qdrant server", [(f'{{name="qdrant",version="{VERSION}"}}', 1)])
        metric("app_status_recovery_mode", "features enabled in qdrant server", [("", 0)])
        metric("collections_total", "number of collections", [("", len(collections))])
        metric("collections_vector_total", "total number of vectors in all collections", [("", sum(counts.values()))])
        vectors = [(collection.name, name) for collection in collections
                   for name in collection.settings.dense_vectors]
        metric("collection_vectors", "amount of vectors grouped by vector name",
               [(f'{{collection="{name}",vector="{vector}"}}', counts[name]) for name, vector in vectors])
        metric("collection_indexed_only_excluded_points", "amount of points excluded in indexed_only requests",
               [(f'{{id="{name}",vector="{vector}"}}', 0) for name, vector in vectors])
        replicas = [collection.settings.replicas for collection in collections] or [0]
        metric("collection_active_replicas_min", "minimum number of active replicas across all shards",
               [("", min(replicas))])
        metric("collection_active_replicas_max", "maximum number of active replicas across all shards",
               [("", max(replicas))])
        metric("collection_running_optimizations",
               "number of currently running optimization tasks per collection",
               [(f'{{id="{collection.name}"}}', 0) for collection in collections])
        return "\n".join(lines) + "\n"

    def _api(self, request, segments, query, universe, start):
        handler, values = ROUTER.find(request.method, segments)
        if handler is None:
            return NOTHING
        call = Call(self, universe, request.node, query, request.body)
        try:
            result = handler(call, *[urllib.parse.unquote(value) for value in values])
        except Mismatch as error:
            raise call.mismatch(error) from error
        except ApiError:
            raise
        except (ValueError, TypeError) as error:
            if not CONVERSION_ERROR.match(str(error)):
                raise self._fault(error) from error
            raise call.mismatch(invalid_path(error)) from error
        except BaseException as error:  # A fault of this program, or a panic of the engine.
            raise self._fault(error) from error
        return result if isinstance(result, Response) else json_answer(result, start)

    @staticmethod
    def _fault(error):
        traceback.print_exception(error)
        sys.stderr.flush()
        return ApiError(500, f"Service internal error: {error}")


def json_answer(result, start):
    return Response(200, f'{{"result":{result},"status":"ok","time":{time.perf_counter() - start:.9f}}}'.encode(), JSON)


def error_answer(error, start):
    if error.plain:
        return Response(error.status, error.message.encode(), None)
    body = f'{{"status":{{"error":{write_json(error.message)}}},"time":{time.perf_counter() - start:.9f}}}'
    return Response(error.status, body.encode(errors="replace"), JSON)
