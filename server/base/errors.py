"""Every way to be refused: a code, a kind and a sentence.

    AppError
    ├── requests        MalformedBody  InvalidFields  BodyTooLarge  UnsupportedMediaType  BodyTooSlow
    │                   RouteNotFound  MethodNotAllowed  TooManyRequests  TooManyWaits  InternalError
    │                   Unavailable
    ├── callers         InvalidApiKey  InvalidOperatorKey  InvalidManagementToken  InvalidAccessToken
    │                   InsufficientScope  PermissionDenied
    ├── organizations   TenantNotFound  TenantNameTaken  TenantInactive  OrganizationNotFound
    │                   OrganizationNameTaken  MemberNotFound  MemberExists  LastOwner  InvitationInvalid
    ├── projects        ProjectNotFound  RedirectNotAllowed
    ├── principals      RealmNotFound  UserNotFound  EmailTaken  PhoneTaken  RegistrationClosed
    ├── sign-in         InvalidCredentials  AccountDisabled  TooManyAttempts  InvalidSignIn  InvalidCode
    │                   LinkUnknown  LinkUsed  LinkExpired  InvalidRefreshToken  SessionNotFound
    │                   FactorNotFound  FactorExists  SecondFactorRequired  WrongPassword
    ├── single sign-on  IdentityProviderUnknown  IdentityProviderTaken  SsoFailed
    ├── messages        MessageTemplateNotFound
    ├── integrations    IntegrationNotFound  IntegrationNameTaken  IntegrationInactive
    ├── api keys        ApiKeyNotFound  TooManyApiKeys  ApiKeyRevoked  OperatorKeyNotFound
    │                   OperatorKeyRevoked
    ├── enrollments     EnrollmentNotFound  EnrollmentBindingFailed  EnrollmentAlreadyBound
    │                   EnrollmentVerifyFailed  EnrollmentStateConflict  EnrollmentInstanceInfoFailed
    │                   EnrollmentPushAddressFailed
    └── auth attempts   AttemptCreateInvalid  EnrollmentForbidden  EnrollmentInactive  AttemptNotFound
                        AttemptStateConflict  AttemptBindingFailed  AttemptWaitInvalid  IdempotencyKeyReused

`code` is forever. `kind` has no number in it: the status of an answer is its dialect's. `str(error)` and
`fields` are for the caller and say nothing about why a proof failed; the cause for the log is `__cause__`.
"""

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What sort of "no" an error is. A dialect turns each into a status."""

    INVALID_INPUT = "invalid_input"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    USED = "used"
    EXPIRED = "expired"
    UNSUPPORTED_MEDIA = "unsupported_media"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class AppError(Exception):
    """A refusal with a name.

    Args:
        detail: A sentence for the caller; the title says it when it is left out.
        fields: What is wrong with which member of the request, by the member's name on the wire.
    """

    code: ClassVar[str]
    kind: ClassVar[Kind]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or self.title)
        self.fields: Mapping[str, str] = fields or {}


# --- requests --------------------------------------------------------------------------------------


class MalformedBody(AppError):
    """The body is not JSON, not an object, or repeats a member."""

    code, kind, title = "malformed_body", Kind.INVALID_INPUT, "The request body could not be read"


class InvalidFields(AppError):
    """A member of the body, path, query or headers is missing or not as documented."""

    code, kind, title = "invalid_fields", Kind.INVALID_INPUT, "The request is not valid"


class BodyTooLarge(AppError):
    """The body is longer than the instance accepts."""

    code, kind, title = "body_too_large", Kind.TOO_LARGE, "The request body is too large"


class BodyTooSlow(AppError):
    """The body did not arrive in time."""

    code, kind, title = "body_too_slow", Kind.TOO_SLOW, "The request body did not arrive in time"


class UnsupportedMediaType(AppError):
    """The body is of a media type that the operation does not take."""

    code, kind, title = "unsupported_media_type", Kind.UNSUPPORTED_MEDIA, "The body must be JSON"


class RouteNotFound(AppError):
    """No operation has this path."""

    code, kind, title = "route_not_found", Kind.NOT_FOUND, "There is nothing at this path"


class MethodNotAllowed(AppError):
    """The path is known, the method is not one of its own."""

    code, kind, title = "method_not_allowed", Kind.METHOD_NOT_ALLOWED, "This path does not take this method"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__()
        self.allowed = allowed


class TooManyRequests(AppError):
    """The caller did this too often.

    Args:
        retry_after_seconds: When the next one may be accepted; at least 1.
    """

    code, kind, title = "too_many_requests", Kind.LIMITED, "Too many requests"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = max(1, retry_after_seconds)


class TooManyWaits(TooManyRequests):
    """This process already holds as many waiting requests as it may."""

    code, kind, title = "too_many_waits", Kind.LIMITED, "Too many requests are waiting"


class Unavailable(AppError):
    """Something the server needs, most often its database, does not answer."""

    code, kind, title = "unavailable", Kind.UNAVAILABLE, "The service is not available at the moment"

    retry_after_seconds = 5


class InternalError(AppError):
    """Anything that was not foreseen. The log knows more, under the request's id."""

    code, kind, title = "internal_error", Kind.INTERNAL, "Something went wrong on our side"


