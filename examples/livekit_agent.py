"""A LiveKit agent whose voice is ttscope: python examples/livekit_agent.py dev

It needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. OpenAI hears and answers (OPENAI_API_KEY), or a server of
yours that has the same API (OPENAI_BASE_URL).
"""

from __future__ import annotations

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import cartesia, openai

URL = os.environ.get("TTSCOPE_URL", "http://localhost:8010")
KEY = os.environ.get("TTSCOPE_API_KEY", "none")
VOICE = os.environ.get("TTSCOPE_VOICE", "joe")

server = AgentServer()


class Assistant(Agent):
    """Greets whoever comes in, and answers."""

    def __init__(self) -> None:
        super().__init__(instructions="Your answers are heard, not read: say one or two short sentences.")

    async def on_enter(self) -> None:
        await self.session.say("Hello. How can I help you?")


def new_session() -> AgentSession:
    """Returns a session that speaks with ttscope; its captions follow the times of the words."""
    voice = cartesia.TTS(base_url=f"{URL}/cartesia", api_key=KEY, voice=VOICE)
    return AgentSession(stt=openai.STT(), llm=openai.LLM(), tts=voice, use_tts_aligned_transcript=True)


@server.rtc_session()
async def talk(context: JobContext) -> None:
    await new_session().start(Assistant(), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
