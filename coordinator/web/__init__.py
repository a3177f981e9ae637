"""The coordinator's doors for HTTP: the API, its errors of one shape, and the server that listens."""
