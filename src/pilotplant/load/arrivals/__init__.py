"""How arrivals are spread over time: one shape per file."""
