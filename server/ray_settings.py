"""The settings of the provider ray and of the deployment that it speaks with."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class RaySettings(BaseSettings):
    """Where the Ray cluster is, and how many replicas of the engine it runs, part of ``Settings``."""

    ray_address: str = Field(
        "",
        pattern=r"^(\S+:\d+)?$",
        description="Ray cluster of the provider ray: HOST:PORT of its head node. A node of the cluster must run on "
        "this machine, without processors of its own if it should make no speech.",
    )
    ray_min_replicas: int = Field(1, ge=1, description="Least replicas of the engine in the Ray cluster.")
    ray_max_replicas: int | None = Field(
        None, ge=1, description="Most replicas of the engine in the Ray cluster; by default TTSCOPE_RAY_MIN_REPLICAS."
    )
    ray_replica_cpus: int = Field(1, ge=1, description="Processors of a replica, on all of which it synthesizes.")
    ray_replica_gpus: float = Field(
        0.0, ge=0, le=1, description="GPUs of a replica: 0 (it synthesizes on processors), 1, or the share of one GPU."
    )
    ray_replica_audio_seconds: float = Field(
        30.0,
        gt=0,
        description="Audio that may wait in each replica, in seconds; with more, the cluster starts another replica, "
        "up to TTSCOPE_RAY_MAX_REPLICAS.",
    )

    @property
    def ray_replicas(self) -> tuple[int, int]:
        """The least and the most replicas."""
        return self.ray_min_replicas, self.ray_max_replicas or self.ray_min_replicas

    def ray_conflicts(self, *, used: bool) -> list[str]:
        """Returns what is wrong with these settings together; ``used`` is whether the provider ray is."""
        least, most = self.ray_replicas
        problems = []
        if used and not self.ray_address:
            problems.append("TTSCOPE_RAY_ADDRESS: is needed for the provider ray")
        if most < least:
            problems.append("TTSCOPE_RAY_MAX_REPLICAS: must be at least TTSCOPE_RAY_MIN_REPLICAS")
        return problems
