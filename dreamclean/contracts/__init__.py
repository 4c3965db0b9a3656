"""What the author of a component reads: the contract of each kind, and what they are written in."""
