"""profiles: one archive per customer.

consumes   interactions.v1
owns       the timeline of every reference, which references are one customer, the customer's current state
publishes  profiles.v1
invariants the state is a function of interactions, policy and an instant, whatever order and batches they came in;
           an identity (reference, source, id) counts once; a customer's id is the smallest of its references' ids
"""
