"""What really ran: evidence for the optimizations."""
