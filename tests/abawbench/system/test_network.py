"""A job, and a command, reaches no other machine unless it may. A job's guard is tried in processes of their own."""

import socket
import subprocess
import sys

import pytest

from abawbench.contracts import PluginError
from abawbench.system.network import network_refused

GUARDED = """
import os, socket, tempfile
from abawbench.contracts import PluginError
from abawbench.system.network import refuse_network
refuse_network()
try:
    {statement}
except PluginError as error:
    print("refused:", error)
except OSError as error:
    print("tried:", type(error).__name__)
else:
    print("done")
"""


def guarded(statement: str) -> str:
    code = GUARDED.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("statement", "host"),
    [
        ("socket.create_connection(('203.0.113.1', 80), timeout=1)", "203.0.113.1"),
        ("socket.getaddrinfo('example.invalid', 80)", "example.invalid"),
        ("socket.gethostbyname('example.invalid')", "example.invalid"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 53))", "203.0.113.1"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('203.0.113.1', 53))", "203.0.113.1"),
        ("socket.gethostbyaddr('203.0.113.1')", "203.0.113.1"),
        ("socket.getnameinfo(('203.0.113.1', 80), 0)", "203.0.113.1"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))", "2001:db8::1"),
        ("import urllib.request; urllib.request.urlopen('http://example.invalid')", "example.invalid"),
    ],
)
def test_another_machine_is_refused_by_name(statement: str, host: str) -> None:
    assert guarded(statement) == f"refused: network access to {host} was refused; --network allows it"


def test_a_command_may_refuse_for_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port: sys.audit("socket.getaddrinfo", host, port))
    with network_refused(unless=False), pytest.raises(PluginError, match=r"to example\.invalid was refused"):
        socket.getaddrinfo("example.invalid", 80)
    socket.getaddrinfo("example.invalid", 80)
    with network_refused(unless=True):
        socket.getaddrinfo("example.invalid", 80)


@pytest.mark.parametrize(
    "statement",
    [
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), timeout=5)",
        "socket.getaddrinfo('localhost', 80)",
        "s = socket.socket(socket.AF_UNIX); s.bind(p := os.path.join(tempfile.mkdtemp(), 's')); s.listen(); "
        "socket.socket(socket.AF_UNIX).connect(p)",
        "s = socket.socketpair(); s[0].send(b'x')",
    ],
)
def test_this_machine_is_not(statement: str) -> None:
    assert guarded(statement) == "done"
