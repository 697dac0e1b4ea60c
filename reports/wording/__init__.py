"""Values, verdicts and names as people read them."""
