"""The errors abawbench raises on purpose; the command line prints their text and no traceback."""


class AbawbenchError(Exception):
    """Any problem abawbench can explain; the text is one sentence with the remedy."""

    exit_code = 2
    """What the command line ends with; a command whose answers use 2 sets another."""


class UsageError(AbawbenchError):
    """What was asked for cannot be done: an unknown name, an impossible option."""


class DataError(AbawbenchError):
    """A file of a database cannot be used; the text names the file and, where there is one, the line."""


class PluginError(AbawbenchError):
    """A plugin failed to load or broke its contract; the text names plugin, distribution and version."""


class JobError(AbawbenchError):
    """Jobs of a run gave no result; the text names each with its reason."""

    exit_code = 1


class JobWarning(UserWarning):
    """A job of a run gave no result; the text names it with its reason."""
