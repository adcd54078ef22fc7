"""Speech from a text that arrives in pieces: sessions over sockets, and the formats of other services for them.

- ``text_buffer.py``: which parts of an unfinished text can be spoken.
- ``utterance_synthesizer.py``: one utterance, recorded as a request.
- ``context.py``: a text and its audio, which ``audio_stream.py`` or ``utterance_files.py`` encodes.
- ``streaming_session.py``: the contexts of one socket. ``sessions.py``: all sessions.
- ``conversation.py``: what a format must do. ``socket_route.py``: the handler of sockets. ``query.py``: their query.
- ``message_fields.py``: the fields that this server adds to every format.
- ``deepgram.py``, ``deepgram_http.py``: the format of Deepgram. ``cartesia*.py``, ``elevenlabs*.py``: those of Cartesia
  and ElevenLabs. ``vllm_omni.py``: that of vLLM-Omni.
- ``wyoming_*.py``: Home Assistant's protocol, which has a port of its own.
"""
