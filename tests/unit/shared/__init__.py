"""What shared/ decides without a stack."""
