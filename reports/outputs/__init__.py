"""The page in each form that it is written in."""
