"""The audit of a circuit: what each update reads, whether it is local, and a certificate of that by interventions."""

from pcneuro.analysis.audit.auditing import audit
from pcneuro.analysis.audit.report import Audit, AuditRow, Interventions

__all__ = ["Audit", "AuditRow", "Interventions", "audit"]
