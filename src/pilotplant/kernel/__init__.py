"""The kernel: one SimPy environment, a pacer that ties it to an asyncio clock, and seeded chance."""
