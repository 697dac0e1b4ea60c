"""What is stored as files, and how each is read strictly and written whole."""
