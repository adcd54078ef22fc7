"""The traffic script: mixed requests to a running server, and whether its metrics tell the truth about them."""
