"""Reading JSON with the server's error messages, which name the place."""

import json
import re

from .errors import format_error

SPACE = re.compile(r"[ \t\n\r]*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
DEEPEST = 127
NUMBERS = frozenset((int, float))
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def place(text, end):
    """A position as the server names it: of the last character that was read."""
    line_start = text.rfind("\n", 0, end) + 1
    return f"line {text.count(chr(10), 0, end) + 1} column {end - line_start}"


def end_of(text):
    return place(text, len(text))


class _Malformed(Exception):
    def __init__(self, message, end):
        super().__init__(message)
        self.message = message
        self.end = end


class _Scanner:
    """Finds what is wrong with a text that is no JSON. Slow, and only run for such texts."""

    def __init__(self, text):
        self.text = text
        self.end = len(text)

    def skip(self, position):
        return SPACE.match(self.text, position).end()

    def fail(self, message, position):
        raise _Malformed(message, min(position + 1, self.end))

    def value(self, position):
        position = self.skip(position)
        if position == self.end:
            self.fail("EOF while parsing a value", position)
        character = self.text[position]
        if character in "[{":
            return self.items(position + 1, character == "{")
        if character == '"':
            return self.string(position)
        for word in ("true", "false", "null"):
            if self.text.startswith(word, position):
                return position + len(word)
        if character in "tfn":
            self.fail("expected ident", position + 1)
        number = NUMBER.match(self.text, position)
        if number:
            return number.end()
        self.fail("invalid number" if character in "-0123456789" else "expected value", position)

    def string(self, position):
        found = STRING.match(self.text, position)
        if found:
            return found.end()
        if self.text.find('"', position + 1) < 0:
            self.fail("EOF while parsing a string", self.end)
        self.fail("invalid escape or control character in a string", position)

    def items(self, position, is_object):
        kind, close = ("an object", "}") if is_object else ("a list", "]")
        position = self.skip(position)
        if self.text.startswith(close, position):
            return position + 1
        while True:
            position = self.skip(position)
            if position == self.end:
                self.fail(f"EOF while parsing {kind}", position)
            if is_object:
                if self.text[position] != '"':
                    self.fail("key must be a string", position)
                position = self.skip(self.string(position))
                if not self.text.startswith(":", position):
                    self.fail("EOF while parsing an object" if position == self.end else "expected `:`", position)
                position += 1
            position = self.skip(self.value(position))
            if position == self.end:
                self.fail(f"EOF while parsing {kind}", position)
            if self.text[position] == close:
                return position + 1
            if self.text[position] != ",":
                self.fail(f"expected `,` or `{close}`", position)
            position += 1

    def document(self):
        position = self.skip(self.value(0))
        if position != self.end:
            self.fail("trailing characters", position)


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
write_json = _encoder.encode
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def is_deep(value):
    """Whether it has more lists and maps in each other than the server reads."""
    level = [value]
    for _ in range(DEEPEST):
        level = [child for container in level
                 if isinstance(container, dict) or not NUMBERS.issuperset(map(type, container))
                 for child in (container.values() if isinstance(container, dict) else container)
                 if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def read_json(body):
    """A body's JSON and its text; ApiError when it is none."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise format_error(f"invalid unicode code point at {place('', error.start)}") from error
    try:
        value = _decoder.decode(text)
        if "\\ud" in text or "\\uD" in text:
            _encoder.encode(value).encode()  # Half a character is none, but for Python.
    except (ValueError, RecursionError) as error:
        reason = error
    else:
        if isinstance(value, (dict, list)) and is_deep(value):
            raise format_error(f"recursion limit exceeded at {end_of(text)}")
        return value, text
    try:
        _Scanner(text).document()
    except _Malformed as malformed:
        raise format_error(f"{malformed.message} at {place(text, malformed.end)}") from malformed
    except RecursionError as error:
        raise format_error(f"recursion limit exceeded at {end_of(text)}") from error
    raise format_error(f"{reason} at {end_of(text)}")
