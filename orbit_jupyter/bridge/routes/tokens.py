"""Routes about the tokens that endpoints join with."""

from __future__ import annotations

import asyncio

import msgspec

from orbit_jupyter.plugin import Request, route
from orbit_jupyter.protocol import InvalidFieldError, ResourceNotFoundError

from ..hub import Hub
from ..tokens import TokenRecord, TokenStore, parse_duration


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /tokens``."""

    name: str
    """A name, or a glob of names, that an endpoint with this token may have."""
    expires: str | None = None
    """``30d``, ``12h``, ``15m``, ``45s``, ``2w`` or ``never``; with a parent, until its first use."""
    parent: str | None = None
    """The endpoint whose job is to have it: then it is good for one life, until that endpoint tells of its end."""
    life: str | None = None
    """With a parent: how long it is good from its first use on; null: until its endpoint says goodbye."""


class ShownToken(msgspec.Struct, frozen=True):
    """What people may see of a token. Times are epoch seconds."""

    id: str
    name: str
    owner: str
    created: float
    expires: float | None
    parent: str | None = None

    @classmethod
    def of(cls, record: TokenRecord) -> ShownToken:
        """Leave out what nobody may see."""
        return cls(record.id, record.name, record.owner, record.created, record.expires, record.parent)


class CreatedToken(ShownToken, frozen=True, kw_only=True):
    """A new token; the only time that its text is shown."""

    token: str


class TokensAnswer(msgspec.Struct, frozen=True):
    """Of ``GET /tokens``."""

    tokens: list[ShownToken]


class RevokedAnswer(msgspec.Struct, frozen=True):
    """Of ``DELETE /tokens``: the ids of what was revoked."""

    revoked: list[str]


class TokenRoutes:
    """Makes, lists and revokes tokens."""

    def __init__(self, hub: Hub, tokens: TokenStore) -> None:
        self._hub, self._tokens = hub, tokens

    @route.get("tokens")
    async def list_tokens(self) -> TokensAnswer:
        """Return the tokens, without their secrets."""
        records = await asyncio.to_thread(self._tokens.records)
        return TokensAnswer([ShownToken.of(record) for record in records])

    @route.post("tokens", action="execute", errors=(InvalidFieldError,))
    async def create_token(self, request: Request, body: NewToken) -> CreatedToken:
        """Make a token; this answer is the only time that its text is shown."""
        assert request.principal is not None
        token, record = await asyncio.to_thread(
            self._tokens.create,
            body.name,
            request.principal.user,
            parse_duration(body.expires),
            parent=body.parent,
            life=parse_duration(body.life),
        )
        return CreatedToken(**msgspec.structs.asdict(ShownToken.of(record)), token=token)

    @route.delete("tokens/{id}", action="write", errors=(ResourceNotFoundError,))
    async def revoke_token(self, id: str) -> RevokedAnswer:
        """Remove a token, or all of a name; their endpoints are disconnected."""
        gone = await asyncio.to_thread(self._tokens.revoke, id)
        self._hub.drop_revoked({record.id for record in gone})
        return RevokedAnswer([record.id for record in gone])
