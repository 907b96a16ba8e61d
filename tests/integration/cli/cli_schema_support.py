"""What the tests of `whisperstore schema` share: scripts, and runs that are watched and killed."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

from cli_support import DONE, LIMIT, CommandTest

NO_TRANSACTION = "-- no-transaction\n"
ROUNDS = 100 if os.environ.get("WHISPERSTORE_ALL_ROUNDS") == "1" else 3


class SchemaTest(CommandTest):
    """A folder of migrations."""

    def setUp(self):
        super().setUp()
        self.migrations = self.folder / "migrations"
        self.migrations.mkdir()

    def write(self, name, script):
        (self.migrations / name).write_text(script, encoding="utf-8")

    def rows(self, query):
        """Of the database itself: no other store is there. What it writes stays."""
        with contextlib.closing(sqlite3.connect(self.data / "database.db", timeout=LIMIT)) as database, database:
            return database.execute(query).fetchall()

    def value(self, query):
        ((value,),) = self.rows(query)
        return value

    def states(self):
        return {item["version"]: item["state"] for item in self.json("schema", "status")}

    def applied(self, *arguments):
        """The versions that `schema apply` applied."""
        result = self.run_command("--json", "schema", "apply", *arguments)
        self.assertEqual(result.returncode, DONE, result.stderr)
        return [item["version"] for item in json.loads(result.stdout)]

    def start_apply(self, *arguments):
        return self.start("--json", "schema", "apply", *arguments)

    def wait_for(self, process, event, version=None):
        """Reads what a run tells until it tells this."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            line = process.stderr.readline()
            self.assertTrue(line, f"the run ended before {event} {version}")
            told = json.loads(line)
            if told.get("event") == event and version in (None, told.get("version")):
                return told
        return self.fail(f"no {event} {version} in time")

    def both_end_well(self, first, second):
        """Of two runs at once each migration was applied by one."""
        versions = []
        for process in (first, second):
            out, error = process.communicate(timeout=LIMIT)
            self.assertEqual(process.returncode, DONE, error)
            versions.append([item["version"] for item in json.loads(out)])
        return versions

    def killed_at_random(self, seed):
        """Six scripts, half of them without a transaction, by runs that are killed: none leaves half of its work,
        but for those that say so, and in the end each was done."""
        chance = random.Random(seed)
        self.write("1_start.up.sql", "CREATE TABLE steps (step INTEGER, half INTEGER);")
        self.applied()  # whisperstore's own tables are there
        for step in range(2, 8):
            halves = "".join(f"INSERT INTO steps VALUES ({step}, {half});\n" for half in range(1, 41))
            again = f"{NO_TRANSACTION}DELETE FROM steps WHERE step = {step};\n"
            self.write(f"{step}_step.up.sql", (again if step % 2 else "") + halves)
        for _ in range(ROUNDS):
            process = self.start_apply("--resume", "--wait", "60")
            try:
                process.wait(timeout=chance.uniform(0.005, 0.12))
            except subprocess.TimeoutExpired:  # it is still at work
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=LIMIT)
            states = self.states()
            if states["1"] != "applied":
                continue
            counts = dict(self.rows("SELECT step, count(*) FROM steps GROUP BY step"))
            for step in range(2, 8):
                state, count = states[str(step)], counts.get(step, 0)
                if state == "applied":
                    self.assertEqual(count, 40, states)
                elif state == "pending":
                    self.assertEqual(count, 0, states)
                else:
                    self.assertEqual((state, step % 2), ("begun", 1), states)
            if set(states.values()) == {"applied"}:
                self.begin_anew()
        self.applied("--resume")
        self.assertEqual(set(self.states().values()), {"applied"})
        self.assertEqual(self.value("SELECT count(*) FROM steps"), 240)

    def begin_anew(self):
        """By hand."""
        self.rows("DELETE FROM schema_migrations WHERE name IN ('start', 'step')")
        self.rows("DROP TABLE steps")
