"""The chapters of the card."""
