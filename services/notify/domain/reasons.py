"""Why a notification has not been sent. One closed list: stored reason, log field, metric label and API field."""

from enum import StrEnum


class Reason(StrEnum):
    """The codes are English everywhere; people read them translated."""

    # not yet
    QUEUED = "queued"
    IN_FLIGHT = "in_flight"
    RETRYING = "retrying"
    AWAITING_FIRING = "awaiting_firing"

    # decided against
    STALE = "stale"
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    NOT_ANNOUNCED = "not_announced"
    HANDED_OVER = "handed_over"
    NOT_TOLD = "not_told"
    UNKNOWN_OWNER = "unknown_owner"
    UNKNOWN_CUSTOMER = "unknown_customer"
    ERASED = "erased"
    CUSTOMER_SENDS_OFF = "customer_sends_off"
    NO_CONSENT = "no_consent"
    UNSUBSCRIBED = "unsubscribed"
    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    FREQUENCY_CAP = "frequency_cap"

    # tried, in vain
    TEMPLATE_ERROR = "template_error"
    REFUSED = "refused"
    EXPIRED = "expired"
    OUTCOME_UNKNOWN = "outcome_unknown"


DROPS = frozenset(
    {
        Reason.STALE,
        Reason.RESOLVED,
        Reason.RETRACTED,
        Reason.NOT_ANNOUNCED,
        Reason.HANDED_OVER,
        Reason.NOT_TOLD,
        Reason.UNKNOWN_OWNER,
        Reason.UNKNOWN_CUSTOMER,
        Reason.ERASED,
        Reason.CUSTOMER_SENDS_OFF,
        Reason.NO_CONSENT,
        Reason.UNSUBSCRIBED,
        Reason.NO_ADDRESS,
        Reason.BAD_ADDRESS,
        Reason.FREQUENCY_CAP,
    }
)
