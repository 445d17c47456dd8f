"""Files of a repository on the Hugging Face hub, kept in the hub's own cache on this machine."""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source
from abawbench.weights import telling
from abawbench.weights.places import PATIENCE, Found, reason, refuse_foreign, status_reason

NEWEST = "main"
_PATTERN = re.compile(r"[*?|\[]")


def find_local(source: Source, commit: str | None, known: Sequence[str]) -> Found | None:
    """Return what the hub's cache has of a source at a commit, or at the newest that it knows; None if not all.

    ``known`` are the files that the first use found behind patterns.
    """
    import huggingface_hub

    names = list(known) if known and any(map(_PATTERN.search, source.files)) else [*source.files]
    files: dict[str, Path] = {}
    for name in names:
        if _PATTERN.search(name):
            return None
        # a download, even of local files only, asks the hub who is calling
        path = huggingface_hub.try_to_load_from_cache(str(source.repository), name, revision=commit or NEWEST)
        if not isinstance(path, str):
            return None
        files[name] = Path(path)
    return Found(files=files, commit=_commit_of(next(iter(files.values()))))


def fetch(source: Source, commit: str | None, known: Sequence[str] = ()) -> Found:
    """Return the files of a source at a commit, the newest without one; those not here are fetched.

    Raises UsageError with the reason in one sentence. Files of the hub's cache are whole or not there.
    """
    repository = str(source.repository)
    at = commit or newest(source)
    # asked for by a commit, never by a name that can move meanwhile
    names = list(known) if known and commit else _matching(source, at)
    files = {name: _download(repository, name, at) for name in names}
    for name, path in files.items():
        refuse_foreign(path, f"{name} of {repository}")
    return Found(files=files, commit=at)


def newest(source: Source) -> str:
    """Return the commit that the repository's main branch is at. Raises UsageError."""
    import huggingface_hub

    try:
        info = huggingface_hub.HfApi(endpoint=_endpoint()).model_info(str(source.repository), timeout=PATIENCE)
    except Exception as error:
        raise _refusal(error, str(source.repository)) from error
    if not info.sha:
        raise UsageError(f"{_endpoint()} names no commit of {source.repository}; is HF_ENDPOINT a hub?")
    return str(info.sha)


def _matching(source: Source, commit: str) -> list[str]:
    """Return the names of the files that a source wants at a commit, as ``Source.files`` says."""
    if not any(map(_PATTERN.search, source.files)):
        return [*source.files]
    import huggingface_hub

    try:
        there = huggingface_hub.HfApi(endpoint=_endpoint()).list_repo_files(str(source.repository), revision=commit)
    except Exception as error:
        raise _refusal(error, str(source.repository)) from error
    names: list[str] = []
    for place, wanted in enumerate(source.files):
        for choice in wanted.split("|"):
            found = [name for name in sorted(there) if fnmatchcase(name, choice) and "/" not in name]
            if found:
                names += found
                break
        else:
            if place == 0 or "*" not in wanted:
                raise UsageError(f"{source.repository} on the hub has no {wanted.replace('|', ' or ')}")
    return list(dict.fromkeys(names))


def _download(repository: str, name: str, commit: str) -> Path:
    import huggingface_hub

    try:
        url = huggingface_hub.hf_hub_url(repository, name, revision=commit, endpoint=_endpoint())
        # asked once and not for long: a download would ask a hub that is away again and again
        told = huggingface_hub.get_hf_file_metadata(url, timeout=PATIENCE)
        size = f", {told.size / 1e6:.1f} MB" if told.size else ""
        telling.current().note(f"fetching {name} of {repository} from {_endpoint()}{size}")
        options: dict[str, Any] = {"tqdm_class": telling.bar_class(name), "endpoint": _endpoint()}
        path = Path(
            huggingface_hub.hf_hub_download(repository, name, revision=commit, etag_timeout=PATIENCE, **options)
        )
    except Exception as error:
        raise _refusal(error, f"{name} of {repository}") from error
    return path


def _endpoint() -> str:
    """Return the hub's address; the variable is read anew, the hub's library reads it once."""
    import huggingface_hub

    return os.environ.get("HF_ENDPOINT", huggingface_hub.constants.ENDPOINT).rstrip("/")


def _commit_of(path: Path) -> str | None:
    """Return the commit whose snapshot a file of the hub's cache belongs to."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def _refusal(error: Exception, what: str) -> UsageError:
    from huggingface_hub import errors

    if isinstance(error, UsageError):
        return error
    hub = f"the hub {_endpoint()}"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UsageError(f"{what} is not fetched: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set; unset it")
    if isinstance(error, errors.GatedRepoError):
        name = what.rpartition(" of ")[2]
        return UsageError(
            f"{what} is gated: agree to its terms at {_endpoint()}/{name} and run `hf auth login`, then fetch it again"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return UsageError(f"{hub} no longer has the commit of {what} that was first used; it was rewritten")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return UsageError(f"{hub} has no {what}")
    if isinstance(error, errors.RepositoryNotFoundError):
        return UsageError(f"{hub} has no {what}, or keeps it private: look at its name, or run `hf auth login`")
    response = getattr(error, "response", None)
    if response is not None:
        return UsageError(f"{hub} does not give {what}: {status_reason(response.status_code)}")
    if isinstance(error, errors.FileMetadataError | errors.HFValidationError | ValueError):
        return UsageError(f"{hub} does not give {what}: it does not answer as a hub does; see HF_ENDPOINT")
    return UsageError(f"{hub} does not give {what}: {reason(error)}")


def in_order(source: Source, names: Sequence[str]) -> list[str]:
    """Return the names in the order in which a source wants them."""

    def place(name: str) -> int:
        matches = (n for n, want in enumerate(source.files) if any(fnmatchcase(name, w) for w in want.split("|")))
        return next(matches, len(source.files))

    return sorted((name for name in names if place(name) < len(source.files)), key=lambda name: (place(name), name))
