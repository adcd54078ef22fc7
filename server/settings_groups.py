"""The groups of settings that have modules of their own, joined."""

from __future__ import annotations

from server.alias_settings import AliasSettings
from server.audit_settings import AuditSettings
from server.cost_settings import CostSettings
from server.engine_settings import EngineSettings
from server.limit_settings import LimitSettings
from server.load_settings import LoadSettings
from server.prediction_settings import PredictionSettings
from server.ray_settings import RaySettings
from server.replica_settings import ReplicaSettings
from server.streaming_settings import StreamingSettings
from server.verification_settings import VerificationSettings
from server.web_settings import WebSettings
from server.wyoming_settings import WyomingSettings


class SettingsGroups(
    LimitSettings,
    LoadSettings,
    CostSettings,
    EngineSettings,
    PredictionSettings,
    WebSettings,
    AuditSettings,
    ReplicaSettings,
    RaySettings,
    StreamingSettings,
    VerificationSettings,
    AliasSettings,
    WyomingSettings,
):
    """The settings of all groups; a new group is named here."""
