"""Scripts that try to reach a victim's pages in any animal of the zoo."""
