"""A wide family of damage, for calibration, tests and comparisons: ``KINDS`` of ``kinds``, each by a seed and a strength."""
