"""What the server answers instead of a result."""


class ApiError(Exception):
    """An answer other than 200. A plain one is text, not JSON, as the server's own middleware answers."""

    def __init__(self, status, message, plain=False):
        super().__init__(message)
        self.status = status
        self.message = message
        self.plain = plain


def wrong_input(message):
    return ApiError(400, f"Wrong input: {message}")


def not_found(message):
    return ApiError(404, f"Not found: {message}")


def already_exists(message):
    return ApiError(409, f"Wrong input: {message}")


def no_collection(name):
    return not_found(f"Collection `{name}` doesn't exist!")


def format_error(message):
    """A body that is JSON, but not the expected one."""
    return ApiError(400, f"Format error in JSON body: {message}")


def validation_error(field, message):
    return ApiError(422, f"Validation error in JSON body: [{field}: {message}]")


class Mismatch(Exception):
    """A part of a body that is not of the expected form. Whoever read the body says where it ends: the server reads
    most bodies as a whole before it looks at their parts, and so names the end of the document as the place."""


def no_variant(type_name):
    return Mismatch(f"data did not match any variant of untagged enum {type_name}")
