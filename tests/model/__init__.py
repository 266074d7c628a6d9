"""A model that plays: people, attackers, operators and time against the gate, and a small book of who proved what."""
