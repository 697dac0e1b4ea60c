"""A run against a stored baseline, and how runs become one."""
