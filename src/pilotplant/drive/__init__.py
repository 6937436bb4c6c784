"""The drivers: each performs the steps of an exchange, over sockets or in the process."""
