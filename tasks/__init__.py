"""The verbs that touch the world; folders are adapters."""
