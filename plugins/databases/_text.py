"""YAML files of BAH: transcripts and the large file of frame annotations."""

from pathlib import Path
from typing import TYPE_CHECKING

from abawbench.contracts.errors import DataError
from abawbench.contracts.text import read_regular

if TYPE_CHECKING:
    import yaml


def compose(path: Path) -> "yaml.Node | None":
    """Return the node tree of a YAML file, with line numbers and without building anything from its tags.

    Uses libyaml where PyYAML has it, about ten times as fast. Raises DataError, naming file and line.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node: yaml.Node | None = yaml.compose(read_regular(path).decode("utf-8-sig"), Loader=loader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); unpack it anew.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path}:{mark.line + 1}"
        raise DataError(f"{where} is not valid YAML; unpack it anew.") from error
    except RecursionError:
        raise DataError(f"{path} is nested too deeply to be an annotation; unpack it anew.") from None
    return node


def mapping(node: "yaml.Node | None") -> "dict[str, yaml.Node]":
    """Return the values of a mapping node by the text of their keys; empty for any other node."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def scalar(node: "yaml.Node | None") -> str | None:
    """Return the text of a scalar node, or None for any other."""
    import yaml

    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def items(node: "yaml.Node | None") -> "list[yaml.Node]":
    """Return the nodes of a sequence node; empty for any other."""
    import yaml

    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
