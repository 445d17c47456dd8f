"""One plugin package of each kind, complete: what ``abawbench new-plugin`` copies under another name."""
