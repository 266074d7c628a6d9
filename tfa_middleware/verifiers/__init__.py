"""Verifiers, one file a kind; the file's name is the kind's name and its section in the INI."""
