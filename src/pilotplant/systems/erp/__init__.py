"""Enterprise resource planning: owns commercial item data per plant, production versions, orders and stock."""
