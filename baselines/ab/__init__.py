"""An A/B judged: what its epochs say of each case and metric."""
