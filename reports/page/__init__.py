"""The page: everything that any output says, built once."""
