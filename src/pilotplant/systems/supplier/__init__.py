"""The supplier portal: suppliers answer change notices, ship what was ordered and announce it."""
