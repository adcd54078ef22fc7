"""The script that Streamlit runs for each viewer, and again at each click."""

from dashboards.live.site import serve

serve()
