"""The endpoints below /collections/NAME/points, and facet."""

import qdrant_edge as engine

from . import queries
from .call import objects
from .errors import ApiError, Mismatch, format_error, no_variant, not_found
from .json_text import write_json
from .payload_indexes import schema_of
from .points import id_text, payload_of, point_id, point_ids, point_vectors_of, points_of, record_text, scored_text

Operation = engine.UpdateOperation
NOTHING_SELECTED = "Bad request: Either list of ids or filter must be provided"


def update_text(number, waits):
    return f'{{"operation_id":{number},"status":"{"completed" if waits else "acknowledged"}"}}'


# -- changes: each takes a collection and a body, applies it and returns the operation's number

def upsert(collection, body):
    points = points_of(body, collection.settings)
    if not points:
        raise ApiError(400, "Bad request: Empty update request")
    condition = queries.filter_of(body.get("update_filter"))
    return collection.update(Operation.upsert_points(points, condition), len(points))


def delete(collection, body):
    identifiers, condition = queries.selection(body)
    if condition is not None:
        return collection.update(Operation.delete_points_by_filter(condition))
    if identifiers is None:
        raise no_variant("PointsSelector")
    return collection.update(Operation.delete_points(identifiers), len(identifiers))


def change_payload(by_ids, by_filter):
    def change(collection, body):
        identifiers, condition = queries.selection(body)
        payload = payload_of(body.get("payload"))
        if payload is None:
            raise Mismatch("missing field `payload`")
        key = body.get("key")
        if key is not None and not isinstance(key, str):
            raise Mismatch("invalid type: expected a JSON path")
        if condition is not None:
            return collection.update(by_filter(condition, payload, key))
        if identifiers is None:
            raise ApiError(400, NOTHING_SELECTED)
        return collection.update(by_ids(identifiers, payload, key))
    return change


set_payload = change_payload(Operation.set_payload, Operation.set_payload_by_filter)
overwrite_payload = change_payload(Operation.overwrite_payload, Operation.overwrite_payload_by_filter)


def delete_payload(collection, body):
    identifiers, condition = queries.selection(body)
    if not queries.is_names(body.get("keys")):
        raise Mismatch("missing field `keys`")
    if condition is not None:
        return collection.update(Operation.delete_payload_by_filter(condition, body["keys"]))
    if identifiers is None:
        raise ApiError(400, NOTHING_SELECTED)
    return collection.update(Operation.delete_payload(identifiers, body["keys"]))


def clear_payload(collection, body):
    identifiers, condition = queries.selection(body)
    if condition is not None:
        return collection.update(Operation.clear_payload_by_filter(condition))
    if identifiers is None:
        raise no_variant("PointsSelector")
    return collection.update(Operation.clear_payload(identifiers))


def update_vectors(collection, body):
    points = point_vectors_of(body, collection.settings)
    if not points:
        raise ApiError(400, "Bad request: Empty update request")
    return collection.update(Operation.update_vectors(points), len(points))


def delete_vectors(collection, body):
    identifiers, condition = queries.selection(body)
    names = body.get("vector")
    if not queries.is_names(names):
        raise Mismatch("missing field `vector`")
    if condition is not None:
        return collection.update(Operation.delete_vectors_by_filter(condition, names))
    if identifiers is None:
        raise ApiError(400, NOTHING_SELECTED)
    return collection.update(Operation.delete_vectors(identifiers, names))


BATCHED = {"upsert": upsert, "delete": delete, "set_payload": set_payload, "overwrite_payload": overwrite_payload,
           "delete_payload": delete_payload, "clear_payload": clear_payload, "update_vectors": update_vectors,
           "delete_vectors": delete_vectors}


def changing(change):
    """An endpoint that applies a change."""
    def handle(call, name):
        body = call.json()
        collection = call.universe.collection(name)
        return update_text(change(collection, body), call.waits)
    return handle


