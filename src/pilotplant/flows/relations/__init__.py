"""Named relations: which rows a step of a flow is promised for. One small file each, found by looking at the folder."""
