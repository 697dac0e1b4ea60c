"""Text in errors and outputs: names made safe to show, and the name that was meant."""
