"""A small backup-server console in plain WSGI: an application that knows nothing of a second factor.

``app.application`` is ready to serve; ``app.make_application`` makes one with accounts of your own.
"""
