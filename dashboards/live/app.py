"""What Streamlit runs anew for everybody who looks, and at each of their clicks."""

from dashboards.live.site import serve

serve()
