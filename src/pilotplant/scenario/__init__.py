"""What happens: scenarios, estates and thresholds as people write them."""
