"""What production is made of: a list of it, and whether anything on the list is known to be vulnerable."""
