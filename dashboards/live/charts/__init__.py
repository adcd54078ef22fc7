"""How panels are drawn: Plotly figures, heatmaps, waterfalls, and what is laid over them."""
