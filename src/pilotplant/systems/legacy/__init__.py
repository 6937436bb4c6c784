"""The ERP that goes: items, open orders and stock of each plant, until the plant is moved to the ERP that comes."""
