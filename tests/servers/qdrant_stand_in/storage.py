"""What a server holds: universes of collections and of their other names. A universe is what one test sees."""

import json
import secrets
import shutil
import threading
import time
import urllib.parse

from .collection import Collection, write_file
from .errors import ApiError, already_exists, no_collection, not_found, wrong_input

FLUSH_SECONDS = 5
QUIET_SECONDS = 1
FLOAT_BYTES = 4


class Universe:
    """Thread-safe."""

    def __init__(self, folder):
        self.folder = folder
        self._lock = threading.RLock()
        self._collections = {}
        self._aliases = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "collections").glob("*")):
            collection = Collection.load(path)
            if collection:
                self._collections[collection.name] = collection
            else:
                shutil.rmtree(path)  # a creation or a removal that a crash has ended
        try:
            self._aliases = json.loads((folder / "aliases.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        self._keep_aliases({name: target for name, target in self._aliases.items() if target in self._collections})

    def _keep_aliases(self, aliases):
        if aliases != self._aliases:
            write_file(self.folder / "aliases.json", json.dumps(aliases))
        self._aliases = aliases

    def names(self):
        with self._lock:
            return sorted(self._collections)

    def collections(self):
        with self._lock:
            return list(self._collections.values())

    def exists(self, name):
        with self._lock:
            return self._aliases.get(name, name) in self._collections

    def collection(self, name):
        """By its name or another name of it."""
        with self._lock:
            found = self._collections.get(self._aliases.get(name, name))
        if found is None:
            raise no_collection(name)
        return found

    def create(self, name, settings):
        with self._lock:
            if name in self._collections:
                raise already_exists(f"Collection `{name}` already exists!")
            if name in self._aliases:
                raise wrong_input(f"Can't create collection with name {name}. Alias with the same name already exists")
            self._collections[name] = Collection.create(
                self.folder / "collections" / secrets.token_hex(8), name, settings)

    def delete(self, name):
        """Whether there was a collection of this name. An alias is none."""
        with self._lock:
            found = self._collections.pop(name, None)
            if found:
                self._keep_aliases({alias: target for alias, target in self._aliases.items() if target != name})
                found.close_for_ever()
        if found:
            shutil.rmtree(found.folder)
        return found is not None

    def aliases(self, collection=None):
        with self._lock:
            return [{"alias_name": alias, "collection_name": target} for alias, target in sorted(self._aliases.items())
                    if collection is None or target == self._aliases.get(collection, collection)]

    def change_aliases(self, actions):
        """All of them or, when one cannot be done, none."""
        with self._lock:
            aliases = dict(self._aliases)
            for action in actions:
                self._change_alias(aliases, action)
            self._keep_aliases(aliases)

    def _change_alias(self, aliases, action):
        if "create_alias" in action:
            target, alias = action["create_alias"]["collection_name"], action["create_alias"]["alias_name"]
            if target not in self._collections:
                raise no_collection(target)
            if alias in self._collections:
                raise already_exists(f"Collection `{alias}` already exists!")
            aliases[alias] = target
        elif "delete_alias" in action:
            aliases.pop(action["delete_alias"]["alias_name"], None)
        elif "rename_alias" in action:
            old, new = action["rename_alias"]["old_alias_name"], action["rename_alias"]["new_alias_name"]
            if old not in aliases:
                raise not_found(f"Alias {old} does not exists!")
            if new in self._collections:
                raise already_exists(f"Collection `{new}` already exists!")
            aliases[new] = aliases.pop(old)

    def drop(self):
        with self._lock:
            dropped, self._collections, self._aliases = list(self._collections.values()), {}, {}
        for collection in dropped:
            collection.close_for_ever()
        shutil.rmtree(self.folder, ignore_errors=True)


class Storage:
    """Every universe in a folder. Thread-safe."""

    def __init__(self, folder):
        self._folder = folder
        self._lock = threading.Lock()
        self._universes = {}
        for path in sorted(folder.glob("*")):
            self.universe(urllib.parse.unquote(path.name[1:]))

    def _path(self, token):
        return self._folder / ("u" + urllib.parse.quote(token, safe=""))

    def universe(self, token):
        with self._lock:
            found = self._universes.get(token)
            if found is None:
                found = self._universes[token] = Universe(self._path(token))
            return found

    def drop(self, token):
        with self._lock:
            found = self._universes.pop(token, None)
        if found:
            found.drop()

    def _collections(self):
        with self._lock:
            universes = list(self._universes.values())
        return [collection for universe in universes for collection in universe.collections()]

    def maintain(self, build_indexes):
        """Flushes, for as long as the process runs, and builds vectors' indexes where that is wanted."""
        while True:
            time.sleep(QUIET_SECONDS)
            for collection in self._collections():
                try:
                    self._maintain(collection, build_indexes)
                except ApiError:
                    pass  # It was deleted meanwhile.

    @staticmethod
    def _maintain(collection, build_indexes):
        quiet = time.monotonic() - collection.last_change
        if collection.unflushed and quiet > FLUSH_SECONDS:
            collection.flush()
        size = max((vector["size"] for vector in collection.settings.dense_vectors.values()), default=0)
        if build_indexes and quiet > QUIET_SECONDS and collection.unoptimized * size * FLOAT_BYTES > \
                collection.settings.indexing_threshold_bytes:
            collection.optimize()
