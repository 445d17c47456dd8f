"""From an entry point to declarations; whatever an import does that it should not stays its own.

A stranger's module is imported in the command's own process. It can neither end that process, nor leave it in another
working folder, with another environment or without its output.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib.metadata import EntryPoint
from itertools import islice
from time import monotonic
from types import ModuleType
from typing import Any, NoReturn

import pluggy

from abawbench import hookspecs
from abawbench.contracts.declarations import (
    CONTRACT_VERSION,
    Assumption,
    Declaration,
    ModelDeclaration,
    SuiteDeclaration,
)
from abawbench.contracts.errors import PluginError

LOAD_SECONDS = 30.0
"""What one plugin may take to be imported and to declare itself."""
KINDS = ("task", "database", "model", "metric", "runtime")
"""Kinds of plugins that build something."""
SUITE = "suite"
HOOK = "abawbench_plugins"
CALLBACKS = ("on_epoch", "on_result")
"""Hooks that are told what happens in a run."""
MOST = 1000
"""Declarations of one plugin."""
LONGEST = 100
"""Characters of a name."""
_OLD_HOOKS = tuple(f"abawbench_{kind}s" for kind in KINDS)
"""Of contract 1."""


def declarations_of(point: EntryPoint) -> list[Declaration]:
    """Return what the plugin of an entry point declares. Whatever goes wrong there is an Exception."""
    with _contained(), _at_most(LOAD_SECONDS):
        return _declarations(point.load())


def how_they_end(points: Sequence[EntryPoint]) -> dict[int, str]:
    """Return the number of each plugin whose import ends its process or never returns, and how; by trying it.

    They are tried in copies of this process, which is possible only while it is small and has a single thread.
    """
    found: dict[int, str] = {}
    if not hasattr(os, "fork") or threading.active_count() > 1 or "torch" in sys.modules:
        return found
    first = 0
    while first < len(points):
        reached, how = _try(points, first)
        if how is None:
            break
        found[reached] = how
        first = reached + 1
    return found


def _try(points: Sequence[EntryPoint], first: int) -> tuple[int, str | None]:
    """Load plugins in a copy of this process; return the last that was begun, and how it ended the copy, if it did."""
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    copy = os.fork()
    if not copy:
        leave = os._exit
        with suppress(BaseException):
            os.close(reading)
            for stream_number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream_number)
            for point in points[first:]:
                os.write(writing, b".")
                with suppress(BaseException):
                    declarations_of(point)
            os.write(writing, b"!")
        leave(0)
    os.close(writing)
    begun, done, late = first - 1, False, False
    try:
        begun, done, late = _follow(reading, begun)
    finally:
        os.close(reading)
        if not done:
            with suppress(ProcessLookupError):
                os.kill(copy, signal.SIGKILL) if late else None
        _, status = os.waitpid(copy, 0)
    if done:
        return begun, None
    if late:
        return begun, f"TimeoutError: not loaded after {LOAD_SECONDS:g} s, and it cannot be interrupted"
    code = os.waitstatus_to_exitcode(status)
    name = signal.Signals(-code).name if code < 0 else f"status {code}"
    return max(begun, first), f"its import ends the process with {name}"


def _follow(reading: int, begun: int) -> tuple[int, bool, bool]:
    """Return the last plugin that was begun, whether all were, and whether one took too long."""
    from select import select

    end = monotonic() + LOAD_SECONDS + 1
    while True:
        if not select([reading], [], [], max(end - monotonic(), 0))[0]:
            return begun, False, True
        said = os.read(reading, 1 << 12)
        if not said:
            return begun, False, False
        begun += said.count(b".")
        end = monotonic() + LOAD_SECONDS + 1
        if said.endswith(b"!"):
            return begun, True, False


class Ended(Exception):
    """Raised where a plugin would have ended the program."""


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("abawbench")
    manager.add_hookspecs(hookspecs)
    return manager


@contextmanager
def _contained() -> Iterator[None]:
    """Put back folder, environment and output, and turn whatever would end the program into an Exception."""
    folder, environment, leave = _folder(), dict(os.environ), os._exit

    def stay(status: int) -> NoReturn:
        raise Ended(f"it calls os._exit({status})")

    os._exit = stay
    try:
        with _interrupts() as interrupted, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                yield
            except KeyboardInterrupt as error:
                if interrupted:
                    raise
                raise Ended("KeyboardInterrupt, which nobody pressed") from error
            except Exception:
                raise
            except BaseException as error:
                raise Ended(f"{type(error).__name__}: {error}".removesuffix(": ")) from error
    finally:
        os._exit = leave
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        if folder is not None and _folder() != folder:
            os.chdir(folder)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Give a list that Ctrl-C alone adds to: a plugin may raise KeyboardInterrupt itself."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # as in the background of a shell: nobody can press it
        yield pressed
        return
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        pressed.append(0)  # it cannot be known here
        yield pressed
        return

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside after so long, where there are alarms and nobody else has set one."""
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not alarms or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def late(*_: object) -> None:
        raise TimeoutError(f"not loaded after {seconds:g} s; import what takes long where it is used")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _declarations(module: ModuleType) -> list[Declaration]:
    """Call one plugin's hook by itself, so that whatever it does wrong is its own."""
    if any(hasattr(module, hook) for hook in _OLD_HOOKS):
        raise PluginError(
            f"it was written for contract 1, and this abawbench keeps {CONTRACT_VERSION}: return all declarations from "
            f"one hook, {HOOK}, and see CHANGELOG.md"
        )
    manager = _manager()
    manager.register(module)
    try:
        manager.check_pending()
        own: list[Any] = [one for one in manager.hook.abawbench_plugins.get_hookimpls() if one.plugin is module]
        if not own and not _callbacks(manager):
            raise PluginError(f"{module.__name__} implements no abawbench hook; see abawbench.hookspecs")
        found = list(islice((declaration for one in own for declaration in one.function()), MOST + 1))
        if len(found) > MOST:
            raise PluginError(f"{HOOK} gives more than {MOST} declarations")
        return [_require_valid(declaration) for declaration in found]
    finally:
        manager.unregister(module)


