"""The traffic script: sends mixed requests to a running server, and checks its metrics against them."""
