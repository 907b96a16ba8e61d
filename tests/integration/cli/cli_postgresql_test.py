"""Every command over PostgreSQL: what it prints is what it prints over SQLite."""

import os
import pathlib
import subprocess
import unittest
import uuid

from cli_support import (CONVERSATION, CONVERSATION_VECTORS, EXAMPLES, EXISTS, FAILED, LIMIT, NOT_FOUND, QUESTION_VECTORS,
                         REFUSED, TIMEOUT, UNAVAILABLE, CommandTest)

SERVERS = pathlib.Path(os.environ["WHISPERSTORE_TEST_POSTGRESQL"])


def servers():
    """What tests/servers/postgresql wrote about the servers of this run."""
    lines = (SERVERS / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


class PostgresqlTest(CommandTest):
    """A database of its own for each test."""

    def setUp(self):
        super().setUp()
        self.servers = servers()
        self.database = "cli_" + uuid.uuid4().hex
        self.psql("postgres", f"CREATE DATABASE {self.database}")
        self.addCleanup(self.psql, "postgres", f"DROP DATABASE {self.database} WITH (FORCE)")
        self.use_postgresql()

    def psql(self, database, statement):
        environment = dict(os.environ, PGPASSWORD=self.servers["PASSWORD"])
        subprocess.run(["psql", "-q", "-h", "127.0.0.1", "-p", self.servers["PRIMARY_PORT"], "-U", self.servers["USER"],
                        "-d", database, "-c", statement], env=environment, check=True, timeout=LIMIT)

    def use_postgresql(self):
        self.environment["WHISPERENGINE_DATABASE_TYPE"] = "postgresql"
        self.environment["POSTGRES_HOST"] = "127.0.0.1"
        self.environment["POSTGRES_PORT"] = self.servers["PRIMARY_PORT"]
        self.environment["POSTGRES_USER"] = self.servers["USER"]
        self.environment["POSTGRES_PASSWORD"] = self.servers["PASSWORD"]
        self.environment["POSTGRES_DB"] = self.database

    def use_sqlite(self, folder):
        """Another place without a server from here on."""
        for name in [name for name in self.environment if name.startswith("POSTGRES_")]:
            del self.environment[name]
        del self.environment["WHISPERENGINE_DATABASE_TYPE"]
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / folder)

    def endpoint(self):
        return f"127.0.0.1:{self.servers['PRIMARY_PORT']}"


class Commands(PostgresqlTest):
    def test_init_creates_the_schema_once(self):
        first = self.json("init")
        self.assertTrue(first["created"])
        self.assertEqual(first["backends"]["database"], "postgresql")
        self.assertFalse(self.json("init")["created"])
        shown = self.text("init")
        self.assertIn("there already", shown)
        self.assertIn(self.endpoint(), shown)
        self.assertFalse((self.data / "database.db").exists())

    def test_status_shows_the_server(self):
        self.import_sample()
        status = self.json("status")
        self.assertEqual(status["status"], "ok")
        database = status["components"][0]
        self.assertEqual((database["type"], database["endpoints"]), ("postgresql", [self.endpoint()]))
        self.assertEqual(status["rows"]["messages"], 215)
        self.assertEqual(status["metrics"]["database"]["extended"]["connections"]["lost"], 0)
        self.assertRegex(self.text("status"), rf"database +postgresql +ok .* {self.endpoint()}\n")

    def test_everything_answers_as_over_sqlite(self):
        questions = [
            ("context", "lounge", "--limit", "20"),
            ("connected", "mira", "--context", "cello"),
            ("connected", "aiko", "--depth", "5", "--limit", "200"),
            ("recall", "--vectors", QUESTION_VECTORS, "--row", "3"),
            ("sql", "SELECT * FROM users ORDER BY user_id"),
            ("sql", "SELECT * FROM messages ORDER BY message_id"),
            ("sql", "SELECT user_id, channel_id, message_content, timestamp FROM conversations ORDER BY timestamp, id"),
            ("sql", "SELECT node_type, node_id, user_id, content, properties, importance FROM graph_nodes ORDER BY 1, 2"),
            ("sql", "SELECT count(*) AS n FROM messages WHERE content LIKE :word", "--param", "word=%walnut%"),
            ("sql", "SELECT CAST(:a AS TEXT) AS a, CAST(:b AS BIGINT) AS b", "--param", "a=x", "--param",
             "b:int=9007199254740993"),
        ]
        self.import_sample()
        over_postgresql = [self.json(*question) for question in questions]
        network = self.json("network", "jonas")
        self.text("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)  # again changes nothing
        self.assertEqual(over_postgresql, [self.json(*question) for question in questions])

        self.use_sqlite("other")
        self.import_sample()
        for question, answer in zip(questions, over_postgresql):
            self.assertEqual(answer, self.json(*question), question)
        expected = self.json("network", "jonas")
        self.assertEqual(network["counts"], expected["counts"])
        self.assertEqual([node["node"] for node in network["nodes"]], [node["node"] for node in expected["nodes"]])

    def test_the_demo_says_where_the_data_is(self):
        shown = self.text("demo", "--sample", EXAMPLES)
        self.assertIn(f"The data stays in postgresql ({self.endpoint()}), the vectors in", shown)
        self.assertIn("10 of 10 questions", shown)

    def test_errors_of_statements(self):
        self.text("init")
        self.assertEqual(self.json_error("sql", "SELECT nonsense", code=NOT_FOUND)["native_code"], "42703")
        duplicate = "INSERT INTO users (user_id, username) VALUES ('u', 'U'), ('u', 'U')"
        self.assertEqual(self.json_error("sql", duplicate, code=FAILED)["native_code"], "23505")
        self.error("--timeout", "0.5", "sql", "SELECT count(pg_sleep(60))", code=TIMEOUT)


class Backup(PostgresqlTest):
    def setUp(self):
        super().setUp()
        self.import_sample()
        self.backup = self.folder / "backup"

    def rows(self):
        return [self.json("sql", f"SELECT * FROM {table} ORDER BY 1, 2")
                for table in ("users", "messages", "graph_nodes", "relationships", "conversations")]

    def test_a_backup_brings_everything_back(self):
        before = self.rows()
        manifest = self.json("backup", "create", self.backup)
        self.assertEqual(manifest["components"][0]["backend"], "postgresql")
        self.assertIn("complete and undamaged", self.text("backup", "verify", self.backup))
        self.assertEqual(self.json_error("backup", "create", self.backup, code=EXISTS)["code"], "already_exists")
        self.text("sql", "DELETE FROM users")
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 0)
        self.text("backup", "restore", self.backup)
        self.assertEqual(self.rows(), before)

    def test_it_moves_to_a_laptop_and_back(self):
        before = self.rows()
        self.text("backup", "create", self.backup)
        self.use_sqlite("laptop")
        self.text("backup", "restore", self.backup)
        self.assertEqual(self.rows(), before)
        self.assertEqual(len(self.json("connected", "mira")), 36)
        self.text("sql", "INSERT INTO users (user_id, username) VALUES ('new', 'New')")
        self.text("backup", "create", self.folder / "from_laptop")
        self.use_postgresql()
        self.text("backup", "restore", self.folder / "from_laptop")
        self.assertEqual(self.scalar("SELECT count(*) FROM users WHERE user_id = 'new'"), 1)
        self.assertEqual(self.rows()[1:], before[1:])


