"""What was asked for: jobs, databases, protocol, settings, folds, rules, assumptions, devices.

In: names, options and folders as users give them. Out: checked, picklable objects, or a UsageError with the remedy.
May import: records and below. Nothing here reads an image or builds a network.
"""
