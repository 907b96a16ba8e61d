"""The server's JSON filters as the engine's."""

import re

import qdrant_edge as engine

from .errors import Mismatch, no_variant, validation_error
from .points import point_id

FILTER_CLAUSES = ("should", "min_should", "must", "must_not")
LARGEST = 2**63 - 1
SMALLEST = -(2**63)


class bool_:  # pylint: disable=invalid-name
    """A truth value that the engine's binding does not take for the integer 0 or 1, as it takes Python's: it looks for
    integers first, and knows NumPy's truth value by its name."""

    __module__ = "numpy"

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return self.value


TRUTH = {True: bool_(True), False: bool_(False)}


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def json_path(value):
    if not isinstance(value, str):
        raise Mismatch("invalid type: expected a JSON path")
    return value


def match_value(value):
    if isinstance(value, bool):
        return engine.MatchValue(TRUTH[value])
    if isinstance(value, str) or (is_integer(value) and SMALLEST <= value <= LARGEST):
        return engine.MatchValue(value)
    raise no_variant("MatchInterface")


def match_list(values, kind):
    if not isinstance(values, list):
        raise no_variant("MatchInterface")
    if all(isinstance(value, str) for value in values):
        return kind(values)
    if all(is_integer(value) and SMALLEST <= value <= LARGEST for value in values):
        return kind(values)
    raise no_variant("MatchInterface")


def match_string(kind):
    def convert(value):
        if not isinstance(value, str):
            raise no_variant("MatchInterface")
        return kind(value)
    return convert


MATCHES = {
    "value": match_value,
    "any": lambda values: match_list(values, engine.MatchAny),
    "except": lambda values: match_list(values, engine.MatchExcept),
    "text": match_string(engine.MatchText),
    "text_any": match_string(engine.MatchTextAny),
    "phrase": match_string(engine.MatchPhrase),
}


def match(value):
    if isinstance(value, dict):
        for name, convert in MATCHES.items():
            if name in value:
                return convert(value[name])
    raise no_variant("MatchInterface")


def bounds(value):
    return {name: value[name] for name in ("lt", "gt", "gte", "lte") if value.get(name) is not None}


def value_range(value):
    if not isinstance(value, dict):
        raise no_variant("RangeInterface")
    found = bounds(value)
    if all(is_number(bound) for bound in found.values()):
        return engine.RangeFloat(**{name: float(bound) for name, bound in found.items()})
    if not all(isinstance(bound, str) for bound in found.values()):
        raise no_variant("RangeInterface")
    for bound in found.values():
        try:
            engine.RangeDateTime(gte=bound)
        except ValueError as error:
            raise Mismatch(f"'{bound}' does not match accepted datetime format (RFC3339). "
                           "Example: 2014-01-01T00:00:00Z") from error
    return engine.RangeDateTime(**found)


def values_count(value):
    if not isinstance(value, dict):
        raise no_variant("Condition")
    found = bounds(value)
    if not all(is_integer(bound) and bound >= 0 for bound in found.values()):
        raise no_variant("Condition")
    return engine.ValuesCount(**found)


def geo_point(value):
    try:
        return engine.GeoPoint(float(value["lon"]), float(value["lat"]))
    except (KeyError, TypeError, ValueError) as error:
        raise no_variant("Condition") from error


def geo_conditions(value):
    """The three geographic clauses of a field condition."""
    found = {}
    try:
        if box := value.get("geo_bounding_box"):
            corners = [geo_point(box[name]) for name in ("top_left", "bottom_right")]
            found["geo_bounding_box"] = engine.GeoBoundingBox(*corners)
        if circle := value.get("geo_radius"):
            found["geo_radius"] = engine.GeoRadius(geo_point(circle["center"]), float(circle["radius"]))
        if polygon := value.get("geo_polygon"):
            rings = [polygon["exterior"], *(polygon.get("interiors") or [])]
            exterior, *interiors = [[geo_point(point) for point in ring["points"]] for ring in rings]
            found["geo_polygon"] = engine.GeoPolygon(exterior, interiors or None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_variant("Condition") from error
    return found


def field_condition(value, place):
    clauses = geo_conditions(value)
    if value.get("match") is not None:
        clauses["match"] = match(value["match"])
    if value.get("range") is not None:
        clauses["range"] = value_range(value["range"])
    if value.get("values_count") is not None:
        clauses["values_count"] = values_count(value["values_count"])
    for name in ("is_empty", "is_null"):
        if value.get(name) is not None:
            if not isinstance(value[name], bool):
                raise no_variant("Condition")
            clauses[name] = value[name]
    if not clauses:
        raise validation_error(f"{place}.__all__",
                               "Validation error: At least one field condition must be specified [{}]")
    return engine.FieldCondition(key=json_path(value["key"]), **clauses)


def key_of(value):
    if not isinstance(value, dict) or "key" not in value:
        raise no_variant("Condition")
    return json_path(value["key"])


def nested_condition(value, place):
    key = key_of(value)
    if "filter" not in value:
        raise no_variant("Condition")
    return engine.NestedCondition(key, filter_of(value["filter"], f"{place}.nested.filter"))


def condition(value, place):
    if not isinstance(value, dict):
        raise no_variant("Condition")
    if "key" in value:
        return field_condition(value, place)
    if "is_empty" in value:
        return engine.IsEmptyCondition(key_of(value["is_empty"]))
    if "is_null" in value:
        return engine.IsNullCondition(key_of(value["is_null"]))
    if "has_id" in value:
        if not isinstance(value["has_id"], list):
            raise no_variant("Condition")
        return engine.HasIdCondition({point_id(identifier) for identifier in value["has_id"]})
    if "has_vector" in value:
        if not isinstance(value["has_vector"], str):
            raise no_variant("Condition")
        return engine.HasVectorCondition(value["has_vector"])
    if "nested" in value:
        return nested_condition(value["nested"], place)
    if not set(value) <= set(FILTER_CLAUSES):
        raise no_variant("Condition")
    return filter_of(value, place)


def conditions(value, place):
    """A clause takes one condition or a list of them."""
    if isinstance(value, list):
        return [condition(item, f"{place}[{index}]") for index, item in enumerate(value)]
    return [condition(value, place)]


def min_should(value, place):
    if not isinstance(value, dict) or not isinstance(value.get("conditions"), list):
        raise Mismatch("missing field `conditions`")
    count = value.get("min_count")
    if not is_integer(count) or count < 0:
        raise Mismatch("missing field `min_count`")
    return engine.MinShould(conditions(value["conditions"], f"{place}.min_should.conditions"), count)


def filter_of(value, place="filter"):
    """The engine's filter for a JSON one; no filter for null."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Mismatch("invalid type: expected struct Filter")
    for name in value:
        if name not in FILTER_CLAUSES:
            expected = ", ".join(f"`{clause}`" for clause in FILTER_CLAUSES)
            raise Mismatch(f"unknown field `{name}`, expected one of {expected}")
    clauses = {name: conditions(value[name], f"{place}.{name}")
               for name in ("must", "should", "must_not") if value.get(name) is not None}
    if value.get("min_should") is not None:
        clauses["min_should"] = min_should(value["min_should"], place)
    try:
        return engine.Filter(**clauses)
    except ValueError as error:
        raise invalid_path(error) from error


PATH_ERROR = re.compile(r"invalid JSON path (.*)", re.DOTALL)


def invalid_path(error):
    """The engine refuses JSON paths when it is given them, wherever that is."""
    found = PATH_ERROR.search(str(error))
    return Mismatch(f"Invalid json path: '{found[1]}'" if found else str(error).partition("\n")[0])
