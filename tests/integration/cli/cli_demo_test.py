"""demo: what it shows, where it keeps its data, where it finds its sample."""

import pathlib
import shutil
import subprocess
import unittest

from cli_support import EXAMPLES, EXISTS, NOT_FOUND, PROGRAM, CommandTest


class Demo(CommandTest):
    def test_it_shows_every_store_and_what_to_do_next(self):
        shown = self.text("demo", "--sample", EXAMPLES)
        for part in ("215 messages stored", "What was said last in the lounge", "Where is the key to the attic?",
                     "behind the flour scale", "10 of 10 questions", "who answers whom", "play the", "hit rate",
                     f"export WHISPERENGINE_DATA_DIR={self.data}"):
            self.assertIn(part, shown)
        self.assertLessEqual(max(len(line) for line in shown.splitlines() if not line.startswith("    ")), 80)

    def test_again_it_says_that_the_data_is_there(self):
        self.text("demo", "--sample", EXAMPLES)
        before = self.json("status")["rows"]
        self.assertIn("all 215 messages are there already", self.text("demo", "--sample", EXAMPLES))
        self.assertEqual(self.json("status")["rows"], before)

    def test_json_has_all_of_it(self):
        report = self.json("demo", "--sample", EXAMPLES)
        self.assertEqual(report["import"]["imported"], 215)
        self.assertEqual(len(report["context"]), 6)
        self.assertEqual(len(report["answers"]), 10)
        for answer in report["answers"]:
            self.assertTrue(set(answer["expected_message_ids"]) <= {memory["id"] for memory in answer["memories"]})
            self.assertEqual(answer["context_messages"], 15)
        self.assertEqual(report["network"]["counts"]["REMEMBERS"], 36)
        self.assertEqual(report["metrics"]["vector_database"]["total_documents"], 215)

    def test_its_data_is_left_to_explore_below_the_home_directory(self):
        del self.environment["WHISPERENGINE_DATA_DIR"]
        self.environment["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"  # needs no server, wherever it runs
        data = self.folder / ".whisperengine" / "demo"
        self.assertEqual(self.json("demo", "--sample", EXAMPLES)["data_dir"], str(data))
        self.assertEqual(len(self.json("context", "lounge", "--data-dir", data)), 15)

    def test_it_does_not_mix_with_other_data(self):
        messages, _ = self.write_messages(3)
        self.text("import", messages)
        error = self.json_error("demo", "--sample", EXAMPLES, code=EXISTS)
        self.assertIn("3 messages that are not the demo's", error["message"])
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 3)

    def test_on_a_narrow_terminal_it_fits(self):
        code, shown = self.run_in_terminal("demo", "--sample", EXAMPLES, columns=60)
        self.assertEqual(code, 0)
        self.assertIn("\x1b[", shown)

    def test_a_folder_without_a_sample_is_told(self):
        self.assertIn("conversation.jsonl", self.error("demo", "--sample", self.folder, code=NOT_FOUND))
        self.assertFalse(self.data.exists())


class InstalledDemo(CommandTest):
    def test_the_sample_is_found_beside_an_installed_program(self):
        program = self.folder / "prefix" / "bin" / "whisperstore"
        program.parent.mkdir(parents=True)
        shutil.copy(PROGRAM, program)
        missing = subprocess.run([program, "demo"], env=self.environment, cwd="/", capture_output=True, text=True,
                                 timeout=60, check=False)
        self.assertEqual(missing.returncode, NOT_FOUND, missing.stderr)
        self.assertIn("--sample DIR", missing.stderr)

        shutil.copytree(EXAMPLES, self.folder / "prefix" / "share" / "whisperstore" / "examples",
                        ignore=shutil.ignore_patterns("installed"))
        found = subprocess.run([program, "demo"], env=self.environment, cwd="/", capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("215 messages stored", found.stdout)

    def test_the_sample_is_found_from_the_build_folder(self):
        if EXAMPLES.parent not in pathlib.Path(PROGRAM).resolve().parents:
            self.skipTest("the build folder is not in the source folder")
        self.assertIn("215 messages stored", self.text("demo"))


if __name__ == "__main__":
    unittest.main()
