"""The charts of the live dashboard: Plotly figures, heatmaps, waterfalls, and their annotations."""
