"""What is asked of notify over HTTP: what was sent and why not, and the unsubscribe page."""
