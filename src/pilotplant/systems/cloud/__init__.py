"""The ERP that comes: it is loaded plant by plant, and takes a plant over when everything of it is there."""
