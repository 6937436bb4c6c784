"""Flow contracts: what must follow a trigger over several systems, in what order, how often, how soon."""
