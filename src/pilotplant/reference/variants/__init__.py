"""Other ways to be right: policies that differ from the reference and keep every promise. Defects build on them."""
