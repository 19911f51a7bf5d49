"""The only place with sockets: messages over TLS."""