class WhatIsMissing(PostgresqlTest):
    def test_a_server_that_is_not_there(self):
        self.environment["POSTGRES_PORT"] = "9"
        message = self.error("status", code=UNAVAILABLE)
        self.assertRegex(message, r"Connection refused \(127\.0\.0\.1:9, user \S+, database \S+\); is the server running\? "
                                  r"Set POSTGRES_HOST and POSTGRES_PORT, or WHISPERENGINE_DATABASE_TYPE=sqlite")

    def test_a_wrong_password(self):
        self.environment["POSTGRES_PASSWORD"] = "hunter2"
        error = self.json_error("status", code=REFUSED)
        self.assertEqual((error["code"], error["native_code"]), ("authentication", "28P01"))
        self.assertIn("set POSTGRES_USER and POSTGRES_PASSWORD", error["message"])
        self.assertNotIn("hunter2", error["message"])

    def test_a_database_that_is_not_there(self):
        self.environment["POSTGRES_DB"] = "nowhere"
        message = self.error("status", code=NOT_FOUND)
        self.assertIn('database "nowhere" does not exist', message)
        self.assertIn("create it with CREATE DATABASE, or set POSTGRES_DB", message)

    def test_a_database_that_is_empty(self):
        for command in (["status"], ["context", "lounge"], ["sql", "SELECT 1"]):
            self.assertIn("`whisperstore init` makes empty stores", self.error(*command, code=NOT_FOUND))

    def test_reading_writes_nothing(self):
        self.text("init")
        self.assertEqual(self.scalar("SELECT current_setting('default_transaction_read_only')"), "on")


class Cluster(PostgresqlTest):
    def use_cluster(self):
        self.environment["WHISPERENGINE_DATABASE_TYPE"] = "postgresql_cluster"
        self.environment["POSTGRES_HOST"] = ",".join(
            f"127.0.0.1:{self.servers[name]}" for name in ("STANDBY_PORT", "PRIMARY_PORT"))

    def test_status_shows_every_server(self):
        self.import_sample()
        self.use_cluster()
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 215)
        self.text("sql", "INSERT INTO users (user_id, username) VALUES ('new', 'New')")
        status = self.json("status")
        self.assertEqual(status["status"], "ok")
        topology = status["metrics"]["database"]["extended"]["topology"]
        self.assertEqual(topology["writer"], self.endpoint())
        self.assertEqual({node["role"] for node in topology["nodes"]}, {"primary", "replica"})
        shown = self.text("status")
        self.assertRegex(shown, rf"{self.endpoint()} +primary +ok ")
        self.assertRegex(shown, rf"127\.0\.0\.1:{self.servers['STANDBY_PORT']} +replica +ok ")

    def test_a_server_that_is_down_is_told(self):
        self.text("init")
        self.use_cluster()
        self.environment["POSTGRES_HOST"] += ",127.0.0.1:9"
        status = self.json("status")
        self.assertEqual(status["status"], "degraded")
        self.assertIn("127.0.0.1:9 is not used: ", status["components"][0]["reason"])
        self.assertRegex(self.text("status"), r"127\.0\.0\.1:9 +unknown +down ")


if __name__ == "__main__":
    unittest.main()
