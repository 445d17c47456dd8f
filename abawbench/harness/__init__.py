"""From a request to a record: the rooms below, each of which imports only those under it.

jobs, stored -> measure -> learn, score -> data -> request.
"""
