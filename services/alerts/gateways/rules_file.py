"""The rules file of the operator."""

from pathlib import Path

import yaml

from services.alerts.domain.rules import RuleSet, RulesInvalid, parse_rules
from shared.errors import ConfigurationError


def read_rules(path: Path) -> RuleSet:
    """The rules in a YAML file. Raises ConfigurationError that lists everything that is wrong with it."""
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the rules file {path} cannot be read: {error.strerror}; set EBBTIDE_RULES") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the rules file {path} is not YAML: {' '.join(str(error).split())}") from None
    try:
        return parse_rules(plain)
    except RulesInvalid as invalid:
        lines = "\n".join(f"  {error}" for error in invalid.errors)
        raise ConfigurationError(f"the rules in {path} need attention:\n{lines}") from None
