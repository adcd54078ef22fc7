"""What the server reports of itself: finished requests, providers, gauges, and what is unusual among them."""
