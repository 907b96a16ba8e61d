"""One call of the API: what was asked, and checked reading of it."""

import urllib.parse

from .errors import ApiError, Mismatch, format_error, validation_error
from .json_text import end_of, read_json

CONSISTENCIES = ("majority", "quorum", "all")
ORDERINGS = ("weak", "medium", "strong")
REQUIRED = object()
LARGEST = 2**63 - 1


def deserialize_error(message):
    return ApiError(400, f"Deserialize error in query parameters: {message}")


def zero(name):
    return ApiError(422, f"Validation error in query parameters: [{name}: value 0 invalid, must be 1 or larger]")


def parameters_of(query):
    """A query string's parameters, of which the server's own are checked."""
    found = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if found.get("wait", "true") not in ("true", "false"):
        raise deserialize_error("provided string was not `true` or `false`")
    ordering = found.get("ordering")
    if ordering is not None and ordering not in ORDERINGS:
        raise deserialize_error(f"unknown variant `{ordering}`, expected one of `weak`, `medium`, `strong`")
    consistency = found.get("consistency")
    if consistency is not None and consistency not in CONSISTENCIES:
        if not consistency.isdecimal():
            raise deserialize_error(f"failed to parse read consistency `{consistency}`")
        if int(consistency) == 0:
            raise zero("consistency")
    timeout = found.get("timeout")
    if timeout is not None:
        if not timeout.isdecimal():
            raise deserialize_error("invalid digit found in string")
        if int(timeout) == 0:
            raise zero("timeout")
    return found


class Call:
    """What a handler gets. `node` is the number of the node that was asked."""

    def __init__(self, service, universe, node, query, body):
        self.service = service
        self.universe = universe
        self.node = node
        self.parameters = parameters_of(query) if query else {}
        self._body = body
        self._text = None

    @property
    def waits(self):
        return self.parameters.get("wait") == "true"

    def json(self):
        """The body, an object."""
        value, self._text = read_json(self._body)
        if not isinstance(value, dict):
            raise Mismatch("invalid type: expected a map")
        return value

    def optional_json(self):
        return self.json() if self._body.strip() else {}

    def mismatch(self, error):
        """The answer to a body whose part has the wrong form."""
        return format_error(f"{error} at {end_of(self._text or '')}")


def integer(body, name, default=REQUIRED, least=0, place="internal"):
    value = body.get(name)
    if value is None:
        if default is REQUIRED:
            raise Mismatch(f"missing field `{name}`")
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise Mismatch(f"invalid value: `{value}`, expected usize")
    if value < least:
        raise validation_error(f"{place}.{name}", f"value {value} invalid, must be {least} or larger")
    return value


def boolean(body, name, default):
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Mismatch(f"invalid type: expected a boolean as `{name}`")
    return value


def number(body, name):
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Mismatch(f"invalid type: expected f32 as `{name}`")
    return float(value)


def objects(body, name):
    """A list of objects."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Mismatch(f"missing field `{name}`")
    return value
