"""What every plugin must say about itself, and what importing it may cost."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata

from abawbench.contracts import DatabaseDeclaration, ModelDeclaration
from abawbench.contracts.declarations import CONTRACT_VERSION
from abawbench.testing.checks import Subject, expect

HEAVY = (
    "torch",
    "timm",
    "transformers",
    "pandas",
    "pyarrow",
    "cv2",
    "onnxruntime",
    "openvino",
    "matplotlib",
    "sklearn",
)
IMPORT_SECONDS = 30
_PROBE = "import json, sys; import {module}; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"


def check_name(subject: Subject) -> None:
    """A name of small letters, digits and hyphens, that no other distribution claims."""
    plugin = subject.plugin
    expect(
        re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", plugin.name),
        "a name of small letters, digits and single hyphens",
        repr(plugin.name),
    )
    claims = [p.distribution for p in subject.plugins.all(plugin.kind) if p.name == plugin.name]
    expect(len(claims) == 1, f"a {plugin.kind} name of its own", f"'{plugin.name}' claimed by {' and '.join(claims)}")


def check_summary(subject: Subject) -> None:
    """One line that says what it is."""
    summary = subject.plugin.declaration.summary
    expect(summary.strip() and "\n" not in summary, "a summary of one line in the declaration", repr(summary))


def check_licence(subject: Subject) -> None:
    """A licence: of a model or database in its declaration, of any other in the metadata of its distribution."""
    declaration = subject.plugin.declaration
    if isinstance(declaration, ModelDeclaration | DatabaseDeclaration):
        expect(declaration.licence.strip(), "a licence in the declaration", "none")
        return
    try:
        found = metadata(subject.plugin.distribution)
    except PackageNotFoundError:
        return
    given = [value for key in ("License-Expression", "License") for value in found.get_all(key) or ()]
    given += [value for value in found.get_all("Classifier") or () if value.startswith("License")]
    expect(given, "a licence in the distribution's pyproject.toml", "none")


def check_contract(subject: Subject) -> None:
    """The contract version it was written for is the one that this abawbench keeps."""
    version = subject.plugin.declaration.contract
    expect(version == CONTRACT_VERSION, f"contract {CONTRACT_VERSION}", version)


def check_import_cost(subject: Subject) -> None:
    """Its entry point imports nothing heavy, so that ``abawbench list`` stays quick."""
    script = _PROBE.format(module=subject.plugin.module.partition(":")[0], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False
    )
    module = subject.plugin.module
    expect(done.returncode == 0, f"that {module} can be imported", done.stderr.strip().rpartition("\n")[2])
    loaded = json.loads(done.stdout.splitlines()[-1])
    expect(not loaded, f"an import of {module} that loads nothing heavy", f"{', '.join(loaded)} loaded")


def check_builder(subject: Subject) -> None:
    """The builder that its declaration names is there and can be called."""
    subject.plugin.builder()


CHECKS = (
    ("name", "its name is well formed and its own", check_name),
    ("summary", "one line says what it is", check_summary),
    ("licence", "it states a licence", check_licence),
    ("contract", "it was written for this version of the contract", check_contract),
    ("import", "its entry point is cheap to import", check_import_cost),
    ("builder", "its builder can be imported", check_builder),
)
