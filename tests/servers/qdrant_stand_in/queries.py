"""Requests that find points: JSON as the engine's requests."""

import qdrant_edge as engine

from .call import boolean, integer, number
from .errors import ApiError, Mismatch, no_variant, not_found, wrong_input
from .filters import filter_of
from .points import DEFAULT_VECTOR, check_vector, one_vector, point_id, point_ids

DEFAULT_LIMIT = 10
RRF_CONSTANT = 2
FUSIONS = {"rrf": lambda: engine.Fusion.Rrf(RRF_CONSTANT), "dbsf": engine.Fusion.Dbsf}
DIRECTIONS = {"asc": engine.Direction.Asc, "desc": engine.Direction.Desc}


def payload_selector(body, default):
    value = body.get("with_payload")
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, dict) and is_names(value.get("include")):
        return engine.PayloadSelector.Include(value["include"])
    if isinstance(value, dict) and is_names(value.get("exclude")):
        return engine.PayloadSelector.Exclude(value["exclude"])
    if is_names(value):
        return engine.PayloadSelector.Include(value)
    raise no_variant("WithPayloadInterface")


def is_names(value):
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def vector_selector(body, default=False):
    value = body.get("with_vector", body.get("with_vectors"))
    if value is None:
        return default
    if isinstance(value, bool) or is_names(value):
        return value
    raise no_variant("WithVector")


def search_parameters(value):
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Mismatch("invalid type: expected struct SearchParams")
    return engine.SearchParams(hnsw_ef=integer(value, "hnsw_ef", None), exact=boolean(value, "exact", False),
                               indexed_only=boolean(value, "indexed_only", False))


def order_by(value):
    if isinstance(value, str):
        return engine.OrderBy(value)
    if not isinstance(value, dict) or not isinstance(value.get("key"), str):
        raise no_variant("OrderByInterface")
    direction = value.get("direction", "asc")
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        raise no_variant("OrderByInterface")
    return engine.OrderBy(value["key"], DIRECTIONS[direction], value.get("start_from"))


def reciprocal_rank_fusion(value):
    if not isinstance(value, dict):
        raise no_variant("QueryInterface")
    constant = integer(value, "k", RRF_CONSTANT)
    return engine.Fusion.Rrf(constant, weights=value.get("weights"))


class QueryReader:
    """Reads the queries of one collection. A query may name a point whose vector is meant; such points are left out of
    its result."""

    def __init__(self, shard, settings, place="internal"):
        self._shard = shard
        self._settings = settings
        self._place = place
        self._named = []

    def _vector_of_point(self, identifier, name):
        found = self._shard.retrieve([identifier], False, True)
        if not found:
            raise not_found(f"No point with id {identifier} found")
        vector = found[0].vector
        if isinstance(vector, dict):
            vector = vector.get(name)
        if vector is None:
            raise wrong_input(f"Not existing vector name error: {name}")
        self._named.append(identifier)
        return vector

    def _nearest(self, value, name):
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            vector = self._vector_of_point(point_id(value), name)
        else:
            vector = one_vector(value, f"{self._place}.query", for_query=True)
        check_vector(name, vector, self._settings)
        return engine.Query.Nearest(vector, using=name)

    def scoring(self, value, name):
        if value is None:
            return None
        if not isinstance(value, dict) or "indices" in value or "text" in value:
            return self._nearest(value, name)
        if "nearest" in value:
            return self._nearest(value["nearest"], name)
        if "fusion" in value:
            if not isinstance(value["fusion"], str) or value["fusion"] not in FUSIONS:
                raise no_variant("QueryInterface")
            return FUSIONS[value["fusion"]]()
        if "rrf" in value:
            return reciprocal_rank_fusion(value["rrf"])
        if "order_by" in value:
            return order_by(value["order_by"])
        if value.get("sample") == "random":
            return engine.Sample.Random
        if set(value) & {"recommend", "discover", "context", "formula", "relevance_feedback"}:
            raise ApiError(501, f"Not implemented: this stand-in does not know the query {sorted(value)[0]}")
        raise no_variant("QueryInterface")

    def _common(self, body):
        name = body.get("using")
        if name is None:
            name = DEFAULT_VECTOR
        if not isinstance(name, str):
            raise Mismatch("invalid type: expected a string as `using`")
        prefetch = body.get("prefetch") or []
        if isinstance(prefetch, dict):
            prefetch = [prefetch]
        if not isinstance(prefetch, list):
            raise Mismatch("invalid type: expected a list as `prefetch`")
        self._named = []
        query = self.scoring(body.get("query"), name)
        condition = filter_of(body.get("filter"), f"{self._place}.filter")
        if self._named:
            named = engine.Filter(must_not=[engine.HasIdCondition(set(self._named))])
            condition = engine.Filter(must=[condition, named]) if condition else named
        if isinstance(query, (engine.Fusion.Rrf, engine.Fusion.Dbsf)) and not prefetch:
            raise ApiError(400, "Bad request: Fusion queries cannot be used without a prefetch")
        return {"query": query, "prefetches": [self._prefetch(item) for item in prefetch], "filter": condition,
                "score_threshold": number(body, "score_threshold"),
                "params": search_parameters(body.get("params"))}

    def _prefetch(self, body):
        if not isinstance(body, dict):
            raise Mismatch("invalid type: expected struct Prefetch")
        limit = integer(body, "limit", DEFAULT_LIMIT, 1, f"{self._place}.prefetch")
        return engine.Prefetch(limit, **self._common(body))

    def query(self, body):
        limit = integer(body, "limit", DEFAULT_LIMIT, 1, self._place)
        return engine.QueryRequest(
            limit, offset=integer(body, "offset", 0), with_payload=payload_selector(body, False),
            with_vector=vector_selector(body), **self._common(body))

    def search(self, body):
        """The form before there were queries."""
        vector, name = body.get("vector"), None
        if isinstance(vector, dict) and "name" in vector:
            vector, name = vector.get("vector"), vector["name"]
        if vector is None:
            raise no_variant("NamedVectorStruct")
        integer(body, "limit", least=1, place=self._place)
        return self.query({**body, "query": vector, "using": name})


def scroll(body):
    offset = body.get("offset")
    return engine.ScrollRequest(
        offset=None if offset is None else point_id(offset),
        limit=integer(body, "limit", DEFAULT_LIMIT, 1, "scroll_request"),
        filter=filter_of(body.get("filter"), "scroll_request.filter"), with_payload=payload_selector(body, True),
        with_vector=vector_selector(body),
        order_by=None if body.get("order_by") is None else order_by(body["order_by"]))


def count(body):
    return engine.CountRequest(exact=boolean(body, "exact", True),
                               filter=filter_of(body.get("filter"), "count_request.filter"))


def facet(body):
    key = body.get("key")
    if not isinstance(key, str):
        raise Mismatch("missing field `key`")
    return engine.FacetRequest(key, limit=integer(body, "limit", DEFAULT_LIMIT, 1, "limit"),
                               exact=boolean(body, "exact", False), filter=filter_of(body.get("filter")))


def selection(body):
    """The points that a change is for: ids or a filter, exactly one of which is not None."""
    if body.get("points") is not None:
        return point_ids(body["points"]), None
    if body.get("filter") is not None:
        return None, filter_of(body["filter"])
    return None, None
