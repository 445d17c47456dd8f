"""One file at an address, kept in abawbench's cache folder; or where another program has put it."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source
from abawbench.system.cache import cache_folder
from abawbench.system.files import replace_file
from abawbench.system.locks import hold_alone
from abawbench.weights import telling
from abawbench.weights.places import PATIENCE, Found, reason, refuse_foreign, status_reason


def file_name(source: Source) -> str:
    """Return the last part of the address."""
    return Path(unquote(urlsplit(str(source.url)).path)).name


def find_local(source: Source) -> Found | None:
    """Return the file where it is here, None where it is not."""
    places = [Path(source.kept).expanduser()] if source.kept else []
    path = next((place for place in [*places, _kept_here(source)] if place.is_file()), None)
    return None if path is None else Found(files={file_name(source): path})


def fetch(source: Source) -> Found:
    """Return the file, fetched anew: it takes the old one's place when it is whole. Raises UsageError."""
    import pooch
    import requests

    path, url = _kept_here(source), str(source.url)
    host = urlsplit(url).netloc
    telling.current().note(f"fetching {file_name(source)} from {host}")
    with hold_alone(path.parent), replace_file(path) as temporary:
        try:
            pooch.HTTPDownloader(timeout=PATIENCE)(url, str(temporary), None)
        except requests.HTTPError as error:
            said = status_reason(getattr(error.response, "status_code", 0))
            raise UsageError(f"{host} does not give {source.what} ({url}): {said}") from error
        except (OSError, ValueError) as error:  # requests raises both
            raise UsageError(f"{host} does not give {source.what} ({url}): {reason(error)}") from error
        refuse_foreign(temporary, f"{source.what} ({url})")
    return Found(files={file_name(source): path})


def _kept_here(source: Source) -> Path:
    folder = sha256(str(source.url).encode()).hexdigest()[:16]
    return cache_folder() / "weights" / folder / file_name(source)
