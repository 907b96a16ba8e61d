"""Points, their ids and vectors: from JSON to the engine's and back."""

import struct
import uuid

import qdrant_edge as engine

from .errors import ApiError, Mismatch, no_variant, validation_error, wrong_input
from .json_text import NUMBERS, write_json

DEFAULT_VECTOR = ""
BM25_MODEL = "qdrant/bm25"
LARGEST_ID = 2**64 - 1


def point_id(value):
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID:
        return value
    if isinstance(value, str):
        try:
            return uuid.UUID(value)
        except ValueError:
            pass
    raise ApiError(400, f"Format error in JSON body: value {value} is not a valid point ID, valid values are either an "
                        "unsigned integer or a UUID")


def point_ids(values):
    if not isinstance(values, list):
        raise Mismatch("invalid type: expected a sequence of point ids")
    return [point_id(value) for value in values]


def is_vector(value):
    return isinstance(value, list) and NUMBERS.issuperset(map(type, value))


def sparse_vector(value, place):
    indices, values = value.get("indices"), value.get("values")
    if not isinstance(indices, list) or not is_vector(values):
        raise no_variant("Vector")
    if not all(isinstance(index, int) and 0 <= index < 2**32 for index in indices):
        raise no_variant("Vector")
    if len(values) != len(indices):
        raise validation_error(f"{place}.values", "Validation error: must be the same length as indices [{}]")
    if len(set(indices)) != len(indices):
        raise validation_error(f"{place}.indices", "Validation error: must be unique [{}]")
    return engine.SparseVector(indices, [float(number) for number in values])


def embedded(value, for_query):
    """What the server computes of a text itself."""
    if str(value.get("model")).lower() != BM25_MODEL:
        raise ApiError(400, f"Bad request: Model {value.get('model')} is not supported by this server")
    bm25 = engine.Bm25()
    return bm25.embed_query(value["text"]) if for_query else bm25.embed_document(value["text"])


def one_vector(value, place, for_query=False):
    """A dense, multi or sparse vector."""
    if is_vector(value):
        return value
    if isinstance(value, list) and value and all(is_vector(row) for row in value):
        return value
    if isinstance(value, dict) and "indices" in value:
        return sparse_vector(value, place)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return embedded(value, for_query)
    raise no_variant("Vector")


def vectors(value, settings, place):
    """A point's vectors by name, checked against the collection's: the engine would check them too, but it counts an
    operation that it refuses, which the server does not."""
    if isinstance(value, dict) and not ("indices" in value or "text" in value):
        # The server does not name the vector in the place.
        found = {name: one_vector(item, f"{place}.?") for name, item in value.items()}
    else:
        found = {DEFAULT_VECTOR: one_vector(value, place)}
    for name, vector in found.items():
        check_vector(name, vector, settings)
    return found


def check_vector(name, vector, settings):
    if isinstance(vector, engine.SparseVector):
        if name not in settings.sparse_vectors:
            raise wrong_input(f"Not existing vector name error: {name}")
        return
    size = settings.dimension(name)
    if size is None:
        raise wrong_input(f"Not existing vector name error: {name}")
    for row in vector if vector and isinstance(vector[0], list) else [vector]:
        if len(row) != size:
            raise wrong_input(f"Vector dimension error: expected dim: {size}, got {len(row)}")


def payload_of(value):
    if value is not None and not isinstance(value, dict):
        raise Mismatch("invalid type: expected a map as payload")
    return value


def engine_point(identifier, point_vectors, payload):
    try:
        return engine.Point(identifier, point_vectors, payload)
    except (ValueError, TypeError, OverflowError) as error:
        raise Mismatch(str(error)) from error


def points_of(body, settings):
    """The points of an upsert: a list of them, or a batch of columns."""
    if isinstance(body.get("batch"), dict):
        batch = body["batch"]
        identifiers, columns = batch.get("ids"), batch.get("vectors")
        if isinstance(columns, dict) and all(isinstance(column, list) for column in columns.values()):
            rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
        else:
            rows = columns
        if not isinstance(identifiers, list) or not isinstance(rows, list):
            raise no_variant("PointInsertOperations")
        payloads = batch.get("payloads") or [None] * len(identifiers)
        if len(rows) != len(identifiers) or len(payloads) != len(identifiers):
            raise ApiError(400, "Bad request: number of ids, vectors and payloads must be equal")
        items = [{"id": identifier, "vector": row, "payload": payload}
                 for identifier, row, payload in zip(identifiers, rows, payloads)]
    else:
        items = body.get("points")
    if not isinstance(items, list):
        raise no_variant("PointInsertOperations")
    result = []
    for index, item in enumerate(items):
        if not isinstance(item, dict) or "id" not in item:
            raise no_variant("PointInsertOperations")
        identifier = point_id(item["id"])
        if "vector" not in item:
            raise Mismatch("missing field `vector`")
        found = vectors(item["vector"], settings, f"points[{index}].vector")
        result.append(engine_point(identifier, found, payload_of(item.get("payload"))))
    return result


def point_vectors_of(body, settings):
    items = body.get("points")
    if not isinstance(items, list):
        raise Mismatch("missing field `points`")
    result = []
    for index, item in enumerate(items):
        if not isinstance(item, dict) or "id" not in item or "vector" not in item:
            raise Mismatch("missing field `id` or `vector`")
        found = vectors(item["vector"], settings, f"points[{index}].vector")
        result.append(engine.PointVectors(point_id(item["id"]), found))
    return result


_float = struct.Struct("f")


def float_text(value):
    """A 32-bit float's shortest text, which is what the server writes."""
    exact = _float.pack(value)
    for digits in (6, 7, 8):
        text = f"{value:.{digits}g}"
        if _float.pack(float(text)) == exact:
            break
    else:
        text = f"{value:.9g}"
    return text if "." in text or "e" in text else text + ".0"


POINT_START = len("Point(id=0, vector=")
POINT_END = -len(", payload=None)")


def floats_text(values):
    """As float_text, of many: the engine's own description of a point is the fastest way to it."""
    if values and isinstance(values[0], list):
        return "[" + ",".join(floats_text(row) for row in values) + "]"
    return repr(engine.Point(0, values, None))[POINT_START:POINT_END]


def vector_text(value):
    if isinstance(value, engine.SparseVector):
        return f'{{"indices":{write_json(value.indices)},"values":{floats_text(value.values)}}}'
    if isinstance(value, dict):
        return "{" + ",".join(f"{write_json(name)}:{vector_text(item)}" for name, item in value.items()) + "}"
    return floats_text(value)


def id_text(value):
    return str(value) if isinstance(value, int) else f'"{value}"'


def record_text(record, with_payload, with_vector, score=""):
    parts = [f'"id":{id_text(record.id)}{score}']
    if with_payload:
        parts.append(f'"payload":{write_json(record.payload or {})}')
    if with_vector:
        vector = record.vector
        parts.append(f'"vector":{vector_text({} if vector is None else vector)}')
    if record.order_value is not None:
        parts.append(f'"order_value":{write_json(record.order_value)}')
    return "{" + ",".join(parts) + "}"


def scored_text(point, with_payload, with_vector):
    score = f',"version":{point.version},"score":{float_text(point.score)}'
    return record_text(point, with_payload, with_vector, score)
