"""backup create, verify, restore, list and prune."""

import json
import signal
import time
import unittest

from cli_support import (DAMAGED, EXISTS, INTERRUPTED, LIMIT, NOT_FOUND, QUESTION_VECTORS, REFUSED, USAGE, CommandTest,
                         complaints, events_of)


class Backup(CommandTest):
    def setUp(self):
        super().setUp()
        self.import_sample()
        self.backup = self.folder / "backup"

    def recalled(self):
        return [memory["id"] for memory in self.json("recall", "--vectors", QUESTION_VECTORS, "--row", "3")]

    def test_a_backup_brings_everything_back(self):
        before = self.recalled()
        manifest = self.json("backup", "create", self.backup)
        self.assertEqual([part["type"] for part in manifest["components"]], ["database", "vector_db"])
        self.assertEqual(manifest["backup_path"], str(self.backup))
        self.assertTrue((self.backup / "backup_manifest.json").exists())

        self.text("sql", "DELETE FROM messages")
        self.json("backup", "restore", self.backup)
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 215)
        self.assertEqual(self.recalled(), before)

    def test_it_restores_into_an_empty_place(self):
        self.text("backup", "create", self.backup)
        before = self.recalled()
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "new")
        self.text("backup", "restore", self.backup)
        self.assertEqual(self.recalled(), before)
        self.assertEqual(len(self.json("connected", "mira")), 36)

    def test_a_whole_backup_is_verified(self):
        self.text("backup", "create", self.backup)
        self.assertIn("complete and undamaged", self.text("backup", "verify", self.backup))
        self.assertEqual(self.json("backup", "verify", self.backup)["format"], 2)

    def test_a_damaged_backup_is_neither_verified_nor_restored(self):
        self.text("backup", "create", self.backup)
        file = self.backup / "vector_db"
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        for command in ("verify", "restore"):
            error = self.json_error("backup", command, self.backup, code=DAMAGED)
            self.assertEqual(error["code"], "corrupt")
            self.assertIn("vector_db", error["message"])
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 215)

    def test_a_backup_never_replaces_something(self):
        self.backup.mkdir()
        (self.backup / "precious").write_text("mine", encoding="utf-8")
        self.assertEqual(self.json_error("backup", "create", self.backup, code=EXISTS)["code"], "already_exists")
        self.assertEqual((self.backup / "precious").read_text(encoding="utf-8"), "mine")

    def test_restoring_from_nowhere_creates_nothing(self):
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "new")
        self.json_error("backup", "restore", self.folder / "nowhere", code=NOT_FOUND)
        self.json_error("backup", "verify", self.folder / "nowhere", code=NOT_FOUND)
        self.assertFalse((self.folder / "new").exists())

    def use_passphrase(self, text="a secret of the tests"):
        file = self.folder / "passphrase"
        file.write_text(text + "\n", encoding="utf-8")
        return file

    def test_compressed_and_encrypted_it_comes_back(self):
        before = self.recalled()
        secret = self.use_passphrase()
        manifest = self.json("backup", "create", self.backup, "--compress", "--passphrase-file", secret)
        self.assertEqual(manifest["encryption"]["cipher"], "aes-256-gcm")
        self.assertEqual({part["compression"] for part in manifest["components"]}, {"zstd"})
        self.assertNotIn(b"SQLite", (self.backup / "database").read_bytes())
        self.text("sql", "DELETE FROM messages")
        for command in ("verify", "restore"):
            error = self.json_error("backup", command, self.backup, code=REFUSED)
            self.assertIn("--passphrase-file", error["message"])
            wrong = self.folder / "wrong"
            wrong.write_text("something else", encoding="utf-8")
            error = self.json_error("backup", command, self.backup, "--passphrase-file", wrong, code=REFUSED)
            self.assertNotIn("something else", error["message"])
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 0)
        self.environment["WHISPERENGINE_BACKUP_PASSPHRASE_FILE"] = str(secret)
        self.text("backup", "verify", self.backup)
        report = self.json("backup", "restore", self.backup)
        self.assertEqual(report["restored"], ["database", "vector_db"])
        self.assertEqual(report["orphans"], [])
        self.assertEqual(self.recalled(), before)

    def test_where_a_passphrase_is_set_everything_is_encrypted(self):
        self.environment["WHISPERENGINE_BACKUP_PASSPHRASE"] = "set"
        self.assertIn("encrypted", self.text("backup", "create", self.backup))
        plain = self.folder / "plain"
        self.assertNotIn("encrypted", self.text("backup", "create", plain, "--unencrypted"))
        error = self.json_error("backup", "restore", plain, code=REFUSED)
        self.assertIn("not encrypted", error["message"])
        self.text("backup", "restore", plain, "--unencrypted")

    def test_a_passphrase_is_asked_for_where_somebody_can_answer(self):
        error = self.json_error("backup", "create", self.backup, "--encrypt", code=USAGE)
        self.assertIn("--passphrase-file", error["message"])
        self.assertFalse(self.backup.exists())

    def test_events_come_one_a_line_on_standard_error(self):
        result = self.run_command("--json", "backup", "create", self.backup)
        self.assertEqual(json.loads(result.stdout)["backup_path"], str(self.backup))
        self.assertEqual(complaints(result.stderr), "")
        told = events_of(result.stderr)
        self.assertEqual({event["event"] for event in told}, {"progress"})
        phases = {(event["phase"], event["component"]) for event in told}
        self.assertEqual(phases, {(phase, part) for phase in ("snapshot", "pack") for part in ("database", "vector_db")})
        self.assertTrue(all(event["bytes_in_total"] > 0 for event in told if event["phase"] == "pack"))

    def test_a_folder_of_backups_is_listed_and_pruned(self):
        folder = self.folder / "backups"
        self.json_error("backup", "list", folder, code=NOT_FOUND)
        error = self.json_error("backup", "list", code=USAGE)
        self.assertIn("WHISPERENGINE_BACKUP_DIR", error["message"])
        self.environment["WHISPERENGINE_BACKUP_DIR"] = str(folder)
        names = []
        for name in ("first", "second"):
            self.text("backup", "create", folder / name)
            names.insert(0, name)
        named = self.json("backup", "create")["backup_path"]
        self.assertRegex(named, r"/backups/whisperstore-\d{8}T\d{6}Z$")
        (folder / "first" / "vector_db").write_bytes(b"cut")
        listed = self.json("backup", "list")
        self.assertEqual([item["path"] for item in listed], [named, str(folder / "second"), str(folder / "first")])
        self.assertIn("damage", listed[2])
        self.assertIn("damaged", self.text("backup", "list", folder))
        report = self.json("backup", "prune", "--keep-last", 1, "--dry-run")
        self.assertEqual(report["removed"], [str(folder / "second")])
        self.assertTrue((folder / "second").exists())
        self.assertIn("Removed second", self.text("backup", "prune", "--keep-last", 1))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["first", named.rsplit("/", 1)[1]])
        self.json_error("backup", "prune", "--keep-last", 0, code=USAGE)

    def test_no_command_makes_a_scheduled_backup(self):
        self.environment["WHISPERENGINE_BACKUP_DIR"] = str(self.folder / "backups")
        self.text("sql", "DELETE FROM messages")
        self.assertFalse((self.folder / "backups").exists())

    def test_an_interrupted_backup_leaves_nothing(self):
        self.text("sql", "CREATE TABLE large (content BLOB)")
        self.text("sql", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
                         "INSERT INTO large SELECT randomblob(1000000) FROM n")
        process = self.start("backup", "create", self.backup, "--compress")
        partial = self.folder / "backup.partial"
        end = time.monotonic() + LIMIT
        while not partial.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, INTERRUPTED, complaint)
        self.assertIn("interrupted", complaint)
        self.assertFalse(partial.exists())
        self.assertFalse(self.backup.exists())

    def test_the_manifest_is_json_anyone_can_read(self):
        self.text("backup", "create", self.backup)
        manifest = json.loads((self.backup / "backup_manifest.json").read_text(encoding="utf-8"))
        self.assertEqual(manifest["components"][0]["backend"], "sqlite")


if __name__ == "__main__":
    unittest.main()
