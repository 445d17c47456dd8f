"""One file at an address, kept in abawbench's cache folder; or where another program has put it."""

from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source
from abawbench.system.cache import cache_folder
from abawbench.system.files import require_plain_target, sync
from abawbench.system.locks import hold_alone
from abawbench.weights import telling
from abawbench.weights.places import PATIENCE, Found, reason, refuse_foreign, status_reason

if TYPE_CHECKING:
    from requests import Response

_CHUNK = 2**16
_LONGEST = 120
"""Characters of a mark that stands in a file's name."""


def file_name(source: Source) -> str:
    """Return the last part of the address."""
    return Path(unquote(urlsplit(str(source.url)).path)).name


def find_local(source: Source) -> Found | None:
    """Return the file where it is here, None where it is not."""
    places = [Path(source.kept).expanduser()] if source.kept else []
    path = next((place for place in [*places, _kept_here(source)] if place.is_file()), None)
    return None if path is None else Found(files={file_name(source): path})


def fetch(source: Source) -> Found:
    """Return the file, fetched anew: it takes the old one's place when it is whole. Raises UsageError.

    What was fetched of it before the process was killed or the connection broke is not fetched again where the server
    marks its files (ETag) and gives parts of them.
    """
    import requests

    path, url = _kept_here(source), str(source.url)
    host = urlsplit(url).netloc
    with hold_alone(path.parent):
        require_plain_target(path)
        try:
            part = _download(url, path)
        except requests.HTTPError as error:
            said = status_reason(getattr(error.response, "status_code", 0))
            raise UsageError(f"{host} does not give {source.what} ({url}): {said}") from error
        except (OSError, ValueError) as error:  # requests raises both
            raise UsageError(f"{host} does not give {source.what} ({url}): {reason(error)}") from error
        try:
            refuse_foreign(part, f"{source.what} ({url})")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return Found(files={file_name(source): path})


def _download(url: str, path: Path) -> Path:
    """Return the whole content of an address as a file beside ``path``.

    When it ends before that, what came stays only if the server marked it: the mark is in the file's name, and the rest
    is asked for with it, so that two contents are never joined.
    """
    import requests

    before = next((one for one in _parts(path) if _mark_in(one) and one.stat().st_size), None)
    have = before.stat().st_size if before else 0
    asking = {"Range": f"bytes={have}-", "If-Range": _mark_in(before)} if before else {}
    asking["Accept-Encoding"] = "identity"
    with requests.get(url, headers=asking, stream=True, timeout=PATIENCE) as answer:
        goes_on = answer.status_code == 206
        if before and (answer.status_code == 416 or (goes_on and not _begins_at(answer, have))):
            before.unlink()  # it may be whole or not the same: the server does not say
            return _download(url, path)
        answer.raise_for_status()
        part = before if before and goes_on else path.with_name(f".{path.name}.{_mark_of(answer)}.part")
        for other in _parts(path):
            if other != part:
                other.unlink()
        doing = "going on with" if goes_on else "fetching"
        telling.current().note(f"{doing} {path.name} from {urlsplit(url).netloc}")
        try:
            with part.open("ab" if goes_on else "wb") as file:
                _receive(answer, file, path.name)
            sync(part)
        except BaseException:
            if not _mark_in(part):
                part.unlink(missing_ok=True)
            raise
    return part


def _receive(answer: "Response", file: IO[bytes], what: str) -> None:
    """Write what comes. Raises OSError when it is less than was said."""
    there, coming = file.tell(), int(answer.headers.get("Content-Length", 0))
    with telling.current().bar(what, there + coming, "B") as advance:
        advance(there)
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
            advance(len(chunk))


def _begins_at(answer: "Response", place: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {place}-")


def _mark_of(answer: "Response") -> str:
    """Return the server's mark of a content for a file's name; empty where it gives none that stands for every byte."""
    mark = quote(answer.headers.get("ETag", ""), safe="").replace(".", "%2E")
    usable = mark.startswith("%22") and len(mark) <= _LONGEST and "Content-Encoding" not in answer.headers
    return mark if usable else ""


def _mark_in(part: Path) -> str:
    return unquote(part.name.removesuffix(".part").rpartition(".")[2])


def _parts(path: Path) -> list[Path]:
    """Return what is here of a file that is not whole."""
    found = path.parent.iterdir() if path.parent.is_dir() else ()
    return sorted(one for one in found if one.name.startswith(f".{path.name}.") and one.suffix == ".part")


def _kept_here(source: Source) -> Path:
    folder = sha256(str(source.url).encode()).hexdigest()[:16]
    return cache_folder() / "weights" / folder / file_name(source)
