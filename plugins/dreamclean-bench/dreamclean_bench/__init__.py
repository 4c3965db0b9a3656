"""The bench: restoration methods compared on one prior, the paper's tasks, and any folder of pictures."""
