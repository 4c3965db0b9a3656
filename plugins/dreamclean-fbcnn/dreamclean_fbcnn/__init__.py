"""FBCNN as a method of the bench."""
