"""The people of the department: what they are."""

from enum import StrEnum


class Role(StrEnum):
    """What a member of staff does."""

    SALES_MANAGER = "sales_manager"
    REGIONAL_MANAGER = "regional_manager"
    KEY_ACCOUNT_MANAGER = "key_account_manager"
    CHANNEL_MANAGER = "channel_manager"
    REPRESENTATIVE = "representative"
    ADMINISTRATOR = "administrator"
