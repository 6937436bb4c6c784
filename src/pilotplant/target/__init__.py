"""The middleware under test: how it is described, started, reached and stopped."""
