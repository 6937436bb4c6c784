"""The exception desk: what the middleware cannot carry out and a person must resolve, with an owner and an instance."""
