"""The cases of an attacker who knows the victim's password, by number where they have one."""
