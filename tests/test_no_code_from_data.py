"""What others ship is data: the calls that could run code while reading it stand where they are known, or nowhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import abawbench
import abawbench_plugins

ROOTS = {Path(str(module.__file__)).parent: module.__name__ for module in (abawbench, abawbench_plugins)}
CALLS = {"pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load", "np.load", "numpy.load", "yaml.load", "eval",
         "exec", "os.system", "os.popen", "joblib.load", "shutil.unpack_archive", "tarfile.open"}  # fmt: skip
KNOWN = {
    "abawbench.harness.measure.memory": {"torch.load"},  # what the parent wrote a moment ago
    "abawbench.testing.databases": {"pickle.loads"},  # of what was pickled in the same line
    "abawbench.testing.metrics": {"pickle.loads"},
    "abawbench.testing.models": {"pickle.loads"},
    "abawbench.testing.runtimes": {"pickle.loads"},
    "abawbench.testing.tasks": {"pickle.loads"},
    "abawbench_plugins.models._pickles": {"torch.load"},  # by an unpickler that makes tensors and empty shells alone
}


def risky(source: str) -> Iterator[str]:
    """Yield what could run code: the calls of the list, and options that switch a safeguard off."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if (name == "torch.load" and options.get("weights_only") == "True") or (
            name in {"np.load", "numpy.load"} and options.get("allow_pickle", "False") == "False"
        ):
            continue
        if name in CALLS:
            yield name
        yield from (f"{name}(shell=True)" for _ in range(options.get("shell") == "True"))
        yield from (f"{name}(extract)" for _ in range(name.endswith((".extractall", ".extract"))))


@pytest.mark.slow
def test_no_module_reads_data_in_a_way_that_runs_code() -> None:
    found = {}
    for root, package in ROOTS.items():
        for path in root.rglob("*.py"):
            module = ".".join([package, *path.relative_to(root).with_suffix("").parts])
            if names := set(risky(path.read_text(encoding="utf-8"))):
                found[module] = names
    assert found == KNOWN


@pytest.mark.parametrize(
    "source",
    ["pickle.load(f)", "torch.load(f)", "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)",
     "subprocess.run(c, shell=True)", "yaml.load(f)", "archive.extractall(d)", "eval(x)"],
)  # fmt: skip
def test_the_search_sees_each_of_them(source: str) -> None:
    assert list(risky(source))
    assert not list(risky("torch.load(f, weights_only=True); np.load(f); network.eval()"))
