"""What `ebbtide doctor` looks at. Each check returns findings; none raises for what is away."""

from deploy.operation.checks.findings import Finding, Verdict
from deploy.operation.checks.looking import examine

__all__ = ["Finding", "Verdict", "examine"]