# --- callers ---------------------------------------------------------------------------------------


class InvalidApiKey(AppError):
    """No key, a wrong, expired or revoked one, a foreign address, or an inactive owner: all alike."""

    code, kind, title = "invalid_api_key", Kind.UNAUTHENTICATED, "A valid API key is needed"


class InvalidOperatorKey(AppError):
    """No operator key, or a wrong, expired or revoked one."""

    code, kind, title = "invalid_operator_key", Kind.UNAUTHENTICATED, "A valid operator key is needed"


class InvalidManagementToken(AppError):
    """No management token, or a wrong, expired or revoked one, or its holder is no member any more."""

    code, kind, title = "invalid_management_token", Kind.UNAUTHENTICATED, "A valid management token is needed"


class InvalidAccessToken(AppError):
    """No access token, or one that is malformed, forged, expired, revoked or another project's: all alike."""

    code, kind, title = "invalid_token", Kind.UNAUTHENTICATED, "A valid access token is needed"


class InsufficientScope(AppError):
    """The API key may not do this."""

    code, kind, title = "insufficient_scope", Kind.FORBIDDEN, "The API key's scopes do not allow this"


class PermissionDenied(AppError):
    """The caller's role may not do this."""

    code, kind, title = "permission_denied", Kind.FORBIDDEN, "Your role does not allow this"


# --- organizations ---------------------------------------------------------------------------------


class TenantNotFound(AppError):
    """No tenant has this id."""

    code, kind, title = "tenant_not_found", Kind.NOT_FOUND, "No such tenant"


class TenantNameTaken(AppError):
    """Another tenant has this name."""

    code, kind, title = "tenant_name_taken", Kind.CONFLICT, "Another tenant has this name"


class TenantInactive(AppError):
    """The tenant was deactivated; nothing can be made in it."""

    code, kind, title = "tenant_inactive", Kind.CONFLICT, "The tenant is not active"


class OrganizationNotFound(AppError):
    """No organization of this kind has this id or name."""

    code, kind, title = "organization_not_found", Kind.NOT_FOUND, "No such organization"


class OrganizationNameTaken(AppError):
    """Another organization has this name."""

    code, kind, title = "organization_name_taken", Kind.CONFLICT, "Another organization has this name"


class MemberNotFound(AppError):
    """No member of the caller's organization has this id."""

    code, kind, title = "member_not_found", Kind.NOT_FOUND, "No such member"


class MemberExists(AppError):
    """The address is a member's, or has an invitation that can still be accepted."""

    code, kind, title = "member_exists", Kind.CONFLICT, "This address is a member or invited already"


class LastOwner(AppError):
    """An organization keeps at least one owner."""

    code, kind, title = "last_owner", Kind.CONFLICT, "The last owner cannot be removed"


class InvitationInvalid(AppError):
    """No invitation has this token, or it was accepted, taken back or is past its time: all alike."""

    code, kind, title = "invitation_invalid", Kind.INVALID_INPUT, "The invitation cannot be accepted"


# --- projects --------------------------------------------------------------------------------------


class ProjectNotFound(AppError):
    """No project has this id, or it belongs to another organization."""

    code, kind, title = "project_not_found", Kind.NOT_FOUND, "No such project"


class RedirectNotAllowed(AppError):
    """The URL is not under the project's redirect URL or one of its allowed origins."""

    code, kind, title = "redirect_not_allowed", Kind.INVALID_INPUT, "The redirect URL is not allowed"


# --- principals ------------------------------------------------------------------------------------


class RealmNotFound(AppError):
    """No realm has this id or name."""

    code, kind, title = "realm_not_found", Kind.NOT_FOUND, "No such realm"


class UserNotFound(AppError):
    """No principal of the realm has this id."""

    code, kind, title = "user_not_found", Kind.NOT_FOUND, "No such user"


class EmailTaken(AppError):
    """Another principal of the realm has this address."""

    code, kind, title = "email_taken", Kind.CONFLICT, "This email address is taken"


