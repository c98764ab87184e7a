"""What the pages say, in each language of the product."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER = re.compile("[0-9]+")
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


@dataclass(frozen=True, slots=True)
class Words:
    """One language. What stands in braces is the application, the address, the organization.

    Args:
        lang: Its BCP 47 tag.
        refused: What is wrong with a link, by the code of an error: a title and a sentence.
        faults: What is wrong with a new password, by the core's sentence with `#` for its number.
        roles: What a member may be.
    """

    lang: str
    confirm_title: str
    confirm_text: str
    confirm_button: str
    confirmed_title: str
    confirmed_text: str
    sign_in_title: str
    sign_in_text: str
    sign_in_button: str
    reset_title: str
    reset_text: str
    reset_button: str
    reset_done_title: str
    reset_done_text: str
    invited_title: str
    invited_text: str
    invited_new: str
    invited_known: str
    invited_button: str
    joined_title: str
    joined_text: str
    email: str
    password: str
    new_password: str
    onward: str
    not_you: str
    wrong_password: str
    refused: Mapping[str, tuple[str, str]]
    refused_otherwise: tuple[str, str]
    faults: Mapping[str, str]
    roles: Mapping[str, str]

    def fault(self, sentence: str) -> str:
        """What the core says of a new password; in its own words where this language has none."""
        number = _NUMBER.search(sentence)
        told = self.faults.get(_NUMBER.sub("#", sentence), sentence)
        return told.replace("#", number[0]) if number else told


ENGLISH = Words(
    lang="en",
    confirm_title="Confirm your email address",
    confirm_text="Press the button if {email} is your address and you use it at {app}.",
    confirm_button="Confirm",
    confirmed_title="Your email address is confirmed",
    confirmed_text="Thank you. You can close this page.",
    sign_in_title="Sign in to {app}",
    sign_in_text="Press the button to sign in as {email}.",
    sign_in_button="Sign in",
    reset_title="Choose a new password",
    reset_text="For your account at {app}. You will be signed out everywhere.",
    reset_button="Set the new password",
    reset_done_title="Your password is changed",
    reset_done_text="You are signed out everywhere. Sign in with your new password.",
    invited_title="Join {organization}",
    invited_text="{organization} invites {email} to join as {role}.",
    invited_new="Choose a password for your new account.",
    invited_known="You have an account already. Enter its password to accept.",
    invited_button="Accept the invitation",
    joined_title="You have joined {organization}",
    joined_text="You can now sign in with your email address and password.",
    email="Email address",
    password="Password",  # noqa: S106 - a label
    new_password="New password",  # noqa: S106 - a label
    onward="Go on to {app}",
    not_you="If you did not ask for this, close this page: nothing happens.",
    wrong_password="The password is incorrect.",  # noqa: S106 - a sentence
    refused={
        "link_unknown": (
            "This link does not work",
            "It may not be complete. Copy it whole, or ask for a new one.",
        ),
        "link_used": ("This link was used before", "Each link works once. Ask for a new one if you need it."),
        "link_expired": ("This link has expired", "Links work for a short time only. Ask for a new one."),
        "invitation_invalid": (
            "This invitation cannot be accepted",
            "It was accepted or taken back, or has expired. Ask whoever invited you for a new one.",
        ),
        "too_many_requests": ("Too many requests", "Wait a minute and try again."),
        "too_many_attempts": ("Too many attempts", "Wait a while and try again."),
        "unavailable": ("Not available at the moment", "Wait a minute and try again."),
        "internal_error": ("Something went wrong on our side", "Wait a minute and try again."),
    },
    refused_otherwise=("There is nothing here", "The link may not be complete. Copy it whole."),
    faults={
        "must have at least # characters": "The password must have at least # characters.",
        "must have at most # characters": "The password must have at most # characters.",
        "is one of the most common passwords": "The password is one of the most common ones.",
        "is too close to your email address or the application's name": "The password is too close to your "
        "email address or the application's name.",
        "appears in known data breaches": "The password appears in known data breaches.",
    },
    roles={"owner": "owner", "admin": "administrator", "developer": "developer"},
)

GERMAN = Words(
    lang="de",
    confirm_title="E-Mail-Adresse bestätigen",
    confirm_text="Bestätigen Sie, dass {email} Ihre Adresse bei {app} ist.",
    confirm_button="Bestätigen",
    confirmed_title="Ihre E-Mail-Adresse ist bestätigt",
    confirmed_text="Vielen Dank. Sie können diese Seite schließen.",
    sign_in_title="Bei {app} anmelden",
    sign_in_text="Klicken Sie auf die Schaltfläche, um sich als {email} anzumelden.",
    sign_in_button="Anmelden",
    reset_title="Neues Passwort wählen",
    reset_text="Für Ihr Konto bei {app}. Sie werden überall abgemeldet.",
    reset_button="Neues Passwort setzen",
    reset_done_title="Ihr Passwort ist geändert",
    reset_done_text="Sie sind überall abgemeldet. Melden Sie sich mit dem neuen Passwort an.",
    invited_title="{organization} beitreten",
    invited_text="{organization} lädt {email} ein, als {role} beizutreten.",
    invited_new="Wählen Sie ein Passwort für Ihr neues Konto.",
    invited_known="Sie haben schon ein Konto. Geben Sie dessen Passwort ein, um anzunehmen.",
    invited_button="Einladung annehmen",
    joined_title="Sie sind {organization} beigetreten",
    joined_text="Sie können sich jetzt mit E-Mail-Adresse und Passwort anmelden.",
    email="E-Mail-Adresse",
    password="Passwort",  # noqa: S106 - a label
    new_password="Neues Passwort",  # noqa: S106 - a label
    onward="Weiter zu {app}",
    not_you="Wenn Sie das nicht verlangt haben, schließen Sie diese Seite: Es geschieht nichts.",
    wrong_password="Das Passwort ist falsch.",  # noqa: S106 - a sentence
    refused={
        "link_unknown": (
            "Dieser Link funktioniert nicht",
            "Vielleicht ist er unvollständig. Kopieren Sie ihn ganz, oder fordern Sie einen neuen an.",
        ),
        "link_used": (
            "Dieser Link wurde schon benutzt",
            "Jeder Link gilt einmal. Fordern Sie einen neuen an, wenn Sie ihn brauchen.",
        ),
        "link_expired": (
            "Dieser Link ist abgelaufen",
            "Links gelten nur kurze Zeit. Fordern Sie einen neuen an.",
        ),
        "invitation_invalid": (
            "Diese Einladung kann nicht angenommen werden",
            "Sie wurde angenommen oder zurückgenommen, oder sie ist abgelaufen. Bitten Sie um eine neue.",
        ),
        "too_many_requests": (
            "Zu viele Anfragen",
            "Warten Sie eine Minute und versuchen Sie es noch einmal.",
        ),
        "too_many_attempts": ("Zu viele Versuche", "Warten Sie eine Weile und versuchen Sie es noch einmal."),
        "unavailable": (
            "Zur Zeit nicht erreichbar",
            "Warten Sie eine Minute und versuchen Sie es noch einmal.",
        ),
        "internal_error": (
            "Bei uns ist etwas schiefgegangen",
            "Warten Sie eine Minute und versuchen Sie es noch einmal.",
        ),
    },
    refused_otherwise=("Hier ist nichts", "Vielleicht ist der Link unvollständig. Kopieren Sie ihn ganz."),
    faults={
        "must have at least # characters": "Das Passwort braucht mindestens # Zeichen.",
        "must have at most # characters": "Das Passwort darf höchstens # Zeichen haben.",
        "is one of the most common passwords": "Das Passwort ist eines der häufigsten.",
        "is too close to your email address or the application's name": "Das Passwort ähnelt Ihrer "
        "E-Mail-Adresse oder dem Namen der Anwendung zu sehr.",
        "appears in known data breaches": "Das Passwort kommt in bekannten Datenlecks vor.",
    },
    roles={"owner": "Inhaber", "admin": "Administrator", "developer": "Entwickler"},
)

LANGUAGES = (ENGLISH, GERMAN)
"""The first is everybody's last resort."""


def words_for(accept_language: str | None) -> Words:
    """The words that a browser likes best, by its Accept-Language header.

    Source: RFC 9110, section 12.5.4; a language without a region stands for all of its regions.
    """
    best, best_weight = LANGUAGES[0], 0.0
    for position, part in enumerate((accept_language or "").split(",")[:20]):
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        # Of two that are liked alike, the first.
        weight = float(found[2] or 1) - position / 1000
        for words in LANGUAGES:
            if words.lang == found[1].lower() and weight > best_weight and float(found[2] or 1) > 0:
                best, best_weight = words, weight
    return best
