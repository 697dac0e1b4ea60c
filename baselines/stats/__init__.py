"""Statistics: pure functions of numbers and of samples."""
