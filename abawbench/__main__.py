"""``python -m abawbench``."""

from abawbench.cli import main

main()
