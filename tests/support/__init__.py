"""What tests share: the stack, leased databases and topics, clocks, builders. Plain modules; conftest imports from here."""
