"""A small backup-server console in plain WSGI: an application that knows nothing of a second factor."""
