"""Product lifecycle management: owns items' definition, revisions, structures, routings as designed, and changes."""
