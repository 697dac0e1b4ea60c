"""Pictures of results, as data and as SVG."""
