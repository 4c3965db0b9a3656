"""The page: what is on it, and what happens when it is used."""
