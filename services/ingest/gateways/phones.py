"""Phone numbers in one form, by the numbering plans of the world."""

import phonenumbers


def normalise_phone(value: str, region: str | None = None) -> str | None:
    """The E.164 form of a number, or None when it cannot be told. `region` is for numbers without a country code."""
    text = f"+{value[2:]}" if value.startswith("00") else value
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