class PhoneTaken(AppError):
    """Another principal of the realm has this number."""

    code, kind, title = "phone_taken", Kind.CONFLICT, "This phone number is taken"


class RegistrationClosed(AppError):
    """The realm takes no new principals by themselves."""

    code, kind, title = "registration_closed", Kind.FORBIDDEN, "Registration is closed"


# --- sign-in ---------------------------------------------------------------------------------------


class InvalidCredentials(AppError):
    """Unknown identifier, wrong password, locked: all alike."""

    code, kind, title = "invalid_credentials", Kind.UNAUTHENTICATED, "The email or password is incorrect"


class AccountDisabled(AppError):
    """The first factor was right, but the account is disabled."""

    code, kind, title = "account_disabled", Kind.UNAUTHENTICATED, "The account is disabled"


class TooManyAttempts(TooManyRequests):
    """So many tries failed, or so many messages were asked for, that the next must wait. Whoever it is about.

    Args:
        limit: How many there may be.
        retry_after_seconds: When the next may be made; at least 1.
    """

    code, kind, title = "too_many_attempts", Kind.LIMITED, "Too many attempts"

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.limit = limit


class InvalidSignIn(AppError):
    """No unfinished sign-in has this handle, or it is finished, given up or past its time: all alike."""

    code, kind, title = "invalid_sign_in", Kind.INVALID_INPUT, "The sign-in cannot be continued"


class InvalidCode(AppError):
    """The code is wrong, used, past its time or was tried too often: all alike."""

    code, kind, title = "invalid_code", Kind.INVALID_INPUT, "The code is not valid"


class LinkUnknown(AppError):
    """No link has this token."""

    code, kind, title = "link_unknown", Kind.NOT_FOUND, "The link is not valid"


class LinkUsed(AppError):
    """The link was used before."""

    code, kind, title = "link_used", Kind.USED, "The link was used before"


class LinkExpired(AppError):
    """The link is past its time."""

    code, kind, title = "link_expired", Kind.EXPIRED, "The link has expired"


class InvalidRefreshToken(AppError):
    """No session can be continued with this refresh token. If it was used before, its session has ended."""

    code, kind, title = "invalid_refresh_token", Kind.UNAUTHENTICATED, "The refresh token is not valid"


class SessionNotFound(AppError):
    """No open session of the caller has this id."""

    code, kind, title = "session_not_found", Kind.NOT_FOUND, "No such session"


class FactorNotFound(AppError):
    """The principal has not set up this factor."""

    code, kind, title = "factor_not_found", Kind.NOT_FOUND, "This factor is not set up"


class FactorExists(AppError):
    """The principal has this factor already."""

    code, kind, title = "factor_exists", Kind.CONFLICT, "This factor is set up already"


class SecondFactorRequired(AppError):
    """The realm insists on second factors, so nobody removes their own."""

    code, kind, title = "mfa_required", Kind.FORBIDDEN, "The project requires a second factor"


class WrongPassword(AppError):
    """The current password, asked for again, is wrong."""

    code, kind, title = "wrong_password", Kind.UNAUTHENTICATED, "The current password is incorrect"


# --- single sign-on --------------------------------------------------------------------------------


class IdentityProviderUnknown(AppError):
    """The project has no identity provider by this name, or it is switched off."""

    code, kind, title = "identity_provider_unknown", Kind.INVALID_INPUT, "No such identity provider"


class IdentityProviderTaken(AppError):
    """Another identity provider of the project has this name."""

    code, kind, title = "identity_provider_taken", Kind.CONFLICT, "Another identity provider has this name"


class SsoFailed(AppError):
    """The state is unknown, used or another's, or what the identity provider said was not accepted."""

    code, kind, title = "sso_failed", Kind.INVALID_INPUT, "Signing in with the identity provider failed"


# --- messages --------------------------------------------------------------------------------------


class MessageTemplateNotFound(AppError):
    """There is no message of this name for the channel, or the realm has no wording of its own for it."""

    code, kind, title = "message_template_not_found", Kind.NOT_FOUND, "No such message template"


# --- integrations ----------------------------------------------------------------------------------


class IntegrationNotFound(AppError):
    """No integration has this id."""

    code, kind, title = "integration_not_found", Kind.NOT_FOUND, "No such integration"


class IntegrationNameTaken(AppError):
    """Another integration of the tenant has this name."""

    code, kind, title = "integration_name_taken", Kind.CONFLICT, "Another integration has this name"


class IntegrationInactive(AppError):
    """The integration was deactivated; nothing can be made for it."""

    code, kind, title = "integration_inactive", Kind.CONFLICT, "The integration is not active"


