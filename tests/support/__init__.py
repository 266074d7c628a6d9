"""What the journeys share: a gate on a test bench, browsers in front of it, applications behind it."""
