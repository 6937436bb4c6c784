"""What the systems promise on the wire: documents made from the declared operations and events."""