def batch(call, name):
    operations = objects(call.json(), "operations")
    for operation in operations:
        if len(operation) != 1 or next(iter(operation)) not in BATCHED or \
                not isinstance(next(iter(operation.values())), dict):
            raise no_variant("UpdateOperation")
    collection = call.universe.collection(name)
    results = []
    for operation in operations:
        kind, body = next(iter(operation.items()))
        results.append(update_text(BATCHED[kind](collection, body), call.waits))
    return f"[{','.join(results)}]"


# -- reading

def get_point(call, name, identifier):
    collection = call.universe.collection(name)
    try:
        wanted = point_id(int(identifier) if identifier.isdecimal() else identifier)
    except ApiError as error:
        raise ApiError(400, f"Bad request: Can not recognize \"{identifier}\" as point id") from error
    with collection.using() as shard:
        found = shard.retrieve([wanted], True, True)
    if not found:
        raise not_found(f"Point with id {identifier} does not exists!")
    return record_text(found[0], True, True)


def retrieve(call, name):
    body = call.json()
    if "ids" not in body:
        raise Mismatch("missing field `ids`")
    wanted = point_ids(body["ids"])
    with_payload, with_vector = queries.payload_selector(body, True), queries.vector_selector(body)
    collection = call.universe.collection(name)
    with collection.using() as shard:
        found = shard.retrieve(wanted, with_payload, with_vector)
    # In the order they were asked for, each once.
    by_id = {record.id: record for record in found}
    records = [by_id[identifier] for identifier in dict.fromkeys(wanted) if identifier in by_id]
    return f"[{','.join(record_text(record, with_payload, with_vector) for record in records)}]"


def scroll(call, name):
    body = call.json()
    request = queries.scroll(body)
    with_payload, with_vector = queries.payload_selector(body, True), queries.vector_selector(body)
    collection = call.universe.collection(name)
    with collection.using() as shard:
        records, following = shard.scroll(request)
    points = ",".join(record_text(record, with_payload, with_vector) for record in records)
    return f'{{"points":[{points}],"next_page_offset":{"null" if following is None else id_text(following)}}}'


def count(call, name):
    request = queries.count(call.json())
    collection = call.universe.collection(name)
    with collection.using() as shard:
        return f'{{"count":{shard.count(request)}}}'


def scored_list(points, body):
    with_payload, with_vector = queries.payload_selector(body, False), queries.vector_selector(body)
    return f"[{','.join(scored_text(point, with_payload, with_vector) for point in points)}]"


def run_query(shard, collection, body, search):
    reader = queries.QueryReader(shard, collection.settings, "search_request" if search else "internal")
    request = reader.search(body) if search else reader.query(body)
    return scored_list(shard.query(request), body)


def query_endpoint(search, many):
    def handle(call, name):
        body = call.json()
        bodies = objects(body, "searches") if many else [body]
        # What is wrong with a query is said before the collection is looked for.
        for item in bodies:
            queries.filter_of(item.get("filter"), f"{'search_request' if search else 'internal'}.filter")
        collection = call.universe.collection(name)
        with collection.using() as shard:
            results = [run_query(shard, collection, item, search) for item in bodies]
        if not search:
            results = [f'{{"points":{points}}}' for points in results]
        return f"[{','.join(results)}]" if many else results[0]
    return handle


def facet(call, name):
    request = queries.facet(call.json())
    collection = call.universe.collection(name)
    with collection.using() as shard:
        hits = [{"value": hit.value, "count": hit.count} for hit in shard.facet(request).hits]
    return write_json({"hits": hits})


def create_index(call, name):
    body = call.json()
    field = body.get("field_name")
    if not isinstance(field, str):
        raise Mismatch("missing field `field_name`")
    shown, schema = schema_of(body.get("field_schema"))
    return update_text(call.universe.collection(name).create_index(field, shown, schema), call.waits)


def delete_index(call, name, field):
    return update_text(call.universe.collection(name).delete_index(field), call.waits)
