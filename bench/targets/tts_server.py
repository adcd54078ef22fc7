"""Coqui's tts-server as it is, but on the loopback interface only: its own main() listens on all of them."""

from __future__ import annotations

from TTS.server.server import app, args

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=args.port)
