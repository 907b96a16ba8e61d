"""Options, help, exit codes and errors of the command."""

import json
import re
import signal
import subprocess
import unittest

from cli_support import (CONVERSATION, EXAMPLES, INTERRUPTED, NOT_FOUND, OUTPUT_CLOSED, QUESTION_VECTORS, TIMEOUT,
                         UNAVAILABLE, USAGE, CommandTest)

COMMANDS = ("demo", "detect", "config show", "init", "status", "import", "context", "remember", "recall", "connected",
            "network", "sql", "backup create", "backup restore", "backup verify", "completion bash")
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class GlobalOptions(CommandTest):
    def test_json_is_accepted_before_and_after_each_command(self):
        self.import_sample()
        for command in (["detect"], ["config", "show"], ["init"], ["status"], ["context", "lounge"],
                        ["recall", "--vectors", QUESTION_VECTORS, "--row", "0"], ["connected", "mira"],
                        ["network", "mira"], ["sql", "SELECT 1"], ["import", CONVERSATION]):
            with self.subTest(command=command):
                before = json.loads(self.text("--json", *command))
                after = json.loads(self.text(*command, "--json"))
                between = json.loads(self.text(command[0], "--json", *command[1:]))
                self.assertEqual(type(before), type(after))
                self.assertEqual(type(before), type(between))

    def test_data_dir_is_accepted_before_and_after_and_beats_the_environment(self):
        elsewhere = self.folder / "elsewhere"
        self.text("init", "--data-dir", elsewhere)
        self.assertTrue((elsewhere / "database.db").exists())
        self.assertFalse(self.data.exists())
        self.assertEqual(self.json("--data-dir", elsewhere, "status")["data_dir"], str(elsewhere))
        self.assertEqual(self.json("status", "--data-dir", elsewhere)["data_dir"], str(elsewhere))

    def test_settings_come_from_the_env_file(self):
        file = self.folder / "settings.env"
        file.write_text("WHISPERENGINE_CACHE_MAX_MESSAGES=77\n", encoding="utf-8")
        for arguments in (["--env-file", file, "config", "show"], ["config", "show", "--env-file", file]):
            settings = {item["variable"]: item for item in self.json(*arguments)["settings"]}
            self.assertEqual(settings["WHISPERENGINE_CACHE_MAX_MESSAGES"]["value"], "77")
            self.assertIn("settings.env (line 1)", settings["WHISPERENGINE_CACHE_MAX_MESSAGES"]["origin"])

    def test_a_missing_env_file_is_an_error(self):
        self.assertIn("nowhere.env", self.error("--env-file", "nowhere.env", "status", code=NOT_FOUND))

    def test_what_looks_like_a_mistake_is_a_warning_on_standard_error(self):
        self.environment["WHISPERENGINE_CACHE_TYP"] = "redis"
        result = self.run_command("config", "show")
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stderr.startswith("whisperstore: warning: "), result.stderr)
        result = self.run_command("config", "show", "--json")
        self.assertIn("WHISPERENGINE_CACHE_TYP", json.loads(result.stderr)["warning"])
        json.loads(result.stdout)

    def test_a_wrong_setting_is_a_usage_error_that_says_what_is_allowed(self):
        self.environment["WHISPERENGINE_CACHE_MAX_MESSAGES"] = "many"
        error = self.json_error("status", code=USAGE)
        self.assertEqual(error["code"], "invalid_argument")
        self.assertIn("WHISPERENGINE_CACHE_MAX_MESSAGES is 'many'", error["message"])

    def test_the_time_of_timeout_ends_a_command(self):
        self.text("init")
        error = self.json_error("sql", ENDLESS, "--timeout", "0.3", code=TIMEOUT)
        self.assertEqual(error["code"], "timeout")
        self.error("--timeout", "0.3", "sql", ENDLESS, code=TIMEOUT)

    def test_a_backend_that_is_not_built_is_named_with_the_way_out(self):
        del self.environment["WHISPERENGINE_DATA_DIR"]
        self.environment["WHISPERENGINE_DATABASE_TYPE"] = "sqlite"
        self.environment["WHISPERENGINE_VECTOR_DB_TYPE"] = "local_qdrant"
        self.environment["WHISPERENGINE_CACHE_TYPE"] = "memory"
        self.environment["WHISPERENGINE_GRAPH_DB_TYPE"] = "neo4j"
        message = self.error("init", code=USAGE)
        self.assertIn("neo4j", message)
        self.assertIn("--data-dir DIR", message)


