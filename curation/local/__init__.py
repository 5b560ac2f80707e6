"""Real local stand-ins for the Hub, Argilla and inference endpoints, and the stack that runs them."""
