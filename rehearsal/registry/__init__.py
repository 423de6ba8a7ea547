"""An OCI distribution v2 registry that holds the catalogue's images, with its log-in and its faults."""
