"""What is raised in Home Assistant, in the user's language: for wrong input, and for a call to AWS that failed."""

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed

from .aws.errors import AwsError, InvalidCredentialsError, ThrottledError
from .const import DOMAIN
from .pacing import Pacing


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return what is raised for a call of an action that can't be carried out as it is."""
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def action_error(error: AwsError) -> HomeAssistantError:
    """Return what an action or a button raises for a failed call."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=error.key, translation_placeholders=error.placeholders
    )


def update_error(error: AwsError, pacing: Pacing) -> UpdateFailed | ConfigEntryAuthFailed:
    """Return what a poll raises for a failed call."""
    if isinstance(error, InvalidCredentialsError):
        return ConfigEntryAuthFailed(
            translation_domain=DOMAIN, translation_key=error.key, translation_placeholders=error.placeholders
        )
    retry_after = None
    if isinstance(error, ThrottledError):
        retry_after = pacing.throttled(error.retry_after)
    return UpdateFailed(
        translation_domain=DOMAIN,
        translation_key=error.key,
        translation_placeholders=error.placeholders,
        retry_after=retry_after,
    )
