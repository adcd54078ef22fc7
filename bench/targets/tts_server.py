"""Coqui's tts-server, unchanged but for its address: it listens on the loopback interface, not on all interfaces."""

from __future__ import annotations

from TTS.server.server import app, args

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=args.port)
