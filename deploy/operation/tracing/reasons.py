"""What the codes of notify mean, in a sentence."""

from collections.abc import Mapping

from services.notify.domain.reasons import Reason

MEANING: Mapping[Reason, str] = {
    Reason.QUEUED: "it is next",
    Reason.IN_FLIGHT: "the mail server is being spoken to",
    Reason.RETRYING: "the mail server did not take it yet; it is tried again",
    Reason.AWAITING_FIRING: "the notice of the firing has to be settled first",
    Reason.STALE: "its cause was more than 7 days old",
    Reason.RESOLVED: "the alert had resolved by then",
    Reason.RETRACTED: "the alert had been retracted by then",
    Reason.NOT_ANNOUNCED: "the alert ended within its rule's grace, or took over from another",
    Reason.HANDED_OVER: "another alert took over from this one",
    Reason.NOT_TOLD: "who was not told of the firing is not told of the end",
    Reason.UNKNOWN_OWNER: "the account owner is not in staff.yaml",
    Reason.UNKNOWN_CUSTOMER: "notify has no profile of the customer",
    Reason.ERASED: "the customer is erased",
    Reason.CUSTOMER_SENDS_OFF: "mail to customers is switched off (EBBTIDE_CUSTOMER_SENDS)",
    Reason.NO_CONSENT: "the customer has not agreed to mail",
    Reason.UNSUBSCRIBED: "the customer has unsubscribed",
    Reason.NO_ADDRESS: "no address of the customer is known",
    Reason.BAD_ADDRESS: "the customer's address is none",
    Reason.FREQUENCY_CAP: "the customer had a win-back mail less than 30 days before",
    Reason.TEMPLATE_ERROR: "its template could not be rendered",
    Reason.REFUSED: "the mail server refused it",
    Reason.EXPIRED: "it was tried until its deadline",
    Reason.OUTCOME_UNKNOWN: "the connection broke off; mail to a customer is not repeated",
}


def explain(reason: str | None) -> str:
    """The code with its sentence; a code of another release stands alone."""
    if reason is None:
        return ""
    sentence = MEANING.get(Reason(reason)) if reason in set(Reason) else None
    return f"{reason}: {sentence}" if sentence else reason
