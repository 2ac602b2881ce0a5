"""The five services on three brokers with three copies of everything, and what happens when brokers die."""
