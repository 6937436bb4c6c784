"""A team's middleware: what the shop floor reports as finished is booked in ERP, exactly once."""
