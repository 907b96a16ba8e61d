"""The completion scripts: they run in their shells, and offer what there is."""

import shutil
import subprocess
import unittest

from cli_support import CommandTest


class Completion(CommandTest):
    def offered(self, *words):
        """What bash offers for the last of the words."""
        line = " ".join(words)
        script = (f"{self.text('completion', 'bash')}\n"
                  f"COMP_WORDS=({' '.join(repr(word) for word in words)})\n"
                  f"COMP_CWORD={len(words) - 1}\nCOMP_LINE={line!r}\n"
                  "_whisperstore\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        result = subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=60,
                                check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_bash_offers_commands_options_and_files(self):
        (self.folder / "chat.jsonl").touch()
        (self.folder / "some-folder").mkdir()
        commands = self.offered("whisperstore", "")
        for command in ("demo", "detect", "config", "init", "status", "import", "context", "remember", "recall", "connected",
                        "network", "sql", "backup", "completion"):
            self.assertIn(command, commands)
        self.assertEqual(self.offered("whisperstore", "con"), ["config", "context", "connected"])
        self.assertEqual(self.offered("whisperstore", "--json", "backup", "v"), ["verify"])
        self.assertEqual(self.offered("whisperstore", "--data-dir", "status", "backup", "cr"), ["create"])
        self.assertIn("--vectors", self.offered("whisperstore", "recall", "--"))
        self.assertIn("--json", self.offered("whisperstore", "recall", "--"))
        self.assertEqual(self.offered("whisperstore", "import", "ch"), ["chat.jsonl"])
        self.assertEqual(self.offered("whisperstore", "backup", "create", ""), ["some-folder"])
        self.assertEqual(self.offered("whisperstore", "--data-dir", "some"), ["some-folder"])
        self.assertEqual(self.offered("whisperstore", "context", "lounge", "--limit", ""), [])

    def test_each_script_names_each_command_and_option(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.text("completion", shell)
            for word in ("recall", "backup", "verify", "vectors", "filter", "data-dir", "env-file", "sample"):
                self.assertIn(word, script, shell)

    def test_the_scripts_are_valid_in_their_shells(self):
        for shell, check in (("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            with self.subTest(shell=shell):
                if not shutil.which(shell):
                    self.skipTest(f"no {shell} here")
                file = self.folder / f"completion.{shell}"
                file.write_text(self.text("completion", shell), encoding="utf-8")
                result = subprocess.run([*check, file], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