def callbacks_of(value: str) -> dict[str, Callable[..., Any]]:
    """Return name -> what calls it, of the hooks by which the plugin at an import path follows runs."""
    with _contained():
        module = EntryPoint("", value, "").load()
        manager = _manager()
        manager.register(module)
        return _callbacks(manager)


def _callbacks(manager: pluggy.PluginManager) -> dict[str, Callable[..., Any]]:
    callers = {name: getattr(manager.hook, name) for name in CALLBACKS}
    return {name: caller for name, caller in callers.items() if caller.get_hookimpls()}


def _require_valid(declaration: object) -> Declaration:
    if not isinstance(declaration, Declaration) or getattr(declaration, "kind", None) not in (*KINDS, SUITE):
        raise PluginError(f"{HOOK} must return declarations, not {type(declaration).__name__}")
    kind = declaration.kind
    for field in ("name", "summary", "build"):
        if type(getattr(declaration, field)) is not str:  # a subclass may compare as it likes
            raise PluginError(f"{kind} {declaration.name!r} declares a {field} that is not text")
    if fault := _fault_of(declaration.name):
        raise PluginError(f"{kind} {declaration.name[:LONGEST]!r} needs a name {fault}")
    if isinstance(declaration, SuiteDeclaration):
        if not declaration.tasks or not _are(str, declaration.tasks):
            raise PluginError(f"suite '{declaration.name}' declares tasks that are not a tuple of names")
    elif not all(declaration.build.partition(":")):
        raise PluginError(f"{kind} '{declaration.name}' declares build {declaration.build!r}, not package.module:name")
    if isinstance(declaration, ModelDeclaration) and not (
        _are(str, declaration.claims) and all(claim.find(":") == len(claim) - 1 > 0 for claim in declaration.claims)
    ):
        raise PluginError(f"model '{declaration.name}' claims {declaration.claims!r}, not names up to a colon")
    if not _are(str, declaration.needs):
        raise PluginError(f"{kind} '{declaration.name}' declares needs that are not a tuple of text")
    if not _are(Assumption, declaration.assumptions) or not all(
        r.values and _are(str, r.values) for r in declaration.assumptions
    ):
        raise PluginError(
            f"{kind} '{declaration.name}' declares assumptions that are not a tuple of Assumption with values"
        )
    if declaration.contract != CONTRACT_VERSION:
        side = "newer" if declaration.contract > CONTRACT_VERSION else "older"
        raise PluginError(
            f"'{declaration.name}' keeps contract {declaration.contract}, {side} than this abawbench's "
            f"{CONTRACT_VERSION}; install versions that match"
        )
    return declaration


def _fault_of(name: str) -> str | None:
    """Return what a name would have to be: it becomes a folder, and a word of a command line and of tables."""
    if not name or ":" in name:
        return "without ':'"
    if len(name.encode(errors="replace")) > LONGEST:
        return f"of at most {LONGEST} bytes"
    if not name.isprintable() or name != name.strip():
        return "that can be printed, without a space around it"
    if any(sign in name for sign in "/\\") or name.startswith((".", "-")) or name == "all":
        return "that is not 'all', has no slash and does not begin with '.' or '-'"
    return None


def _are(kind: type, values: object) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, kind) for value in values)
