"""All five services in one process, told what nobody should have to send them."""
