"""The process that a plugin is checked in: ``python -m abawbench.testing REPORT NAME KIND SKIP [ROOT...]``.

It appends a JSON line to REPORT before and after each check, so that whoever watches knows where it ended.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from unittest import SkipTest

from abawbench.plugins import KINDS, Plugin, Plugins
from abawbench.system.limits import adopt, flush
from abawbench.testing.checks import PAGES, Breach, Outcome, Subject, checks

PLUGIN_PAGE = "docs/broken-plugins.md"
FAREWELL_S = 10.0
"""Time for whoever watches to end this process while it can still see what was started here."""


def main() -> None:
    """Check every plugin that the arguments mean."""
    adopt()
    report, name, kind, skipped, *roots = sys.argv[1:]
    with Path(report).open("a", encoding="utf-8", buffering=1) as file:

        def tell(**line: object) -> None:
            print(json.dumps(line), file=file)

        plugins = Plugins()
        skip = json.loads(skipped)
        found = [plugin for plugin in named(plugins, name, kind) if str(plugin) not in skip]
        for failure in plugins.failures:
            if not skip and name in (failure.entry_point, failure.distribution):
                outcome = Outcome(failure.entry_point, "load", "broken", "that it loads", failure.error, PLUGIN_PAGE)
                tell(outcome=asdict(outcome))
        tell(plan=[[str(plugin), check.name] for plugin in found for check in checks(plugin.kind)])
        for plugin in found:
            subject = Subject(plugin, plugins, tuple(map(Path, roots)))
            for check in checks(plugin.kind):
                tell(starts=[str(plugin), check.name, check.promise, PAGES[check.kind]])
                try:
                    check.on(subject)
                    outcome = Outcome(str(plugin), check.name, "kept", check.promise)
                except SkipTest as reason:
                    outcome = Outcome(str(plugin), check.name, "skipped", check.promise, str(reason))
                except Breach as breach:
                    outcome = Outcome(str(plugin), check.name, "broken", breach.expected, breach.came, breach.page)
                tell(outcome=asdict(outcome))
        flush()
        tell(done=True)
    time.sleep(FAREWELL_S)


def named(plugins: Plugins, name: str, kind: str) -> list[Plugin]:
    """Return the plugins of a name, ``distribution:name``, or distribution; of one kind, or of any ("")."""
    distribution, _, bare = name.rpartition(":")
    every = [plugin for each in ([kind] if kind else KINDS) for plugin in plugins.all(each)]
    found = [p for p in every if p.name == bare and distribution in ("", p.distribution)]
    return found or [p for p in every if p.distribution == name]


if __name__ == "__main__":
    main()
