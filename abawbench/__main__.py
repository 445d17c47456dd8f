"""``python -m abawbench``."""

import os
import sys

# ``-m`` lets Python import from the working folder first, which may be somebody's dataset
if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()] and not os.path.isdir("abawbench"):
    del sys.path[0]

from abawbench.cli import main

main()
