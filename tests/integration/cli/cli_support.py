"""What the tests of the command share: running it, and reading what it prints."""

import array
import json
import os
import pathlib
import pty
import random
import shutil
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["WHISPERSTORE_PROGRAM"]
EXAMPLES = pathlib.Path(os.environ["WHISPERSTORE_EXAMPLES"])
CONVERSATION = EXAMPLES / "conversation.jsonl"
CONVERSATION_VECTORS = EXAMPLES / "conversation.f32"
QUESTION_VECTORS = EXAMPLES / "questions.f32"
CHAT_EXPORTS = pathlib.Path(__file__).parent.parent / "chat_exports"
MODEL = (pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
         / "whisperstore" / "models" / "all-MiniLM-L6-v2")

# Exit codes, as the help lists them.
DONE, FAILED, USAGE, NOT_FOUND, UNAVAILABLE, DAMAGED, TIMEOUT, REFUSED, EXISTS = range(9)
INTERRUPTED, OUTPUT_CLOSED = 130, 141

LIMIT = 120  # seconds after which a hang is a failure


def sample_questions():
    return [json.loads(line) for line in (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def events_of(stderr):
    """What a command with --json told while it worked."""
    return [json.loads(line) for line in stderr.splitlines() if line.startswith('{"event":')]


def complaints(stderr):
    """Everything else."""
    return "".join(line for line in stderr.splitlines(True) if not line.startswith('{"event":'))


def clean_environment():
    """The environment without settings of whoever runs the tests."""
    prefixes = ("WHISPERENGINE_", "POSTGRES_", "QDRANT_", "CHROMADB_", "REDIS_", "NEO4J_", "OTEL_", "DATABASE_URL", "NO_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


class CommandTest(unittest.TestCase):
    """A folder of its own for each test, and the program to run in it."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="whisperstore-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = self.folder / "data"
        self.environment = clean_environment()
        self.environment["HOME"] = str(self.folder)
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.data)
        self.environment["WHISPERENGINE_EMBEDDING_TYPE"] = "none"  # whether there is a model here or not

    def use_model(self):
        """Texts are embedded by the local model from here on, which tools/test has fetched."""
        del self.environment["WHISPERENGINE_EMBEDDING_TYPE"]
        self.environment["WHISPERENGINE_EMBEDDING_MODEL_DIR"] = str(MODEL)

    def command(self, *arguments):
        return [PROGRAM, *map(str, arguments)]

    def run_command(self, *arguments, text_in=None):
        return subprocess.run(self.command(*arguments), env=self.environment, cwd=self.folder, input=text_in,
                              stdin=subprocess.DEVNULL if text_in is None else None,
                              capture_output=True, text=True, encoding="utf-8", timeout=LIMIT, check=False)

    def start(self, *arguments, **options):
        process = subprocess.Popen(self.command(*arguments), env=self.environment, cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   encoding="utf-8", **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT)

    def text(self, *arguments, code=DONE, text_in=None):
        """What a command prints; it ends with `code` and without complaint when that is 0."""
        result = self.run_command(*arguments, text_in=text_in)
        self.assertEqual(result.returncode, code, result.stderr)
        if code == DONE:
            self.assertEqual(complaints(result.stderr), "")
        return result.stdout

    def json(self, *arguments, code=DONE, text_in=None):
        """The one JSON document a command prints."""
        return json.loads(self.text("--json", *arguments, code=code, text_in=text_in))

    def error(self, *arguments, code):
        """The message of a command that must fail with `code` and print nothing."""
        result = self.run_command(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertTrue(result.stderr.startswith("whisperstore: "), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        return result.stderr

    def json_error(self, *arguments, code):
        """The error object of a command that must fail with `code` and print nothing."""
        result = self.run_command("--json", *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        error = json.loads(complaints(result.stderr))["error"]
        self.assertEqual(list(error),
                         ["code", "message", "backend", "operation", "native_code", "outcome", "retryable"])
        return error

    def import_sample(self):
        self.text("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)

    def import_message(self, user, content):
        """One message of one user, without a vector."""
        file = self.folder / "message.jsonl"
        file.write_text(json.dumps({"message_id": 7, "channel_id": "extra", "user_id": user, "username": user,
                                    "timestamp": "2026-04-01T12:00:00Z", "content": content}) + "\n", encoding="utf-8")
        self.text("import", file, "--no-vectors")

    def scalar(self, query):
        """The one value of a query."""
        (row,) = self.json("sql", query)
        (value,) = row.values()
        return value

    def eventually(self, condition, what):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if condition():
                return
        self.fail(f"{what} did not happen in time")

    def write_messages(self, count, name="messages"):
        """A file of messages in two channels by five users, and one of vectors."""
        messages = self.folder / f"{name}.jsonl"
        vectors = self.folder / f"{name}.f32"
        chance = random.Random(count)
        with messages.open("w", encoding="utf-8") as file:
            for i in range(count):
                file.write(json.dumps({
                    "message_id": 9007199254740993 + i, "channel_id": f"channel-{i % 2}", "user_id": f"user-{i % 5}",
                    "username": f"User {i % 5}", "session": i // 40,
                    "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + i)),
                    "content": f"message number {i}", "is_bot": i % 5 == 0}) + "\n")
        vectors.write_bytes(array.array("f", (chance.random() - 0.5 for _ in range(count * 384))).tobytes())
        return messages, vectors

    def run_in_terminal(self, *arguments, columns=80):
        """Runs the command with a terminal for all its streams; returns the exit code and what the terminal got."""
        process_id, terminal = pty.fork()
        if process_id == 0:
            os.chdir(self.folder)
            environment = dict(self.environment, COLUMNS=str(columns), TERM="xterm")
            os.execve(PROGRAM, self.command(*arguments), environment)
        output = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the program has ended
                break
            if not piece:
                break
            output += piece
        os.close(terminal)
        _, status = os.waitpid(process_id, 0)
        return os.waitstatus_to_exitcode(status), output.decode("utf-8")
