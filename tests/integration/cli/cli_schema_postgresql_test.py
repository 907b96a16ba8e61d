"""schema status, plan, apply and undo over PostgreSQL: runs at once, indexes made concurrently, runs that are killed."""

import json
import os
import subprocess
import unittest

from cli_postgresql_test import PostgresqlTest
from cli_schema_support import NO_TRANSACTION, SchemaTest
from cli_support import DAMAGED, FAILED, LIMIT, TIMEOUT


class PostgresqlSchemaTest(PostgresqlTest, SchemaTest):
    def psql_arguments(self):
        return ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.servers["PRIMARY_PORT"], "-U",
                self.servers["USER"], "-d", self.database]

    def psql_environment(self):
        return dict(os.environ, PGPASSWORD=self.servers["PASSWORD"])

    def rows(self, query):
        out = subprocess.run([*self.psql_arguments(), "-c", query], env=self.psql_environment(), check=True, text=True,
                             capture_output=True, timeout=LIMIT).stdout
        return [tuple(int(value) if value.isdigit() else value for value in line.split("|"))
                for line in out.splitlines()]

    def writer(self, table):
        """Somebody with an open transaction, for whose end CREATE INDEX CONCURRENTLY waits."""
        process = subprocess.Popen(self.psql_arguments(), env=self.psql_environment(), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        process.stdin.write(f"BEGIN; INSERT INTO {table} VALUES (1000000); SELECT 'written';\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "written\n")
        return process


class Schema(PostgresqlSchemaTest):
    def setUp(self):
        super().setUp()
        self.write("1_notes.up.sql", "CREATE TABLE notes (a BIGINT); INSERT INTO notes SELECT generate_series(1, 1000);\n")
        self.write("1_notes.down.sql", "DROP TABLE notes;\n")
        self.write("2_index.up.sql", NO_TRANSACTION + "DROP INDEX CONCURRENTLY IF EXISTS notes_a;\n"
                                     "CREATE INDEX CONCURRENTLY notes_a ON notes (a);\n")
        self.write("2_index.down.sql", NO_TRANSACTION + "DROP INDEX CONCURRENTLY IF EXISTS notes_a;\n")
        self.write("3_more.up.postgresql.sql", "INSERT INTO notes VALUES (0);\n")
        self.write("3_more.up.sqlite.sql", "SELECT 'another way';\n")
        self.write("3_more.down.sql", "DELETE FROM notes WHERE a = 0;\n")

    def is_valid(self, index):
        return self.value(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{index}'::regclass")

    def test_there_and_back(self):
        self.assertEqual(self.applied(), ["1", "2", "3"])
        self.assertEqual(self.is_valid("notes_a"), "t")
        self.assertEqual(self.value("SELECT count(*) FROM notes"), 1001)
        self.assertEqual(set(self.states().values()), {"applied"})
        self.text("schema", "undo", "--to", "1")
        self.assertEqual(self.states(), {"1": "applied", "2": "pending", "3": "pending"})
        self.assertEqual(self.value("SELECT count(*) FROM pg_class WHERE relname = 'notes_a'"), 0)

    def test_through_a_cluster(self):
        self.environment["WHISPERENGINE_DATABASE_TYPE"] = "postgresql_cluster"
        self.environment["POSTGRES_HOST"] = ",".join(
            f"127.0.0.1:{self.servers[name]}" for name in ("STANDBY_PORT", "PRIMARY_PORT"))
        versions = self.both_end_well(self.start_apply(), self.start_apply())
        self.assertEqual(sorted(versions), [[], ["1", "2", "3"]])
        self.eventually(lambda: set(self.states().values()) == {"applied"}, "the standby's catching up")

    def test_one_waits_while_the_other_makes_an_index_concurrently(self):
        self.applied("--to", "1")
        writer = self.writer("notes")
        first = self.start_apply()
        self.wait_for(first, "begun", "2")
        second = self.start_apply()
        self.assertRegex(self.wait_for(second, "waiting")["holder"], r"^process \d+ of the server \(.*\)$")
        error = self.run_command("--json", "schema", "apply", "--wait", "0.5")  # a third one, in less of a hurry
        self.assertEqual(error.returncode, TIMEOUT, error.stderr)
        writer.stdin.write("COMMIT;\n")
        writer.stdin.flush()
        self.assertEqual(self.both_end_well(first, second), [["2", "3"], []])
        self.assertEqual(self.is_valid("notes_a"), "t")

    def test_an_invalid_index_is_named(self):
        self.applied("--to", "1")
        self.rows("INSERT INTO notes VALUES (7)")
        self.write("2_index.up.sql",
                   NO_TRANSACTION + "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_a ON notes (a);\n")
        self.assertIn("is duplicated", self.error("schema", "apply", code=FAILED))
        self.assertEqual((self.is_valid("notes_a"), self.states()["2"]), ("f", "begun"))
        self.rows("DELETE FROM notes WHERE a = 7")
        self.assertIn("did not end", self.error("schema", "apply", code=DAMAGED))
        # IF NOT EXISTS takes the invalid one for done.
        self.assertIn("left an INVALID index, which answers no query: notes_a",
                      self.error("schema", "apply", "--resume", code=FAILED))
        self.assertEqual(self.states()["2"], "begun")
        self.rows("DROP INDEX notes_a")
        self.assertEqual(self.applied("--resume"), ["2", "3"])
        self.assertEqual(self.is_valid("notes_a"), "t")

    def test_killed_in_a_transaction_it_leaves_nothing_and_nobody_waits_for_it(self):
        self.write("2_index.up.sql", "CREATE TABLE half (a BIGINT); SELECT pg_sleep(600);\n")
        process = self.start_apply()
        self.wait_for(process, "begun", "2")
        self.eventually(lambda: self.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()") == 1,
            "the script")
        process.kill()
        process.wait(timeout=LIMIT)
        self.assertEqual(self.states()["2"], "pending")
        self.write("2_index.up.sql", "CREATE TABLE half (a BIGINT);\n")
        self.assertEqual(self.applied("--wait", "30"), ["2", "3"])  # the server has noticed

    def test_killed_without_a_transaction_it_resumes(self):
        self.applied("--to", "1")
        writer = self.writer("notes")
        process = self.start_apply()
        self.wait_for(process, "begun", "2")
        self.eventually(lambda: self.value(
            "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()") == 1, "the index")
        process.kill()
        process.wait(timeout=LIMIT)
        self.assertEqual(self.states()["2"], "begun")
        self.assertIn("did not end", self.error("schema", "apply", code=DAMAGED))
        self.eventually(lambda: self.value(
            "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()") == 0,
            "the server's noticing")
        self.assertEqual(self.is_valid("notes_a"), "f")
        writer.stdin.write("COMMIT;\n")
        writer.stdin.flush()
        self.assertEqual(self.applied("--resume"), ["2", "3"])
        self.assertEqual(self.is_valid("notes_a"), "t")


class Killed(PostgresqlSchemaTest):
    def test_at_random_moments_nothing_is_half_done(self):
        self.killed_at_random(seed=20261130)


if __name__ == "__main__":
    unittest.main()
