"""A small Hugging Face hub on 127.0.0.1, for tests and trials: repositories, commits, tags, and ways to go wrong.

    python tools/local_hub.py FOLDER

serves FOLDER/OWNER/NAME/... as repositories of one commit each and says what to set.
"""

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+?)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?/?")


@dataclass
class Repository:
    """Commits, oldest first, and what names point to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """Add a commit, let a name point to it, and return it."""
        said = json.dumps([len(self.commits), sorted((n, hashlib.sha1(b).hexdigest()) for n, b in files.items())])
        name = hashlib.sha1(said.encode()).hexdigest()
        self.commits[name] = files
        self.refs[ref] = name
        return name


@dataclass
class Hub:
    """What the server serves, how it fails, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content, of plain addresses."""
    fault: str = ""
    """``status=N``, ``gated``, ``truncate``, ``break-once``, ``hang-half``, ``no-range``, ``no-mark``, ``stall``,
    ``no-commit``, ``loop`` or ``size``."""
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def repository(self, name: str) -> Repository:
        """Return a repository, made if need be."""
        return self.repositories.setdefault(name, Repository())

    @property
    def given(self) -> int:
        """How often content was asked for."""
        return sum(one.startswith("GET") and "/api/" not in one for one in self.asked)


@contextmanager
def serve(hub: Hub | None = None) -> Iterator[Hub]:
    """Serve a hub inside."""
    hub = hub or Hub()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who asks goes away in the middle, as real ones do."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *given: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".rstrip())
        fault = hub.fault
        if fault.startswith("status="):
            return self._send(int(fault.removeprefix("status=")), b"no")
        if fault == "loop":
            return self._send(302, b"", {"Location": f"{hub.address}{path}"})
        if fault == "stall":
            threading.Event().wait(3)  # tests take the time out of time.sleep
        if path in hub.files:
            mark = {} if fault == "no-mark" else {"ETag": f'"{hashlib.sha256(hub.files[path]).hexdigest()}"'}
            return self._content(hub.files[path], mark, body)
        if found := _FILE.fullmatch(path):
            return self._file(found["repo"], found["revision"], found["file"], body)
        if found := _API.fullmatch(path):
            return self._api(found["repo"], found["what"], found["revision"] or "main")
        return self._send(404, b"no such page")

    def _commit(self, repo: str, revision: str) -> str | None:
        """Return the commit of a revision; None when this was answered with an error."""
        if repo not in self.hub.repositories:
            self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
            return None
        if self.hub.fault == "gated":
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "terms"})
            return None
        known = self.hub.repositories[repo]
        commit = known.refs.get(revision, revision)
        if commit not in known.commits:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return None
        return commit

    def _file(self, repo: str, revision: str, file: str, body: bool) -> None:
        commit = self._commit(repo, revision)
        if commit is None:
            return None
        content = self.hub.repositories[repo].commits[commit].get(file)
        if content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": commit}
        if self.hub.fault == "no-commit":
            headers.clear()
        return self._content(content, headers, body)

    def _api(self, repo: str, what: str | None, revision: str) -> None:
        commit = self._commit(repo, revision)
        if commit is None:
            return
        files = self.hub.repositories[repo].commits[commit]
        answer: Any = {"id": repo, "modelId": repo, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
        if what == "tree":
            answer = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
        if self.hub.fault == "no-commit" and what is None:
            answer["sha"] = None
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _content(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        hub, start = self.hub, 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, headers.get("ETag"))
        if wanted and same and hub.fault not in ("no-range", "truncate"):
            start = int(wanted[1])
            if start >= len(content):
                return self._send(416, b"")
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        rest = content[start:]
        if hub.fault == "size" and not body:
            return self._send(200, b"", {**headers, "Content-Length": str(len(content) + 7)})
        if not body:
            return self._send(200, b"", {**headers, "Content-Length": str(len(content))})
        breaks = hub.fault in ("truncate", "break-once", "hang-half", "no-mark", "no-range") and not (
            start or (hub.fault == "no-range" and wanted)
        )
        if breaks:
            if hub.fault == "break-once":
                hub.fault = ""
            self.send_response(206 if start else 200)
            for name, value in {**headers, "Content-Length": str(len(rest))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            if hub.fault == "hang-half":
                threading.Event().wait(20)  # whoever asks is ended meanwhile
            self.close_connection = True
            return None
        return self._send(206 if start else 200, rest, headers)

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def load(folder: Path) -> Hub:
    """Return a hub with each FOLDER/OWNER/NAME as a repository of one commit."""
    hub = Hub()
    for repo in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        files = {p.relative_to(repo).as_posix(): p.read_bytes() for p in sorted(repo.rglob("*")) if p.is_file()}
        hub.repository(repo.relative_to(folder).as_posix()).commit(files)
    return hub


if __name__ == "__main__":
    with serve(load(Path(sys.argv[1]))) as served:
        print(f"export HF_ENDPOINT={served.address}\n{', '.join(served.repositories)}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
