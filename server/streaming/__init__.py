"""Speech from a text that arrives in pieces: sessions over sockets, and the formats of other services for them.

- ``text_buffer.py``: which parts of an unfinished text can be spoken.
- ``utterance_synthesizer.py``: one utterance, recorded as a request.
- ``context.py``: a text and its audio, which ``audio_stream.py`` encodes.
- ``streaming_session.py``: the contexts of one socket. ``sessions.py``: all sessions.
- ``conversation.py``: what a format must do. ``socket_route.py``: the handler of sockets. ``query.py``: their query.
- ``deepgram.py``, ``deepgram_http.py``: the format of Deepgram.
- ``cartesia.py``, ``cartesia_http.py``, ``cartesia_voices.py``: the format of Cartesia. ``cartesia_fields.py`` and
  ``cartesia_events.py`` are what its socket and its calls share.
- ``vllm_omni.py``: the format of vLLM-Omni.
- ``wyoming_*.py``: Home Assistant's protocol, which has a port of its own.
"""
