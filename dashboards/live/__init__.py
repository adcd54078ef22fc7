"""The live dashboard: the boards' panels as Plotly charts on a Streamlit page; a process of its own."""
