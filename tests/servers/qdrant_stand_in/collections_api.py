"""The endpoints of collections, their other names and their snapshots."""

from .call import objects
from .errors import ApiError, Mismatch
from .http_server import Response
from .json_text import write_json
from .settings import Settings

LONGEST_NAME = 255
FORBIDDEN_IN_NAMES = '/\\<>:"|?*\0\x1f'


def check_name(name):
    """What a new collection may be called."""
    def refuse(message):
        raise ApiError(422, f"Validation error in path parameters: [collection_name: {message}]")
    if not name:
        refuse("collection name cannot be empty")
    if len(name.encode()) > LONGEST_NAME:
        refuse(f"value {len(name.encode())} characters long, must be at most {LONGEST_NAME}")
    for character in FORBIDDEN_IN_NAMES:
        if character in name:
            refuse(f'collection name cannot contain "{character}" char')


def list_collections(call):
    return write_json({"collections": [{"name": name} for name in call.universe.names()]})


def create(call, name):
    check_name(name)
    body = call.optional_json()
    call.universe.create(name, Settings.created(body, call.service.nodes))
    return "true"


def info(call, name):
    return write_json(call.universe.collection(name).info())


def exists(call, name):
    return write_json({"exists": call.universe.exists(name)})


def change(call, name):
    body = call.json()
    call.universe.collection(name).change_settings(body)
    return "true"


def delete(call, name):
    return "true" if call.universe.delete(name) else "false"


ALIAS_FIELDS = {"create_alias": ("collection_name", "alias_name"), "delete_alias": ("alias_name",),
                "rename_alias": ("old_alias_name", "new_alias_name")}


def change_aliases(call):
    actions = objects(call.json(), "actions")
    for action in actions:
        kind = next(iter(action), None)
        fields = action.get(kind)
        if len(action) != 1 or kind not in ALIAS_FIELDS or not isinstance(fields, dict) or \
                not all(isinstance(fields.get(name), str) for name in ALIAS_FIELDS[kind]):
            raise Mismatch("data did not match any variant of untagged enum AliasOperations")
        for name in ("alias_name", "new_alias_name"):
            if name in fields:
                check_name(fields[name])
    call.universe.change_aliases(actions)
    return "true"


def all_aliases(call):
    return write_json({"aliases": call.universe.aliases()})


def aliases(call, name):
    call.universe.collection(name)
    return write_json({"aliases": call.universe.aliases(name)})


def cluster(call, name):
    collection = call.universe.collection(name)
    return write_json(call.service.cluster.collection(collection, call.node))


def create_snapshot(call, name):
    return write_json(call.universe.collection(name).create_snapshot(call.service.cluster.peers[call.node]))


def snapshots(call, name):
    return write_json(call.universe.collection(name).snapshots())


def snapshot_file(call, name, snapshot):
    path = call.universe.collection(name).snapshot_file(snapshot)
    return Response(200, path.read_bytes(), "application/octet-stream")


def delete_snapshot(call, name, snapshot):
    call.universe.collection(name).delete_snapshot(snapshot)
    return "true"