# --- api keys --------------------------------------------------------------------------------------


class ApiKeyNotFound(AppError):
    """No API key has this id."""

    code, kind, title = "api_key_not_found", Kind.NOT_FOUND, "No such API key"


class TooManyApiKeys(AppError):
    """The integration already has five active keys."""

    code, kind, title = "too_many_api_keys", Kind.CONFLICT, "An integration has at most five active keys"


class ApiKeyRevoked(AppError):
    """The key was revoked or has expired, and that is final."""

    code, kind, title = "api_key_revoked", Kind.CONFLICT, "The API key is revoked or expired"


class OperatorKeyNotFound(AppError):
    """No operator key has this id."""

    code, kind, title = "operator_key_not_found", Kind.NOT_FOUND, "No such operator key"


class OperatorKeyRevoked(AppError):
    """The operator key was revoked or has expired, and that is final."""

    code, kind, title = "operator_key_revoked", Kind.CONFLICT, "The operator key is revoked or expired"


# --- enrollments -----------------------------------------------------------------------------------


class EnrollmentNotFound(AppError):
    """No enrollment has this id."""

    code, kind, title = "enrollment_not_found", Kind.NOT_FOUND, "No such enrollment"


class EnrollmentBindingFailed(AppError):
    """Unknown id, wrong proof token, or an invitation past its time: all alike."""

    code, kind, title = "enrollment_binding_failed", Kind.INVALID_INPUT, "The enrollment could not be bound"


class EnrollmentAlreadyBound(AppError):
    """The right proof token, but the enrollment was bound before."""

    code, kind, title = "enrollment_already_bound", Kind.CONFLICT, "The enrollment is already bound"


class EnrollmentVerifyFailed(AppError):
    """The proof, the challenge or the device key was not accepted: all alike."""

    code, kind, title = "enrollment_verify_failed", Kind.INVALID_INPUT, "The enrollment could not be verified"


class EnrollmentStateConflict(AppError):
    """The enrollment is not in a state in which this can be done."""

    code, kind, title = "enrollment_state_conflict", Kind.CONFLICT, "The enrollment is not in the right state"


class EnrollmentInstanceInfoFailed(AppError):
    """No active enrollment has this proof token."""

    code, kind, title = (
        "enrollment_instance_info_failed",
        Kind.INVALID_INPUT,
        "The instance information could not be given",
    )


class EnrollmentPushAddressFailed(AppError):
    """The proof was not accepted, or the enrollment is not active: all alike."""

    code, kind, title = (
        "enrollment_push_address_failed",
        Kind.INVALID_INPUT,
        "The push address could not be registered",
    )


# --- auth attempts ---------------------------------------------------------------------------------


class AttemptCreateInvalid(AppError):
    """It is not clear for whom the attempt is: nobody named, no or several matches, or a contradiction."""

    code, kind, title = "auth_attempt_create_invalid", Kind.INVALID_INPUT, "The attempt could not be created"


class EnrollmentForbidden(AppError):
    """The enrollment is unknown or another integration's."""

    code, kind, title = "enrollment_forbidden", Kind.FORBIDDEN, "The enrollment is not this integration's"


class EnrollmentInactive(AppError):
    """The enrollment is this integration's, but not verified, not active, or locked."""

    code, kind, title = "enrollment_inactive", Kind.FORBIDDEN, "The enrollment is not active"


class AttemptNotFound(AppError):
    """No attempt of the caller has this id."""

    code, kind, title = "auth_attempt_not_found", Kind.NOT_FOUND, "No such authentication attempt"


class AttemptStateConflict(AppError):
    """The attempt has ended, or was never read: there is nothing left to decide."""

    code, kind, title = (
        "auth_attempt_state_conflict",
        Kind.CONFLICT,
        "The authentication attempt is not in the right state",
    )


class AttemptBindingFailed(AppError):
    """The poll did not prove possession of an active enrollment, or its proof token is spent: all alike."""

    code, kind, title = (
        "auth_attempt_binding_failed",
        Kind.INVALID_INPUT,
        "The pending attempt could not be given",
    )


class AttemptWaitInvalid(AppError):
    """The timeout or the polling interval is not as documented."""

    code, kind, title = "auth_attempt_wait_invalid", Kind.INVALID_INPUT, "The wait is not valid"


class IdempotencyKeyReused(AppError):
    """The same Idempotency-Key came before with another request."""

    code, kind, title = (
        "idempotency_key_reused",
        Kind.INVALID_INPUT,
        "The Idempotency-Key was used with another request",
    )
