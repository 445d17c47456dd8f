"""Imported by the helper process before anything else that jobs need, and by nobody else.

What imports make stays for good: to look for garbage among half a million objects takes a second while they are made.
Each job looks again, at its own objects alone (``abawbench.system.inside``).
"""

import gc

gc.disable()
