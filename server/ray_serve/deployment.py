"""Describes the engine's replicas to Ray Serve: their resources, their number, and how they stop."""

from __future__ import annotations

from typing import Any

from server.providers.ray_messages import APPLICATION
from server.ray_serve.autoscaling import AudioSecondsPolicy
from server.ray_serve.replica import EngineReplica, ReplicaOptions
from server.settings import Settings
from server.voices.catalogue import VOICES_FOLDER

DEPLOYMENT = "engine"
LOOK_BACK_SECONDS = 10.0
"""The time over which the waiting audio is averaged."""
UPSCALE_SECONDS, DOWNSCALE_SECONDS = 5.0, 300.0
"""How long more or fewer replicas must be needed before their number changes."""
STOP_SPARE_SECONDS = 10.0
"""Seconds that a stopping replica has beyond the deadline of its last request."""


def application(settings: Settings) -> Any:
    """Returns the application for ``serve.run``. Settings are those of the nodes, such as TTSCOPE_DATA_DIR."""
    from ray import serve

    options = ReplicaOptions(
        voices_folder=settings.data_dir.absolute() / VOICES_FOLDER,
        device="cuda" if settings.ray_replica_gpus else "cpu",
        threads=settings.threads or settings.ray_replica_cpus,
        max_audio_seconds=settings.max_audio_seconds,
        stall_seconds=settings.engine_stall_seconds,
        number_format=settings.number_format,
        log_level=settings.log_level,
        build=settings.build,
    )
    deployment = serve.deployment(EngineReplica).options(
        name=DEPLOYMENT,
        max_ongoing_requests=settings.max_in_flight,
        ray_actor_options={"num_cpus": settings.ray_replica_cpus, "num_gpus": settings.ray_replica_gpus},
        graceful_shutdown_timeout_s=settings.deadline_seconds + STOP_SPARE_SECONDS,
        graceful_shutdown_wait_loop_s=0.5,
        logging_config={"enable_access_log": False},
        **_number(settings),
    )
    return deployment.bind(options)


def deploy(settings: Settings) -> None:
    """Deploys the engine, or replaces all replicas one after the other by new ones; returns when that is done.

    Ray must be initialized. Raises RuntimeError when a replica can't start.
    """
    from ray import serve

    serve.start(proxy_location="Disabled")  # aiohttp is the only door
    serve.run(application(settings), name=APPLICATION, route_prefix=None)


def _number(settings: Settings) -> dict[str, object]:
    from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

    least, most = settings.ray_replicas
    if least == most:
        return {"num_replicas": least}
    policy = AutoscalingPolicy(
        policy_function=AudioSecondsPolicy, policy_kwargs={"seconds": settings.ray_replica_audio_seconds}
    )
    return {
        "autoscaling_config": AutoscalingConfig(
            min_replicas=least,
            max_replicas=most,
            policy=policy,
            look_back_period_s=LOOK_BACK_SECONDS,
            upscale_delay_s=UPSCALE_SECONDS,
            downscale_delay_s=DOWNSCALE_SECONDS,
        )
    }
