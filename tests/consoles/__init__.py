"""Journeys before real consoles, each a server of its own behind the gate."""
