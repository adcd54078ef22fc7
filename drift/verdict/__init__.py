"""How a window or a comparison is judged, and the verdict that is kept."""
