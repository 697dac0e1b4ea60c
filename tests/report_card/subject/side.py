"""What tells the two sides apart: side B's copy says True."""

HAS_EXTRA_WORK = False
