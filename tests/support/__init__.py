"""What tests share: stack, leased databases and topics, clocks, builders. Plain modules; conftests import from here."""
