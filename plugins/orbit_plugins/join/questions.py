"""What a question of ssh's is about, told from its words."""

from __future__ import annotations

from .answers import QuestionKind


def kind_of(prompt: str) -> QuestionKind:
    """Return what a question asks for; what can't be told is a second factor, whose answer isn't shown either."""
    said = prompt.lower()
    if "fingerprint" in said and ("yes/no" in said or "'yes'" in said):
        return "host key"
    if "(yes/no" in said:
        return "yes-no"
    if "passphrase" in said or "pin for" in said:
        return "passphrase"
    return "password" if "password" in said else "second factor"
