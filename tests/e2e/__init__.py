"""Stories through all five services on one clock."""
