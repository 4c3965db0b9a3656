"""Pixels that show nothing of the picture, found in it: impulses, dead lines, scratches, specks, stamped dates."""
