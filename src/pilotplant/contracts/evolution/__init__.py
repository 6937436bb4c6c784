"""How contracts change: what is different between two versions, and whom it breaks."""
