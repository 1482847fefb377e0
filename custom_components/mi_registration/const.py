"""Names that more than one module needs."""

from typing import Final

DOMAIN: Final = "mi_registration"
MANUFACTURER: Final = "Amazon Web Services"

# Entry data: how to reach the account. The names are those of the config flow's fields.
CONF_ACCESS_KEY_ID: Final = "access_key_id"
CONF_ASSUME_ROLE: Final = "assume_role"
CONF_AUTH_METHOD: Final = "auth_method"
CONF_CA_CERTIFICATE: Final = "ca_certificate"
CONF_CERTIFICATE: Final = "certificate"
CONF_CREDENTIAL_ENDPOINT: Final = "credential_endpoint"
CONF_ENDPOINT_URL: Final = "endpoint_url"
CONF_EXTERNAL_ID: Final = "external_id"
CONF_PRIVATE_KEY: Final = "private_key"
CONF_PROFILE_NAME: Final = "profile_name"
CONF_REGION: Final = "region"
CONF_ROLE_ALIAS: Final = "role_alias"
CONF_ROLE_ARN: Final = "role_arn"
CONF_SECRET_ACCESS_KEY: Final = "secret_access_key"
CONF_THING_NAME: Final = "thing_name"

AUTH_ACCESS_KEY: Final = "access_key"
AUTH_DEFAULT_CHAIN: Final = "default_chain"
AUTH_IOT_CERTIFICATE: Final = "iot_certificate"

# Options: how to look after it.
CONF_HUB_IDS: Final = "hub_ids"
CONF_OWNER: Final = "owner"
CONF_REQUESTS_PER_SECOND: Final = "requests_per_second"
CONF_SCAN_INTERVAL_MINUTES: Final = "scan_interval_minutes"
CONF_TRACK_NEW_ASSOCIATIONS: Final = "track_new_associations"

DEFAULT_REQUESTS_PER_SECOND: Final = 10
DEFAULT_SCAN_INTERVAL_MINUTES: Final = 15

# Subentries: one per account association looked after here.
SUBENTRY_ACCOUNT_ASSOCIATION: Final = "account_association"
CONF_ACCOUNT_ASSOCIATION_ID: Final = "account_association_id"
CONF_CONNECTOR_DESTINATION_ID: Final = "connector_destination_id"
CONF_REGISTRATION_POLICY: Final = "registration_policy"

POLICY_MANUAL: Final = "manual"
POLICY_SUGGEST: Final = "suggest"
POLICY_AUTOMATIC: Final = "automatic"

# The service's documented Regions; any other may be typed in, since botocore has no list for this service.
REGIONS: Final = ("eu-west-1", "ca-central-1", "me-central-1")
