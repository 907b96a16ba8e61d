"""backup create, verify and restore."""

import json
import unittest

from cli_support import DAMAGED, EXISTS, NOT_FOUND, QUESTION_VECTORS, CommandTest


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
        self.assertEqual(self.json("backup", "verify", self.backup)["format"], 1)

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

    def test_the_manifest_is_json_anyone_can_read(self):
        self.text("backup", "create", self.backup)
        manifest = json.loads((self.backup / "backup_manifest.json").read_text(encoding="utf-8"))
        self.assertEqual(manifest["components"][0]["backend"], "sqlite")


if __name__ == "__main__":
    unittest.main()
