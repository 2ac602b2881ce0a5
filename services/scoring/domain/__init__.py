"""How a customer is doing: pure functions from inputs and an instant to scores with their reasons."""
