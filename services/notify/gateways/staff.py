"""staff.yaml: who receives mail about customers. Read once, at start."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.notify.domain.addresses import is_deliverable
from services.notify.domain.entities import Staff, StaffMember
from services.notify.domain.locales import ENGLISH, locale_for
from shared.errors import ConfigurationError


def _address(text: str) -> str:
    if not is_deliverable(text):
        raise ValueError("is not an e-mail address")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone such as Asia/Shanghai") from None
    return text


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[A-Za-z0-9._@-]{1,100}$")
    name: str = Field(min_length=1, max_length=100)
    email: Annotated[str, AfterValidator(_address)]
    locale: Annotated[str, AfterValidator(locale_for)] = ENGLISH
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    # Kept for the chat and webhook channels to come.
    webhook: str | None = None


class _StaffFile(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    default_owner: str
    staff: list[_Member] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "_StaffFile":
        ids = [member.id for member in self.staff]
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"these ids are there twice: {', '.join(repeated)}")
        if self.default_owner not in ids:
            raise ValueError(f"default_owner {self.default_owner!r} is not the id of anybody under staff")
        return self


def load_staff(path: Path) -> Staff:
    """The staff of `path`. Raises ConfigurationError that lists every mistake with its place."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        parsed = _StaffFile.model_validate(content)
    except OSError as error:
        raise ConfigurationError(f"EBBTIDE_STAFF: cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"EBBTIDE_STAFF: {path} is not YAML: {error}") from None
    except ValidationError as error:
        lines = [f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise ConfigurationError(f"EBBTIDE_STAFF: {path} needs attention:\n" + "\n".join(lines)) from None
    members = {
        member.id: StaffMember(
            staff_id=member.id, name=member.name, address=member.email, locale=member.locale, zone=member.zone
        )
        for member in parsed.staff
    }
    return Staff(members=members, default_owner=parsed.default_owner)


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the file"
