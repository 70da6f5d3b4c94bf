/** Tokens for endpoints that are started from here: the page has the right to make them, the endpoint hasn't. */

import type { Channel } from '../channel/channel.js';
import type { CreatedToken, NewToken, TokensAnswer } from '../wire/types.js';

export function makeToken(channel: Channel, wanted: NewToken): Promise<CreatedToken> {
  return channel.call<CreatedToken>({ endpoint: '', method: 'POST', path: '/tokens', body: wanted });
}

/** Return the ids of the tokens for one name. */
export async function tokensOf(channel: Channel, name: string, parent?: string): Promise<string[]> {
  const { tokens } = await channel.call<TokensAnswer>({ endpoint: '', method: 'GET', path: '/tokens' });
  return tokens
    .filter(token => token.name === name && (parent === undefined || token.parent === parent))
    .map(token => token.id);
}

/** Revoke a token; one that is gone already is no mistake, and one that can't be revoked expires. */
export async function revokeToken(channel: Channel, id: string): Promise<void> {
  const path = `/tokens/${encodeURIComponent(id)}`;
  await channel.call({ endpoint: '', method: 'DELETE', path }).catch(() => undefined);
}
