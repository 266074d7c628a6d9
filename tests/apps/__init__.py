"""Real applications with real logins, built in process, and the settings that put a second factor in front of each."""
