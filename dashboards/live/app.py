"""The application that ``streamlit run`` serves: Streamlit's own behind the host guard.

Streamlit finds ``app`` by reading this file, which must therefore call its class by that name.
"""

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from dashboards.live.host_guard import HostGuard
from dashboards.live.settings import load

SCRIPT = Path(__file__).parent / "page_script.py"

app = App(SCRIPT, middleware=[Middleware(HostGuard, settings=load())])
