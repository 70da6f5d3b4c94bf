"""The audit log: who did what through the bridge."""

from .actions import action_of
from .file import KEPT, AuditFile
from .log import REFUSALS, SCHEMA, SCHEMA_ID, AuditLog, open_log

__all__ = ["KEPT", "REFUSALS", "SCHEMA", "SCHEMA_ID", "AuditFile", "AuditLog", "action_of", "open_log"]
