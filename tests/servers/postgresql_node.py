"""One PostgreSQL server of the tests: making, starting and ending it. For tests/servers/postgresql."""

import os
import pwd
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 20

# Standbys and pg_rewind need the first five. fsync stays on where servers are killed.
SETTINGS = """
wal_level = replica
hot_standby = on
wal_log_hints = on
wal_keep_size = '64MB'
wal_retrieve_retry_interval = '100ms'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '32MB'
max_wal_size = '256MB'
deadlock_timeout = '100ms'
jit = off
log_checkpoints = off
log_min_messages = warning
log_min_error_statement = panic
"""

ACCESS = """
host all veteran 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


class ServerError(Exception):
    """What went wrong with which server."""


def programs():
    """The folder of the newest PostgreSQL's server programs."""
    folders = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if not folders:
        raise ServerError("no PostgreSQL server in /usr/lib/postgresql: install the Debian package postgresql")
    return max(folders, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parent.name)])


def as_server_user(command):
    """PostgreSQL and PgBouncer refuse to run as root."""
    return ["runuser", "-u", SUPERUSER, "--", *command] if os.geteuid() == 0 else list(command)


def give_to_server_user(path):
    if os.geteuid() == 0:
        user = pwd.getpwnam(SUPERUSER)
        os.chown(path, user.pw_uid, user.pw_gid)


def run(server, command, **options):
    """Runs a command as the servers' user; what it printed, or an error that names the server."""
    done = subprocess.run(as_server_user([str(part) for part in command]), stdin=subprocess.DEVNULL, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise ServerError(f"{server}: {Path(str(command[0])).name} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def free_ports(count):
    """Ports nobody listens on, below those that the system gives to clients, so that none takes them meanwhile."""
    lowest_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.sample(range(10000, min(lowest_of_clients, 32768)), 500):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise ServerError("there are no free ports")


def end_of(log, lines=30):
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(there is no log)"


def poll(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def has_argument(process, argument):
    try:
        return os.fsencode(argument) in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def state_and_parent(process):
    """As in proc(5); "gone" when there is no such process."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    except OSError:
        return "gone", 0


def is_running(process):
    return state_and_parent(process)[0] not in ("gone", "Z", "X")


def children(process):
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [number for number in numbers if state_and_parent(number)[1] == process]


def end_process(pid_file, argument, signal_number):
    """Ends the process of a pid file and waits for its end. Another's process, which has got the number of one of
    ours that is gone, is left alone: ours have `argument` in their command line."""
    try:
        process = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    for number in (signal_number, signal.SIGKILL):
        if not has_argument(process, argument):
            return
        os.kill(process, number)
        if poll(lambda: not has_argument(process, argument), STOP_SECONDS):
            return
    raise ServerError(f"process {process} of {argument} does not end")


class Node:
    """A server, in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = self.folder.name
        self.log = self.folder.parent / f"{self.name}.log"

    @property
    def pid_file(self):
        return self.folder / "postmaster.pid"

    @property
    def port(self):
        """As configured; the last line that sets it counts."""
        return int(re.findall(r"^port = (\d+)$", (self.folder / "postgresql.conf").read_text(), re.MULTILINE)[-1])

    def initialize(self, password_file):
        run(self.name, [programs() / "initdb", "-D", self.folder, "-U", SUPERUSER, "--auth=scram-sha-256",
                        f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                        "--no-instructions"])
        self.configure(SETTINGS)
        (self.folder / "pg_hba.conf").write_text(ACCESS)

    def copy_from(self, template, port):
        """A copy of a server that has never been started. Copies of one template can follow one another."""
        run(self.name, ["cp", "-a", template.folder, self.folder])
        self.configure(f"port = {port}\n")

    def configure(self, settings):
        with open(self.folder / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(settings)

    def follow(self, primary, password, slot=None):
        """Makes it a hot standby, from its next start on."""
        # One escaping for the connection string, one for the configuration file.
        password = password.replace("\\", "\\\\").replace("'", "\\'")
        connection = f"host=127.0.0.1 port={primary.port} user={SUPERUSER} password='{password}' " \
                     f"application_name={self.name}"
        quoted = connection.replace("\\", "\\\\").replace("'", "''")
        self.configure(f"primary_conninfo = '{quoted}'\n" +
                       (f"primary_slot_name = '{slot}'\n" if slot else ""))
        signal_file = self.folder / "standby.signal"
        signal_file.touch()
        give_to_server_user(signal_file)

    def rejoin(self, primary, password):
        """Turns a server that was a primary, and is not running, into a standby of the one promoted since."""
        self.forget_dead_process()
        primary.query("CHECKPOINT", password)  # before that a new primary's files do not show that it was promoted
        environment = dict(os.environ, PGPASSWORD=password)
        port = self.port
        connection = f"host=127.0.0.1 port={primary.port} user={SUPERUSER} dbname=postgres"
        run(self.name, [programs() / "pg_rewind", f"--target-pgdata={self.folder}", f"--source-server={connection}",
                        "--no-sync"], env=environment)
        self.configure(f"port = {port}\n")  # pg_rewind copies the configuration too
        self.follow(primary, password)

    def start(self):
        """Returns when it accepts connections; a standby when it answers reads."""
        self.forget_dead_process()
        command = [programs() / "pg_ctl", "start", "-D", self.folder, "-l", self.log, "-w", "-t", START_SECONDS, "-s"]
        try:
            # Its output would stay open for as long as the server runs.
            subprocess.run(as_server_user([str(part) for part in command]), stdin=subprocess.DEVNULL, cwd="/",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        except subprocess.CalledProcessError as error:
            raise ServerError(f"{self.name} does not start; the end of its log:\n{end_of(self.log)}") from error

    def promote(self):
        run(self.name, [programs() / "pg_ctl", "promote", "-D", self.folder, "-w", "-t", START_SECONDS, "-s"])

    def kill(self):
        """Ends all its processes at once, as a crash of its machine would."""
        lines = self.pid_file.read_text().splitlines()
        process = int(lines[0])
        if not has_argument(process, self.folder):
            raise ServerError(f"{self.name} is not running")
        os.kill(process, signal.SIGSTOP)  # and so makes no more of them
        processes = [process, *children(process)]
        for each in processes:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not poll(lambda: not any(is_running(each) for each in processes), STOP_SECONDS):
            raise ServerError(f"{self.name} does not end")
        # The segment by which servers keep each other out of their data; nobody else would remove it.
        key_and_id = lines[6].split() if len(lines) > 6 else []
        if len(key_and_id) == 2:
            subprocess.run(as_server_user(["ipcrm", "-m", key_and_id[1]]), check=False, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def forget_dead_process(self):
        """A killed server leaves its process's number behind. That of a process whose parent does not wait for its
        children (process 1 of many containers) counts as running for ever."""
        try:
            process = int(self.pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not has_argument(process, self.folder):
            self.pid_file.unlink()

    def stop(self):
        """At once: nobody will read its data."""
        self.forget_dead_process()
        if self.pid_file.exists():
            self.kill()

    def query(self, sql, password):
        environment = dict(os.environ, PGPASSWORD=password)
        return run(self.name, [programs() / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                               "-p", self.port, "-U", SUPERUSER, "-d", "postgres", "-c", sql], env=environment)
