"""What notify decides, without sockets."""