class Usage(CommandTest):
    def test_without_a_command_the_help_goes_to_standard_error(self):
        result = self.run_command()
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
        self.assertIn("Usage: whisperstore COMMAND", result.stderr)

    def test_wrong_command_lines_are_usage_errors_that_name_what_is_wrong(self):
        for arguments, named in ((["contxt", "lounge"], "'contxt'"),
                                 (["context"], "CHANNEL"),
                                 (["context", "lounge", "more"], "'more'"),
                                 (["context", "lounge", "--limt", "3"], "'--limt'"),
                                 (["context", "lounge", "--limit", "three"], "'three'"),
                                 (["context", "lounge", "--limit", "-1"], "'-1'"),
                                 (["connected", "mira", "--depth", "11"], "1 to 10"),
                                 (["recall", "--row", "0"], "--vectors"),
                                 (["backup", "creat", "x"], "'creat'"),
                                 (["backup"], "create, restore, verify"),
                                 (["--timeout", "0", "status"], "--timeout"),
                                 (["completion", "powershell"], "'powershell'")):
            with self.subTest(arguments=arguments):
                message = self.error(*arguments, code=USAGE)
                self.assertIn(named, message)
                self.assertIn("--help", message)
                self.assertIn(named, self.json_error(*arguments, code=USAGE)["message"])

    def test_every_command_has_help(self):
        top = self.text("--help")
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertIn(command.split()[0], top)
                text = self.text(*command.split(), "--help")
                self.assertIn(f"Usage: whisperstore {command}", text)
                self.assertIn("--data-dir DIR", text)
                self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertIn("Exit codes:", top)

    def test_the_documentation_knows_every_option_and_exit_code(self):
        page = (EXAMPLES.parent / "docs" / "command-line.md").read_text(encoding="utf-8")
        for command in ("", *COMMANDS):
            text = self.text(*command.split(), "--help")
            for option in re.findall(r"^ +(?:-h, )?(--[a-z-]+)", text, re.MULTILINE):
                self.assertIn(option, page, command)
        for code in re.findall(r"^  (\d+)  ", self.text("--help"), re.MULTILINE):
            self.assertRegex(page, rf"(?m)^\| {code} \|")

    def test_version(self):
        self.assertRegex(self.text("--version"), r"^whisperstore \d+\.\d+\.\d+\n$")
        self.assertRegex(self.json("--version")["version"], r"^\d+\.\d+\.\d+$")

    def test_a_channel_may_be_named_like_a_command(self):
        self.import_sample()
        self.assertEqual(self.json("context", "status"), [])


class ReadingBeforeAnythingIsStored(CommandTest):
    def test_reading_commands_say_what_to_do_and_create_nothing(self):
        for arguments in (["status"], ["context", "lounge"], ["connected", "mira"], ["network", "mira"],
                          ["sql", "SELECT 1"], ["recall", "--vectors", QUESTION_VECTORS, "--row", "0"],
                          ["backup", "create", self.folder / "backup"]):
            with self.subTest(arguments=arguments):
                message = self.error(*arguments, code=NOT_FOUND)
                self.assertIn("whisperstore init", message)
                self.assertIn(str(self.data), message)
        self.assertFalse(self.data.exists())
        self.assertFalse((self.folder / "backup").exists())


class Endings(CommandTest):
    def test_control_c_cancels_and_ends_with_130(self):
        self.text("init")
        process = self.start("sql", ENDLESS)
        # The statement never ends, so the signal can only come before or during it.
        self.eventually(lambda: self.signal_handler_is_set(process.pid), "handling signals")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output), (INTERRUPTED, ""))
        self.assertIn("interrupted", errors)

    @staticmethod
    def signal_handler_is_set(process_id):
        with open(f"/proc/{process_id}/status", encoding="utf-8") as status:
            caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
        return bool(caught & (1 << (signal.SIGINT - 1)))

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        self.text("init")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT i FROM n"
        for arguments in (["sql", numbers], ["sql", "--json", numbers]):
            with self.subTest(arguments=arguments):
                process = self.start(*arguments)
                process.stdout.readline()
                process.stdout.close()
                errors = process.stderr.read()
                self.assertEqual((process.wait(60), errors), (OUTPUT_CLOSED, ""))

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run(self.command("detect"), env=self.environment, stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write the output", result.stderr)

    def test_data_that_is_no_data_is_told(self):
        self.text("init")
        (self.data / "database.db").write_bytes(b"this is no database" * 500)
        self.assertEqual(self.json_error("status", code=5)["code"], "corrupt")

    def test_codes_are_those_of_the_help(self):
        self.assertIn(f"  {UNAVAILABLE}    a backend cannot be reached", self.text("--help"))


if __name__ == "__main__":
    unittest.main()
