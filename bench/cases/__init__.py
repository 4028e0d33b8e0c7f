"""One benchmark a module; each gives rows of figures."""
